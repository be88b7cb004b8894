"""The table of the peers: for each and each backend the best of its settings, then every load on it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from bench.asking import in_turn, sending_forms
from bench.measured import CONNECTIONS, Measured, Measuring
from bench.peers.process import PeerError, absent, running
from bench.peers.settings import BACKENDS, SERVERS, Peer, Setting
from bench.raw import RawLoop
from bench.report import Row

MOST = max(CONNECTIONS)
WARM = 20
WANTED = {"torch": (2.5, 4.0), "onnx": (1.2, 1.6)}
"""What this service's throughput must be, and would well be, of the best server's on that backend."""


class Comparison:
    """Measures peers.

    Args:
        peers: Which; absent ones are left out.
        pictures: What is sent.
        requests: How many each row asks; half as many where a setting is tried.
    """

    def __init__(self, peers: Sequence[Peer], pictures: list[bytes], requests: int) -> None:
        missing = absent(peers)
        self._peers = [peer for peer in peers if peer not in missing]
        self._pictures = pictures
        self._requests = requests
        self._raw = RawLoop()
        self.failed: list[str] = []
        self.tried: list[Measured] = []
        self.served: list[Measured] = []

    async def measure(self) -> None:
        """Fill ``tried``, a row a setting, ``served``, a row a load on the best of them, and ``failed``."""
        for peer in self._peers:
            for backend in BACKENDS:
                try:
                    await self._measure(peer, backend)
                except PeerError as error:
                    # What the others came to took many minutes: it is not thrown away.
                    self.failed.append(f"{peer.name} on {backend} was not measured. {error}")

    def rows(self, service: Sequence[Measured]) -> list[Row]:
        """Hold the service against the best of the servers."""
        found = [against(service, self.served, backend) for backend in BACKENDS]
        return [row for row in found if row is not None]

    async def _measure(self, peer: Peer, backend: str) -> None:
        tried = [await self._tried(peer, backend, setting) for setting in peer.settings]
        best = max(range(len(tried)), key=lambda index: tried[index].of_raw)
        tried[best] = replace(tried[best], best=True)
        served = await self._served(peer, backend, peer.settings[best])
        self.tried += tried
        self.served += served

    async def _tried(self, peer: Peer, backend: str, setting: Setting) -> Measured:
        async with self._measuring(peer, backend, setting) as measuring:
            return await measuring.closed(MOST, max(WARM, self._requests // 2))

    async def _served(self, peer: Peer, backend: str, setting: Setting) -> list[Measured]:
        async with self._measuring(peer, backend, setting) as measuring:
            return await measuring.everything(self._requests)

    @asynccontextmanager
    async def _measuring(self, peer: Peer, backend: str, setting: Setting) -> AsyncIterator[Measuring]:
        with running(peer, backend, setting, self._pictures[0]) as server:
            async with sending_forms(server.address) as ask:
                await in_turn(ask, self._pictures, MOST, WARM)
                who = peer.name, backend, str(setting)
                yield Measuring(*who, server.processes, ask, self._pictures, self._raw)


def against(service: Sequence[Measured], served: Sequence[Measured], backend: str) -> Row | None:
    """Compare shares of the raw loop, since the machine's speed changes between the two."""
    servers = {peer.name for peer in SERVERS}
    theirs = [row for row in served if row.name in servers and row.backend == backend]
    if not (service and theirs):
        return None
    ours, best = (max(rows, key=lambda row: row.of_raw) for rows in (service, theirs))
    must, goal = WANTED[backend]
    note = (
        f"{ours.per_s:.1f}/s, {best.name} {best.per_s:.1f}/s; of raw {ours.of_raw:.2f} and {best.of_raw:.2f}"
    )
    what = f"throughput, of the best of {', '.join(peer.name for peer in SERVERS)} on {backend}"
    return Row(what, ours.of_raw / best.of_raw, "x", must, goal, more_is_better=True, note=note)
