"""Faults drawn from a seed: a process is killed, or stopped for some seconds, and the next is drawn."""

import contextlib
import random
import threading
import time
from collections import Counter

import psutil

from tests import platforms
from tests.faults import processes
from tests.system import outages

PARTS = ("api", "prefect", "postgres", "redis", "s3", "mlflow", "interactive", "batch")
RUNS = {"a shift": "interactive", "a batch's run": "batch"}
WAYS = ("killed", "stopped")
STOPPED_S = (0.5, 6.0)
PAUSE_S = (2.0, 7.0)


class Chaos:
    """Draws faults; the same seed draws the same ones in the same order.

    What a fault meets depends on the moment: one whose process is not there just then is passed over.
    """

    def __init__(self, platform, seed):
        self._platform = platform
        self._draw = random.Random(seed)
        self.counts = Counter()

    def until(self, deadline):
        """Do one fault after another until a moment of the monotonic clock."""
        while time.monotonic() < deadline:
            target, way = self._draw.choice([*PARTS, *RUNS]), self._draw.choice(WAYS)
            stopped_s, pause_s = self._draw.uniform(*STOPPED_S), self._draw.uniform(*PAUSE_S)
            with contextlib.suppress(psutil.NoSuchProcess):
                self._do(target, way, stopped_s)
            threading.Event().wait(pause_s)

    def _do(self, target, way, stopped_s):
        found = self._find(target)
        if not found:
            return
        self.counts[f"{target} {way}"] += 1
        if way == "killed":
            processes.kill(*found)
        else:
            with outages.paused(*found):
                threading.Event().wait(stopped_s)

    def _find(self, target):
        if target in RUNS:
            return processes.runs_now(self._platform, RUNS[target])
        pid = platforms.parts(self._platform.home)[target]["pid"]
        return [] if pid is None else [psutil.Process(pid)]
