"""What came of each load on each way to serve: a table on the terminal, and a plot for people."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from rich.console import Console, JustifyMethod
from rich.table import Table

from bench.measured import Measured
from bench.report import RESULTS

LEFT: JustifyMethod = "left"
RIGHT: JustifyMethod = "right"
COLUMNS = {
    **dict.fromkeys(("who", "backend", "setting", "load"), LEFT),
    **dict.fromkeys(("/s", "of raw", "p50 ms", "p99 ms", "CPU ms", "MB", "refused"), RIGHT),
    "": LEFT,
}
BACKEND_COLORS = {"torch": "#dd8452", "onnx": "#4c72b0"}
LOAD_MARKS = {
    "1 connection": ("o", "#a9c7e8"),
    "8 connections": ("o", "#5b8fc7"),
    "32 connections": ("o", "#1f4e85"),
    "50% of capacity": ("D", "#f0b27a"),
    "80% of capacity": ("D", "#c0561f"),
}


def show(title: str, measured: Sequence[Measured]) -> None:
    """Print the table."""
    if not measured:
        return
    table = Table(title=title, title_justify="left")
    for name, justify in COLUMNS.items():
        table.add_column(name, justify=justify)
    for before, row in zip((measured[0], *measured), measured, strict=False):
        if (before.name, before.backend) != (row.name, row.backend):
            table.add_section()
        table.add_row(*_cells(row))
    Console().print(table)


def draw(measured: Sequence[Measured]) -> Path:
    """Draw throughput beside the raw loop's, and tail latencies; gives the file."""
    whose = list(dict.fromkeys((row.name, row.backend) for row in measured))
    figure = Figure(figsize=(12, 1.6 + 0.62 * len(whose)), layout="constrained")
    throughput, tail = figure.subplots(1, 2, sharey=True)
    for place, who in enumerate(whose):
        rows = [row for row in measured if (row.name, row.backend) == who]
        _draw_throughput(throughput, place, rows)
        _draw_tail(tail, place, rows)
    throughput.set_yticks(range(len(whose)), [_named(name, backend) for name, backend in whose])
    throughput.invert_yaxis()
    throughput.margins(x=0.45)
    throughput.set(title="Throughput at its best; | is the raw loop", xlabel="answers with 2xx a second")
    tail.set(title="p99 of the latency, by load", xlabel="ms, on a logarithmic scale", xscale="log")
    tail.margins(x=0.15)
    tail.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    tail.xaxis.set_major_formatter("{x:g}")
    tail.xaxis.set_minor_locator(NullLocator())
    tail.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, frameon=False)
    for axes in (throughput, tail):
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "serving.png"
    figure.savefig(path, dpi=120)
    return path


def _draw_throughput(axes: Axes, place: int, rows: Sequence[Measured]) -> None:
    best = max(rows, key=lambda row: row.per_s)
    axes.barh(place, best.per_s, color=BACKEND_COLORS[best.backend], height=0.6)
    axes.plot([best.raw_per_s] * 2, [place - 0.4, place + 0.4], color="black", linewidth=1.5)
    said = f" {best.per_s:.1f}/s, {best.of_raw:.0%} of raw"
    axes.text(max(best.per_s, best.raw_per_s), place, said, va="center", fontsize=9)


def _draw_tail(axes: Axes, place: int, rows: Sequence[Measured]) -> None:
    for row in rows:
        marker, color = LOAD_MARKS.get(row.load, ("o", "gray"))
        axes.plot(
            row.p99_ms,
            place,
            marker,
            color=color,
            markersize=8,
            alpha=0.85,
            label=None if place else row.load,
        )


def _named(name: str, backend: str) -> str:
    return f"{name}\n{backend}"


def _cells(row: Measured) -> list[str]:
    figures = [f"{figure:.0f}" for figure in (row.p50_ms, row.p99_ms, row.cpu_ms, row.memory_mb, row.refused)]
    rates = [f"{row.per_s:.1f}", f"{row.of_raw:.2f}"]
    return [row.name, row.backend, row.setting, row.load, *rates, *figures, "best" if row.best else ""]
