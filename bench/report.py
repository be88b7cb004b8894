"""Figures beside what they must reach: a table for people, JSON for whoever compares runs."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path("outputs/bench")


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: What was measured.
        seen: What came out.
        unit: Of ``seen``, ``must`` and ``goal``.
        must: What it has to reach; None where it is only told.
        goal: What would be good.
        more_is_better: Which side of ``must`` is right.
        note: What else one has to know to read it.
    """

    what: str
    seen: float
    unit: str
    must: float | None = None
    goal: float | None = None
    more_is_better: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """Say whether it reaches its goal, what it must, or misses it."""
        if self.must is None:
            return ""
        sign = 1 if self.more_is_better else -1
        if self.goal is not None and sign * self.seen >= sign * self.goal:
            return "goal"
        return "ok" if sign * self.seen >= sign * self.must else "MISSED"


def p99(values: Sequence[float]) -> float:
    """Give the 99th percentile, which lies between the least and the largest value however few there are."""
    return quantiles(values, n=100, method="inclusive")[98]


def show(title: str, rows: Sequence[Row]) -> None:
    """Print the table."""
    table = Table(title=title, title_justify="left")
    for name in ("what", "seen", "must", "goal", "", "note"):
        table.add_column(name, justify="right" if name in ("seen", "must", "goal") else "left")
    for row in rows:
        table.add_row(
            row.what,
            f"{row.seen:.3g} {row.unit}",
            *("" if limit is None else f"{limit:g}" for limit in (row.must, row.goal)),
            row.verdict,
            row.note,
        )
    Console().print(table)


def write(name: str, rows: Sequence[Row], **others: Any) -> Path:
    """Write the figures with the machine, the commit and the time, and what else there is; gives the file."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    facts = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}",
        "load": os.getloadavg(),
        "rows": [asdict(row) | {"verdict": row.verdict} for row in rows],
        **others,
    }
    path.write_text(json.dumps(facts, indent=2) + "\n")
    return path


def _commit() -> str:
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"
