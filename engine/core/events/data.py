"""The data of an event, by the path of a value."""

from __future__ import annotations

from typing import Any


def value_at(data: Any, path: str) -> Any:
    """Return the value at a dotted path in an event's data, None where there is none."""
    for part in path.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    return data
