"""Does a value or a comparison fit an attribute's declared type?"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from engine.core.definitions import AttributeType

_WANTED: dict[AttributeType, str] = {
    "text": "a text (in quotes)",
    "number": "a number",
    "bool": "true or false",
    "date": "a date such as 2026-01-31",
    "datetime": "a moment such as 2026-01-31T10:00:00+08:00, or a date",
    "list": "a list",
}
_ORDER = ("eq", "in", "gt", "gte", "lt", "lte", "exists")
OPERATORS: dict[AttributeType, tuple[str, ...]] = {
    "text": ("eq", "in", "contains", "matches", "exists"),
    "number": _ORDER,
    "bool": ("eq", "in", "exists"),
    "date": _ORDER,
    "datetime": _ORDER,
    "list": ("contains", "exists"),
}
"""The comparisons that make sense of each type."""


def wanted(kind: AttributeType) -> str:
    """Return what a value of a type looks like."""
    return _WANTED[kind]


def fits(value: Any, kind: AttributeType) -> bool:
    """Return whether a value is of a type."""
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "date":
        return isinstance(value, date) and not isinstance(value, datetime)
    if kind == "list":
        return isinstance(value, (list, tuple))
    kinds: dict[str, type] = {"text": str, "bool": bool, "datetime": date}
    return isinstance(value, kinds[kind])
