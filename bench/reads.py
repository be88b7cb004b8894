"""The table of reads: lists, search and dashboard as the tables grow; the product list beside its rivals."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from uuid import UUID

import psycopg

from bench import rows
from bench.connection import Connection
from bench.platform import ROOMY, Platform
from bench.report import Row, p99
from bench.rivals import same, serving
from imagineai_api.identity import Tokens
from imagineai_api.settings import Settings

PRODUCTS = "/api/v1/products"
PATHS = {
    "own account": "/api/v1/auth/me",  # reads nothing that grows: what it takes longer is the machine's doing
    "product list": PRODUCTS,
    "product list of a category": f"{PRODUCTS}?category=toys",
    "product list of a status": f"{PRODUCTS}?status=draft",
    "product list, page 10": f"{PRODUCTS}?page=10",
    "search": f"{PRODUCTS}?search=leather%20-wireless",
    "product": PRODUCTS + "/{product_id}",
    "jobs": "/api/v1/jobs",
    "dashboard, statistics": "/api/v1/dashboard/stats",
    "dashboard, recent": "/api/v1/dashboard/recent",
    "dashboard, categories": "/api/v1/dashboard/category-distribution",
}
ONE_OF_A_USERS = "SELECT id FROM products WHERE user_id = %s ORDER BY created_at DESC LIMIT 1"
COMPARED_AT = 1_000
"""Images; what is slower with more of them is told as a multiple of this."""
LARGE_FROM, LARGE = 500_000, 100_000
"""From so many images on, one user owns so many of them."""
WARM_UP = 10
ROUNDS = 10


@dataclass(frozen=True)
class Reader:
    """A user with rows, and one of the products."""

    token: str
    product_id: UUID


class ReadsBench:
    """Fills the platform's database and measures what reading it costs.

    Args:
        platform: Where; it keeps the rows.
        sizes: How many images there are at each measurement; ascending.
        requests: How many each row asks.
    """

    def __init__(self, platform: Platform, sizes: Sequence[int], requests: int) -> None:
        self._platform = platform
        self._sizes = sizes
        self._requests = requests
        self._settings = Settings(
            **{name.lower(): value for name, value in platform.env.items()}  # type: ignore[arg-type]
        )
        self._tokens = Tokens(self._settings.model_copy(update={"access_token_minutes": 600}))
        self.rows: list[Row] = []

    async def measure(self) -> list[Row]:
        """Measure everything; gives the rows of the table."""
        compared: dict[str, float] = {}
        filled = 0
        for size in self._sizes:
            usual, large = self._filled(size - filled)
            filled = size
            seen = self._growth(f"{size:,} images", usual, compared if size > COMPARED_AT else {})
            if size == COMPARED_AT:
                compared = seen
            if large is not None:
                self._growth(f"{size:,} images, {LARGE:,} the user's", large, {})
        self._beside_rivals(usual)
        return self.rows

    def _filled(self, more: int) -> tuple[Reader, Reader | None]:
        address = self._settings.database_url.replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            users = rows.fill(connection, more, LARGE if more >= LARGE_FROM else 0)

            def reader(user_id: UUID) -> Reader:
                found = connection.execute(ONE_OF_A_USERS, [user_id]).fetchone()
                assert found is not None, "a user without products"  # noqa: S101 - for the type
                return Reader(self._tokens.issue(user_id, "access")[0], found[0])

            return reader(users[0]), None if users[1] is None else reader(users[1])

    def _growth(self, where: str, reader: Reader, compared: dict[str, float]) -> dict[str, float]:
        """Measure every path for one user, in turns; gives their p50 in ms."""
        seen: dict[str, list[list[float]]] = {what: [] for what in PATHS}
        with Connection(self._platform.url, reader.token) as connection:
            for _ in range(ROUNDS):
                for what, path in PATHS.items():
                    seen[what].append(self._asked(connection, path.format(product_id=reader.product_id)))
        p50 = {what: _least_disturbed(rounds) for what, rounds in seen.items()}
        for what, rounds in seen.items():
            everything = [latency for latencies in rounds for latency in latencies]
            note = f"p99 {p99(everything):.2f} ms, {1e3 / fmean(everything):.0f}/s"
            self._add(Row(f"{what}, {where}: p50", p50[what], "ms", note=note))
        for what in compared:
            note = f"{p50[what]:.2f} ms, {compared[what]:.2f} ms with {COMPARED_AT:,} images"
            self._add(Row(f"{what}, {where}, of a few", p50[what] / compared[what], "x", 1.5, 1.1, note=note))
        return p50

    def _beside_rivals(self, reader: Reader) -> None:
        """Ask three servers for the same list, in turns."""
        env = {**os.environ, **self._platform.env, **ROOMY}
        with serving("raw", env) as raw, serving("orm", env) as orm:
            urls = {"ours": self._platform.url, "raw": raw, "orm": orm}
            same(urls.values(), reader.token)
            seen: dict[str, list[list[float]]] = {name: [] for name in urls}
            for _ in range(ROUNDS):
                for name, url in urls.items():
                    with Connection(url, reader.token) as connection:
                        seen[name].append(self._asked(connection, PRODUCTS))
        ours, of_raw, of_orm = (1e3 / _least_disturbed(seen[name]) for name in urls)
        note = f"{ours:.0f}/s of {of_raw:.0f}/s"
        what = "product list, of raw ASGI and psycopg"
        self._add(Row(what, ours / of_raw, "", 0.7, 0.9, more_is_better=True, note=note))
        note = f"{ours:.0f}/s, theirs {of_orm:.0f}/s"
        what = "product list, of the ORM's usual way"
        self._add(Row(what, ours / of_orm, "x", 2.5, 4, more_is_better=True, note=note))

    def _asked(self, connection: Connection, path: str) -> list[float]:
        """Ask for a path for one round; gives the latencies in ms."""
        connection.timed_ms(path, WARM_UP)
        return connection.timed_ms(path, self._requests // ROUNDS)

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        print(f"{row.what}: {row.seen:.3g} {row.unit} {row.verdict} {row.note}", flush=True)  # noqa: T201


def _least_disturbed(rounds: Sequence[Sequence[float]]) -> float:
    """Give the p50 of the quickest round: a machine that others use as well is never quicker than it is."""
    return min(median(latencies) for latencies in rounds)
