"""A table is a dictionary of rows by name, in which a name is declared once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

__all__ = ["Row", "declared_once", "table"]


class Row(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """What the row is found by."""
        ...


R = TypeVar("R", bound=Row)


def declared_once(rows: dict[str, R], row: R) -> None:
    """Add a row to a table.

    Raises:
        ValueError: the name is declared already.
    """
    if row.name in rows:
        raise ValueError(f"{row.name!r} is declared twice: a {type(row).__name__.lower()} of that name exists.")
    rows[row.name] = row


def table(rows: Iterable[R]) -> dict[str, R]:
    """The rows by name, in order.

    Raises:
        ValueError: two rows have the same name.
    """
    out: dict[str, R] = {}
    for row in rows:
        declared_once(out, row)
    return out
