"""The work itself, without a service: decode and forward pass, on every core."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from os import cpu_count
from pathlib import Path
from time import perf_counter, process_time

from bench.bundle import BUNDLE
from imagineai_vision import picture
from imagineai_vision.engine import Engine


@dataclass(frozen=True)
class Limit:
    """What a machine can do.

    Attributes:
        per_s: Pictures in a second.
        cpu_ms: CPU of one in ms. Alone on its machine a picture takes less: cores share caches and units.
    """

    per_s: float
    cpu_ms: float


class RawLoop:
    """The released bundle in this process, a thread a core."""

    def __init__(self, bundle: Path = BUNDLE) -> None:
        self._engine = Engine.open(bundle)
        self._cores = cpu_count() or 1

    def latency_s(self, picture_file: bytes, times: int = 20) -> float:
        """Give the median time of one picture alone, in s."""
        taken = sorted(self._timed([picture_file], 1) for _ in range(times))
        return taken[len(taken) // 2]

    def limit(self, pictures: list[bytes], count: int) -> Limit:
        """Do so many pictures on all cores."""
        cpu_s = process_time()
        taken_s = self._timed(list(islice(cycle(pictures), count)), self._cores)
        return Limit(count / taken_s, (process_time() - cpu_s) / count * 1e3)

    def _timed(self, pictures: list[bytes], threads: int) -> float:
        with ThreadPoolExecutor(threads) as pool:
            started = perf_counter()
            list(pool.map(self._one, pictures))
            return perf_counter() - started

    def _one(self, data: bytes) -> None:
        rgb, _ = picture.read_with_facts(data, self._engine.bundle.size)
        self._engine.outputs(rgb[None])
