"""How jobs and uploads go on, as bars in a terminal, and as plain lines where there is none."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from imagineai_client.answers import Event, Import, Job
from imagineai_client.report import show_line
from imagineai_client.uploading import Outcome

WORDS = {
    "preprocess": "reading the picture",
    "classify": "recognising the product",
    "extract_attributes": "finding attributes",
    "detect_defects": "looking for defects",
    "generate_description": "writing a description",
}


def show_progress(events: Iterable[Event], console: Console, *, images: int = 1) -> Event:
    """Show a job as it goes on and return its last event.

    Args:
        events: Of a job, up to its last.
        console: Where to show it.
        images: How many the job has; of one alone the steps are shown.
    """
    if console.is_terminal:
        shown = _as_bar(events, console, images)
    else:
        shown = _as_lines(events, console) if images == 1 else _as_counts(events, console)
    last = None
    for event in shown:
        last = event
    if last is None:
        raise ValueError("a job without a last event")
    return last


def _bar(console: Console) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
    )
    return Progress(*columns, TimeElapsedColumn(), console=console, transient=True)


def _as_bar(events: Iterable[Event], console: Console, images: int) -> Iterator[Event]:
    with _bar(console) as progress:
        bar = progress.add_task("waiting for its turn", total=len(WORDS) if images == 1 else images)
        for event in events:
            if event.step is not None and event.status == "running":
                progress.update(bar, description=WORDS.get(event.step, event.step))
            if event.progress is not None:
                progress.update(bar, completed=event.progress.completed, total=event.progress.total)
            yield event


def _as_lines(events: Iterable[Event], console: Console) -> Iterator[Event]:
    """A line a step."""
    for event in events:
        if event.step is not None and event.status != "running" and event.progress is not None:
            count = f"{event.progress.completed}/{event.progress.total}"
            show_line(f"  {count}  {event.step}: {event.status}", console)
        yield event


def _as_counts(events: Iterable[Event], console: Console) -> Iterator[Event]:
    """A line for every tenth of the images."""
    told = 0
    for event in events:
        if event.progress is not None and event.progress.completed * 10 >= (told + 1) * event.progress.total:
            told = event.progress.completed * 10 // event.progress.total
            show_line(f"  {event.progress.completed}/{event.progress.total} images", console)
        yield event


def show_end(job: Job, console: Console) -> None:
    """Print what became of a job's images, and of those that failed the reason."""
    counts = f"{job.processed_images} of {job.total_images} analysed, {job.failed_images} failed"
    show_line(f"{job.status}: {counts}", console)
    if job.error_message:
        show_line(job.error_message, console)
    for step in job.steps:
        if step.status == "failed":
            why = f"  {step.product_image_id}  {step.step_name}: {step.error_message}"
            show_line(why, console)


def show_uploads(outcomes: Iterable[Outcome], total: int, console: Console) -> list[Outcome]:
    """Show each picture's end as it comes, then how many came to which."""
    ended = []
    with _bar(console) as progress:
        bar = progress.add_task("uploading", total=total)
        for outcome in outcomes:
            told = f"  {outcome.path}: {outcome.kind} {outcome.text}".rstrip()
            show_line(told, console)
            progress.advance(bar)
            ended.append(outcome)
    counts = Counter(outcome.kind for outcome in ended)
    summary = ", ".join(f"{counts[kind]} {kind}" for kind in ("analysed", "there already", "failed"))
    show_line(summary, console)
    return ended


@contextmanager
def sending(size_bytes: int, console: Console) -> Iterator[Callable[[int], None]]:
    """Show a file on its way; gives what is to be called with the bytes that were sent."""
    columns = (TextColumn("sending"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        bar = shown.add_task("", total=size_bytes)
        yield lambda sent: shown.advance(bar, sent)


def show_import(states: Iterable[Import], console: Console) -> Import:
    """Show an import as it goes on, then what became of its rows; gives its last state."""
    last = None
    with _bar(console) as shown:
        bar = shown.add_task("waiting for its turn", total=None)
        for last in states:
            word = "importing" if last.total_rows is not None else "reading the rows"
            shown.update(
                bar,
                description=word if last.status == "processing" else "waiting for its turn",
                completed=last.rows_done,
                total=last.total_rows,
            )
    if last is None:
        raise ValueError("an import without a state")
    counts = f"{last.imported_rows} imported, {last.skipped_rows} there already, {last.failed_rows} failed"
    show_line(f"{last.status}: {counts}", console)
    return last
