"""An analysis with its picture, as notebooks show it: the boxes drawn on it, a table beside."""

import base64
import io
from dataclasses import asdict, dataclass, field
from datetime import datetime
from html import escape
from typing import Any

from PIL import Image, ImageOps

from imagineai_client.answers import Analysis, Defect
from imagineai_client.report import rows

PREVIEW_SIDE = 640
COLORS = {"low": "#c98a00", "medium": "#d9480f", "high": "#c92a2a"}

STYLE = (
    ".imagineai{display:flex;gap:24px;flex-wrap:wrap;align-items:flex-start}"
    ".imagineai svg{max-width:420px;max-height:420px;border-radius:6px}"
    ".imagineai th,.imagineai td{text-align:left;vertical-align:top;white-space:pre-line}"
)


@dataclass(frozen=True)
class Findings(Analysis):
    """What was found in a picture, and the picture."""

    picture: bytes = field(repr=False)

    @classmethod
    def of(cls, analysis: Analysis, picture: bytes) -> "Findings":
        """Put an analysis and the picture that it tells of together."""
        return cls(**vars(analysis), picture=picture)

    def as_dict(self) -> dict[str, Any]:
        """The fields of the service's answer, without the picture; times in ISO 8601."""
        fields = {name: value for name, value in asdict(self).items() if name != "picture"}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in fields.items()
        }

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        table = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows(self)
        )
        return f"<style>{STYLE}</style><div class=imagineai>{self._drawn()}<table>{table}</table></div>"

    def _drawn(self) -> str:
        """The upright picture as SVG in its own pixels, defects as boxes with their names."""
        (width, height), preview = _preview(self.picture)
        boxes = "".join(_box(found, width) for found in self.detected_defects)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            f'aria-label="{escape(self.classification_label or "unknown")}">'
            f'<image width="{width}" height="{height}" href="data:image/jpeg;base64,{preview}"/>{boxes}</svg>'
        )


def _preview(picture: bytes) -> tuple[tuple[int, int], str]:
    """The upright picture's width and height in pixels, and a small JPEG of it in base64."""
    with Image.open(io.BytesIO(picture)) as opened:
        upright = ImageOps.exif_transpose(opened)
        size = upright.size
        small = upright.convert("RGB")
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85)
    return size, base64.b64encode(out.getvalue()).decode()


def _box(found: Defect, picture_width: int) -> str:
    """A defect's rectangle and its name above it; nothing where it has no box."""
    box, color = found.bounding_box, COLORS.get(found.severity, COLORS["high"])
    if box is None:
        return ""
    unit = picture_width / 420
    name = escape(f"{found.defect_type.replace('_', ' ')} {found.confidence:.0%}")
    return (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" fill="none" '
        f'stroke="{color}" stroke-width="{2 * unit:.1f}"/>'
        f'<text x="{box.x}" y="{max(box.y - 4 * unit, 12 * unit):.1f}" font-size="{12 * unit:.1f}" '
        f'fill="{color}" font-family="sans-serif">{name}</text>'
    )
