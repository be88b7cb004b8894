"""How findings look in a terminal."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from imagineai_client.answers import Analysis, Attribute, Defect

RUNNERS_UP = 3


def show_line(text: str, console: Console, style: str | None = None) -> None:
    """Print a line as it is, whatever it holds, and however long it is."""
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def show_findings(analysis: Analysis, elapsed_ms: float, console: Console) -> None:
    """Print one analysis: what it shows, how it looks, what is wrong with it, by which model, how fast."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, text in rows(analysis):
        table.add_row(name, Text(text))
    inside = (
        ""
        if analysis.processing_time_ms is None
        else f" ({analysis.processing_time_ms} ms of it in the pipeline)"
    )
    table.add_row("Time", Text(f"{elapsed_ms:.0f} ms from upload to complete{inside}"))
    console.print()
    console.print(table)


def rows(analysis: Analysis) -> Iterator[tuple[str, str]]:
    """What was found, as names and texts, the product first."""
    label, sure = analysis.classification_label or "unknown", analysis.classification_confidence
    yield "Product", label if sure is None else f"{label} ({_percent(sure)})"
    others = sorted(analysis.classification_scores.items(), key=lambda item: -item[1])
    runners_up = [f"{name} ({_percent(score)})" for name, score in others if name != label][:RUNNERS_UP]
    yield "Runners-up", ", ".join(runners_up) or "none"
    yield "Category", " / ".join(part for part in (analysis.category, analysis.subcategory) if part) or "none"
    yield "Attributes", ", ".join(map(_attribute, analysis.extracted_attributes)) or "none found"
    yield "Defects", "\n".join(map(_defect, analysis.detected_defects)) or "none found"
    yield "Description", analysis.description_text or "none"
    yield "Written by", analysis.description_model or "nobody"
    yield "Model", analysis.model_version


def _attribute(found: Attribute) -> str:
    return f"{found.attribute_name} {found.attribute_value} ({_percent(found.confidence)})"


def _defect(found: Defect) -> str:
    box = found.bounding_box
    where = "" if box is None else f" at {box.x:.0f}, {box.y:.0f}, {box.width:.0f} x {box.height:.0f} pixels"
    return f"{found.severity} {found.defect_type.replace('_', ' ')} ({_percent(found.confidence)}){where}"


def _percent(share: float) -> str:
    """A probability in whole percents, with a digit more where it would round to none or all."""
    return f"{share:.0%}" if 0.01 <= share < 0.995 else f"{share:.1%}"
