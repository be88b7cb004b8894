"""The work itself, without a service: decode and forward pass, on every core."""

from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from os import cpu_count
from pathlib import Path
from time import perf_counter, process_time

from bench.bundle import BUNDLE
from imagineai_vision import picture
from imagineai_vision.engine import Engine


class RawLoop:
    """The released bundle in this process, a thread a core."""

    def __init__(self, bundle: Path = BUNDLE) -> None:
        self._engine = Engine.open(bundle)
        self._cores = cpu_count() or 1

    def latency_s(self, picture_file: bytes, times: int = 20) -> float:
        """Give the median time of one picture alone, in s."""
        taken = sorted(self._timed([picture_file], 1) for _ in range(times))
        return taken[len(taken) // 2]

    def pictures_per_s(self, pictures: list[bytes], count: int) -> float:
        """Give how many pictures all cores do in a second."""
        return count / self._timed(list(islice(cycle(pictures), count)), self._cores)

    def cpu_ms(self, pictures: list[bytes]) -> float:
        """Give the CPU time of one picture, in ms, every core being busy as it is under a service's load.

        Alone on its core a picture takes less: two that share a core's caches and units slow each other down.
        """
        began = process_time()
        self._timed(pictures, self._cores)
        return (process_time() - began) / len(pictures) * 1e3

    def _timed(self, pictures: list[bytes], threads: int) -> float:
        with ThreadPoolExecutor(threads) as pool:
            started = perf_counter()
            list(pool.map(self._one, pictures))
            return perf_counter() - started

    def _one(self, data: bytes) -> None:
        rgb, _ = picture.read_with_facts(data, self._engine.bundle.size)
        self._engine.outputs(rgb[None])
