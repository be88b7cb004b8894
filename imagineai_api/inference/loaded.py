"""The model versions in memory: the champion, the one before it, and what a batch holds on to."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imagineai_api.inference.source import ModelVersion

if TYPE_CHECKING:
    from imagineai_vision.engine import Engine

LOADED_AT_ONCE = 3
"""The champion, the one before it for an instant rollback, and one that a batch holds on to."""


@dataclass(frozen=True)
class Served:
    """A loaded model version.

    Attributes:
        origin: What the registry says of it.
        bundle_sha256: Of the bundle that was loaded.
        engine: What answers.
        since: When it became the champion here; before that, when it was loaded.
    """

    origin: ModelVersion
    bundle_sha256: str
    engine: "Engine"
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def version(self) -> str:
        """Its number in the registry."""
        return self.origin.version


class LoadedVersions:
    """Opens versions once, and lets go of those that nobody needs any more."""

    def __init__(self, open_version: Callable[[ModelVersion], Served]) -> None:
        self._open = open_version
        self._served: dict[str, Served] = {}
        self._loading = asyncio.Lock()
        self.champion: Served | None = None
        self.previous: Served | None = None

    def get(self, version: str) -> Served | None:
        """Give a version that is in memory."""
        return self._served.get(version)

    async def load(self, wanted: ModelVersion) -> Served:
        """Give a version, opened in a thread where it is not in memory; one at a time.

        Raises:
            RegistryAway: It cannot be fetched, or is not good.
        """
        async with self._loading:
            found = self._served.get(wanted.version)
            if found is None or found.origin != wanted:
                # The one that serves goes on serving until the new one is proven and warm.
                found = await asyncio.to_thread(self._open, wanted)
                self._served[wanted.version] = found
                self._let_go(wanted.version)
            return found

    def load_now(self, wanted: ModelVersion) -> Served:
        """Open a version in this thread, before anything is served."""
        self._served[wanted.version] = self._open(wanted)
        return self._served[wanted.version]

    def promote(self, served: Served) -> Served:
        """Answer with this version from now on, and keep the one before it."""
        if self.champion is not None and self.champion.origin != served.origin:
            self.previous = self.champion
        self.champion = replace(served, since=datetime.now(UTC))
        return self.champion

    def _let_go(self, newest: str) -> None:
        # A prediction under way keeps its own engine alive.
        kept = {newest, *(one.version for one in (self.champion, self.previous) if one)}
        spare = [version for version in self._served if version not in kept]
        for version in spare[: max(0, len(self._served) - LOADED_AT_ONCE)]:
            del self._served[version]
