"""Statements that are compiled once, and rows that PostgreSQL itself writes down as JSON."""

from collections.abc import Iterator
from typing import Any, Protocol

from sqlalchemy import ColumnElement, DateTime, Result, Select, Text, cast, func, literal_column
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.orm import InstrumentedAttribute

DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]
UTC: ColumnElement[str] = literal_column("'UTC'")
AS_PYDANTIC_DOES: ColumnElement[str] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""")
Column = ColumnElement[Any] | InstrumentedAttribute[Any]


class Executes(Protocol):
    """What executes a statement in the driver's words: SQLAlchemy's connection, or ``DirectReads``."""

    async def exec_driver_sql(self, statement: str, parameters: dict[str, Any], /) -> Result[Any]:
        """Execute it, and give its rows."""


class Prepared:
    """A statement whose text is made once: a Core statement is looked up by its whole structure each time.

    Args:
        statement: With a ``bindparam`` for each value that changes.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        compiled = statement.compile(dialect=DIALECT)
        self._sql, self._fixed = str(compiled), compiled.params

    async def execute(self, connection: Executes, **values: object) -> Result[Any]:
        """Execute it; values come as the driver gives them."""
        return await connection.exec_driver_sql(self._sql, {**self._fixed, **values})


def as_json(**values: Column) -> ColumnElement[Any]:
    """Make a JSON object of named values, times in the form that Pydantic gives them."""
    return func.json_build_object(*_pairs(values))


def as_list(rows: ColumnElement[Any], *in_order: Column) -> ColumnElement[Any]:
    """Make a JSON array of many rows' JSON; of none it is empty."""
    return func.coalesce(func.json_agg(aggregate_order_by(rows, *in_order)), literal_column("'[]'::json"))


def as_text(json: ColumnElement[Any]) -> ColumnElement[str]:
    """Have JSON read as it is written, not parsed."""
    return cast(json, Text)


def total(numbers: Column) -> ColumnElement[int]:
    """Add up; nothing is 0."""
    return func.coalesce(func.sum(numbers), literal_column("0"))


def _pairs(values: dict[str, Column]) -> Iterator[Column]:
    for name, value in values.items():
        yield literal_column(f"'{name}'")
        is_time = isinstance(value.type, DateTime)
        yield func.to_char(func.timezone(UTC, value), AS_PYDANTIC_DOES) if is_time else value
