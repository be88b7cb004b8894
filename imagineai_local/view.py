"""What the person at the terminal sees: a live table while parts start, plain lines elsewhere."""

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from imagineai_local import logs
from imagineai_local.dispensable import Dispensable
from imagineai_local.supervisor import Kept, State

_LOOKS = {
    State.WAITING: "dim",
    State.STARTING: "yellow",
    State.READY: "green",
    State.DONE: "green",
    State.RESTARTING: "red",
    State.STOPPED: "dim",
}
_REMIND_EVERY_S = 10


class View:
    """Writes to the terminal, or as plain lines to whatever else the output leads to."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._log: Path | None = None
        self._short = Dispensable("This log cannot be kept short", self.say)
        self._reminded = time.monotonic()

    def say(self, text: str, style: str = "") -> None:
        """Print a line; nothing in it is taken for markup."""
        if self._log is not None:
            with self._short.writing():
                logs.bound(self._log)
            text = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}"
        self._print(Text(text, style=style))

    def watch(self) -> None:
        """Begin to show the parts; `draw` brings the picture up to date."""
        if self._console.is_terminal:
            # No refreshing thread: the launcher forks, which threads do not survive.
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()

    def draw(self, parts: Iterable[Kept]) -> None:
        """Show how far every part is; without a terminal, now and then what is still waited for."""
        parts = list(parts)
        if self._live is not None:
            with suppress(OSError):  # the terminal may be gone, the platform goes on
                self._live.update(_table(parts), refresh=True)
        elif time.monotonic() - self._reminded > _REMIND_EVERY_S:
            self._reminded = time.monotonic()
            open_ones = [kept for kept in parts if kept.state in (State.STARTING, State.RESTARTING)]
            if open_ones:
                self.say("Still waiting for " + ", ".join(_what(kept) for kept in open_ones) + ".")

    def rest(self) -> None:
        """Leave the last picture standing and go on with lines."""
        if self._live is not None:
            live, self._live = self._live, None
            with suppress(OSError):
                live.stop()

    def changed(self, kept: Kept) -> None:
        """Tell what happened to a part, where the live table does not show it."""
        if self._live is not None:
            return
        title = kept.part.title
        if kept.state in (State.READY, State.DONE):
            self.say(f"{title}: {kept.state} after {time.monotonic() - kept.since:.1f} s")
        elif kept.state is State.RESTARTING:
            self.say(f"{title}: {kept.detail}, is started again")

    def summary(self, rows: Iterable[tuple[str, str]]) -> None:
        """Print where everything is, a line each; addresses are never cut."""
        rows = list(rows)
        width = max((len(what) for what, _ in rows), default=0)
        for what, where in rows:
            self._print(Text.assemble((what.ljust(width), "bold"), "  ", where))

    def continue_in(self, log: Path) -> None:
        """Write to a bounded file from now on, with the time before each line."""
        self._log = log
        self._console = Console(file=log.open("a", buffering=1), highlight=False, soft_wrap=True)

    def _print(self, text: Text) -> None:
        with suppress(OSError):
            self._console.print(text)


def _what(kept: Kept) -> str:
    return f"{kept.part.title} ({kept.detail})" if kept.detail else kept.part.title


def _table(parts: Iterable[Kept]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for kept in parts:
        waits = kept.state in (State.WAITING, State.STARTING) and kept.detail
        detail = f"waits for {kept.detail}" if waits else kept.detail
        seconds = f"{time.monotonic() - kept.since:.0f} s" if kept.state is State.STARTING else ""
        table.add_row(
            kept.part.title, Text(kept.state, style=_LOOKS[kept.state]), seconds, Text(detail, "dim")
        )
    return table
