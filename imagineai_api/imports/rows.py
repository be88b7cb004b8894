"""A row of an import: what a picture is to become, and what it is known by in later imports."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from uuid import UUID

from pydantic import BaseModel, ValidationError

from imagineai_api.errors import Invalid
from imagineai_api.texts import Category, Description, Name, Title

REQUIRED = ("title", "image")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
MAX_KEY_BYTES = 1024
"""S3 takes no longer one; a user's folder has some of it."""
SHOWN_CHARACTERS = 500
"""So much is kept of a text that is refused."""
NO_PICTURES_NAME = f"Its name does not end as a picture's does: {', '.join(SUFFIXES)}."
BAD_PATH = "image must be a plain path, such as mugs/blue.jpg."
_ODD = re.compile(r"[\x00-\x1f\x7f\\]")


def folder(user_id: UUID) -> str:
    """Name a user's folder in the bucket: what an import reads lies in it, and nothing else of theirs."""
    return f"imports/{user_id}/"


MAX_PATH_BYTES = MAX_KEY_BYTES - len(folder(UUID(int=0)))


@dataclass(frozen=True)
class Row:
    """One picture of an import.

    Attributes:
        number: In a CSV as a spreadsheet counts, the header being row 1; else by the order of the paths.
        product_key: Rows with the same one, of whatever import, make one product.
        reason: Why it cannot be imported; None where it can be tried.
    """

    number: int
    title: str
    image: str
    product_key: str
    image_key: str
    key: str | None = None
    description: str | None = None
    category: str | None = None
    reason: str | None = None


class Fields(BaseModel):
    """What a row of a CSV says, held to what the API takes of a product."""

    title: Title
    image: str
    key: Name | None = None
    description: Description | None = None
    category: Category | None = None


def described(number: int, told: dict[str, str], folder: str) -> Row:
    """Read a row of a CSV: a title and a picture, and where they are there, key, description, category.

    Args:
        number: The row's.
        told: Its cells, by their columns.
        folder: What may stand before the path of a picture.
    """
    given = {name: value for name, value in told.items() if value.strip()}
    for name in REQUIRED:
        if name not in given:
            return _refused(number, given, f"{name} is missing.")
    try:
        fields = Fields.model_validate(given)
        image = plain_path(fields.image.strip().removeprefix(folder))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return _refused(number, given, f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}.")
    except Invalid as error:
        return _refused(number, given, str(error))
    if fields.key is None:
        product_key, image_key = f"title:{fields.title}", image
    else:
        product_key, image_key = f"key:{fields.key}", f"{fields.key}\n{image}"
    return Row(
        number, fields.title, image, product_key, image_key, fields.key, fields.description, fields.category
    )


def found(number: int, path: str) -> Row:
    """Make a row of a picture that no CSV describes: its folder, or without one its name, is the title."""
    try:
        path = plain_path(path)
    except Invalid as error:
        return _refused(number, {"image": path}, str(error))
    whole = PurePosixPath(path)
    in_folder = len(whole.parts) > 1
    title = (whole.parent.name if in_folder else whole.stem).strip() or whole.name.strip()
    product_key = f"path:{whole.parent if in_folder else whole}"
    reason = None if path.lower().endswith(SUFFIXES) else NO_PICTURES_NAME
    return Row(number, title[:SHOWN_CHARACTERS], path, product_key, path, reason=reason)


def plain_path(path: str) -> str:
    """Give a relative path without any turn.

    Raises:
        Invalid: It leads out of its folder, or is no path.
    """
    parts = path.removeprefix("./").split("/")
    is_odd = _ODD.search(path) or any(part.strip() in {"", ".", ".."} for part in parts)
    if is_odd or len(path.encode(errors="replace")) > MAX_PATH_BYTES:
        raise Invalid(BAD_PATH)
    return "/".join(parts)


def _refused(number: int, told: dict[str, str], reason: str) -> Row:
    shown = {name: _shown(value) for name, value in told.items()}
    title, image = shown.get("title", ""), shown.get("image", "")
    return Row(number, title, image, "", "", shown.get("key"), reason=reason)


def _shown(text: str) -> str:
    return text.replace("\x00", "").encode(errors="replace").decode()[:SHOWN_CHARACTERS]
