"""Texts that may come from anywhere and must fit into PostgreSQL; their schemas say what is refused."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

UUID_PATTERN = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""An id as we write it, in the keys of objects for one."""
SEEN = r"[^\s\u0000-\u001f\u0085\ufeff]"
"""A character that is seen, in words that Python, JavaScript and Rust read alike."""
NO_NUL = r"^[^\u0000]*$"
NOT_BLANK = rf"^[^\u0000]*{SEEN}[^\u0000]*$"


def storable(value: str) -> str:
    """Refuse what PostgreSQL cannot store."""
    if "\x00" in value:
        raise ValueError("must not contain the NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode") from None
    return value


def _written(value: str) -> str:
    if not re.search(SEEN, value):
        raise ValueError("must not be blank")
    return storable(value)


_without_nul = Field(json_schema_extra={"pattern": NO_NUL})
_not_blank = Field(json_schema_extra={"pattern": NOT_BLANK})

Storable = Annotated[str, AfterValidator(storable), _without_nul]
Description = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(storable), _without_nul]
Category = Annotated[
    str, StringConstraints(min_length=1, max_length=100), AfterValidator(_written), _not_blank
]
Title = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_written), _not_blank]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_written), _not_blank]
