"""A stage's parameters: a dataclass, whose fields DVC hands over from params.yaml as arguments."""

from __future__ import annotations

import argparse
from dataclasses import MISSING, fields
from typing import Any, Final

_TYPES: Final = {"int": int, "float": float, "str": str}


def add_arguments(parser: argparse.ArgumentParser, parameters: type) -> None:
    """Let a parser take every field of a dataclass by name; a bool is a flag: DVC leaves out a false one."""
    for field in fields(parameters):
        if field.type == "bool":
            parser.add_argument(f"--{field.name}", action="store_true")
        else:
            kind, is_required = _TYPES[str(field.type)], field.default is MISSING
            default = None if is_required else field.default
            parser.add_argument(f"--{field.name}", type=kind, required=is_required, default=default)


def from_options(options: argparse.Namespace, parameters: type) -> Any:
    """Return the dataclass that a parser has read."""
    return parameters(**{field.name: getattr(options, field.name) for field in fields(parameters)})
