"""Rows with sentences: what a text column holds is turned back into what was said, right where it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.core.stored_sentence import unpacked, unpacked_outcome
from engine.store.database import Row


class _Told:
    """A row some of whose columns are read as sentences."""

    __slots__ = ("_changed", "_row")

    def __init__(self, row: Row, changed: Mapping[str, Any]) -> None:
        self._row, self._changed = row, changed

    def __getattr__(self, name: str) -> Any:
        return self._changed[name] if name in self._changed else getattr(self._row, name)

    @property
    def _mapping(self) -> Mapping[str, Any]:
        """All columns by name, as SQLAlchemy's rows have it."""
        return {**self._row._mapping, **self._changed}


def told(found: Iterable[Row], *columns: str) -> list[Row]:
    """Return rows with what these columns say: texts, mappings with texts, and the `outcome` of an event."""
    return [_one(row, columns) for row in found]


def told_one(row: Row | None, *columns: str) -> Row | None:
    """Return a row as `told` does, None where there is none."""
    return None if row is None else _one(row, columns)


def _one(row: Row, columns: Iterable[str]) -> Row:
    stored = {name: getattr(row, name) for name in columns}
    read = {name: _read(name, value) for name, value in stored.items()}
    changed = {name: value for name, value in read.items() if value is not stored[name]}
    return _Told(row, changed) if changed else row


def _read(name: str, stored: Any) -> Any:
    if name == "outcome":
        return unpacked_outcome(stored)
    if isinstance(stored, dict):
        return {key: unpacked(each) if isinstance(each, str) else each for key, each in stored.items()}
    return unpacked(stored)
