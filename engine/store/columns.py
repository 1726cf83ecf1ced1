"""Rows as arrays: the columns of a wide statement, named once, from which its text and what it binds follow.

One `unnest` carries any number of rows in one statement whose text never changes, so that the server keeps its plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from engine.store.database import json_column
from engine.store.fragments import SqlFragment

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column: its name, its type, and how its value is read from a row's object. What is `jsonb` is sent as text."""

    name: str
    pg_type: str
    getter: Callable[[T], Any]


class Columns(Generic[T]):
    """Columns in the order of a statement; their texts are built once, when a module is loaded."""

    def __init__(self, *columns: Column[T]) -> None:
        self._columns = columns
        names = [each.name for each in columns]
        arrays = ", ".join(f"cast(:{each.name} as {_sent_as(each)}[])" for each in columns)
        self.names = SqlFragment(", ".join(names))
        """The names, as in `insert into t (…)`."""
        self.values = SqlFragment(", ".join(f"v.{each.name}{_cast(each)}" for each in columns))
        """Their values of the rows `v`, as in `select …`."""
        self.assignments = SqlFragment(", ".join(f"{each.name} = v.{each.name}{_cast(each)}" for each in columns))
        """Each set to its value of the rows `v`, as in `update t set …`."""
        self.excluded = SqlFragment(", ".join(f"{each.name} = excluded.{each.name}" for each in columns))
        """Each set to what was to be inserted, as in `on conflict … do update set …`."""
        self.rows = SqlFragment(f"unnest({arrays}) v({', '.join(names)})")
        """The rows as the relation `v`, as in `from …`."""
        self.placed = SqlFragment(f"unnest({arrays}) with ordinality v({', '.join(names)}, place)")
        """As `rows`, with the column `place` to order by."""

    def bind(self, items: Iterable[T]) -> dict[str, list[Any]]:
        """Return what `rows` and `placed` bind, by column: one array a column, one element an item."""
        items = list(items)
        return {
            each.name: json_column(map(each.getter, items))
            if each.pg_type == "jsonb"
            else list(map(each.getter, items))
            for each in self._columns
        }

    def leaving_out(self, *names: str) -> Columns[T]:
        """Return these columns without some, for what is assigned where the rows are found by the rest."""
        return Columns(*(each for each in self._columns if each.name not in names))


def _sent_as(column: Column[Any]) -> str:
    return "text" if column.pg_type == "jsonb" else column.pg_type


def _cast(column: Column[Any]) -> str:
    return "::jsonb" if column.pg_type == "jsonb" else ""
