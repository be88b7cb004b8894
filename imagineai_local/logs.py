"""The logs of the parts: appended to by the processes themselves, bounded by the launcher."""

import os
from pathlib import Path

LARGEST_BYTES = 8_000_000
_TAIL_LINES, _TAIL_BYTES = 15, 8_000


def bound(log: Path) -> None:
    """Keep a log from growing for ever: what is too long becomes `.1`, and the log begins anew.

    The processes go on writing into the same file (they append), so it is emptied, not replaced; lines
    written between copy and cut are lost.
    """
    if not log.exists() or log.stat().st_size <= LARGEST_BYTES:
        return
    old = log.with_name(log.name + ".1")
    with log.open("rb") as source, old.open("wb") as target:
        source.seek(-LARGEST_BYTES, os.SEEK_END)
        while piece := source.read(1 << 20):
            target.write(piece)
    os.truncate(log, 0)


def tail(log: Path) -> str:
    """Return the last lines of a log, indented; what is no text is shown as replacement characters."""
    if not log.exists():
        return "  (no output)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:]) or "  (no output)"


def write_to(log: Path) -> None:
    """Send the output and errors of this process to the end of a log from now on."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
