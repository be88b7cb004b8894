"""What the parts of a platform use: CPU and memory of whole process trees."""

from pathlib import Path

import psutil

MARK = "IMAGINEAI_PART"


class Part:
    """The processes of one part, found by the mark in their environment."""

    def __init__(self, home: Path, name: str) -> None:
        self._mark = f"{home}:{name}"

    def cpu_s(self) -> float:
        """Give the CPU time of the part's living processes and of their ended children, in s."""
        return sum(_cpu_s(process) for process in self.processes())

    def memory_bytes(self) -> int:
        """Give the memory that is the part's alone (USS) or, where that is not told, resident."""
        return sum(_memory_bytes(process) for process in self.processes())

    def processes(self) -> list[psutil.Process]:
        """Find those that carry the mark, and what they have started: PostgreSQL's write over theirs."""
        found = {process for process in psutil.process_iter() if self._is_ours(process)}
        return list(found.union(*(_children(process) for process in found)))

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get(MARK) == self._mark)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            return False


class Parts:
    """Several parts as one."""

    def __init__(self, *parts: Part) -> None:
        self._parts = parts

    def cpu_s(self) -> float:
        """Give the CPU time of them all, in s."""
        return sum(part.cpu_s() for part in self._parts)

    def memory_bytes(self) -> int:
        """Give the memory of them all."""
        return sum(part.memory_bytes() for part in self._parts)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        children: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return children


def _memory_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0


def _cpu_s(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:4]))
    except psutil.NoSuchProcess:
        return 0.0
