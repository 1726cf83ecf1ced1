"""What of an event's values engine.yaml allows: declared dimensions and their values, attributes of their declared type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.core.definitions.engine import LIFECYCLE, Attribute, EngineConfig
from engine.core.definitions.segments import SegmentsConfig
from engine.core.errors import did_you_mean
from engine.core.time.iso8601 import is_date, is_datetime


def undeclared(
    dimension: str, value: str, engine: EngineConfig, segments: SegmentsConfig, *, refresh: bool = False
) -> str | None:
    """Return in words why this is not a value of the dimension, None where it is.

    Parameters:
        refresh: a refresh says so, which alone sets what segments.yaml computes.
    """
    if dimension in segments.dimensions:
        names = segments.dimensions[dimension].names
        if not refresh:
            return f"dimension `{dimension}` is computed by segments.yaml; not taken"
        return (
            None
            if value in names
            else f"`{value}` is no longer a value of `{dimension}` (now: {', '.join(names)}); not taken"
        )
    if dimension == LIFECYCLE and engine.lifecycle is not None:
        return f"dimension `{dimension}` is computed from the clock `{engine.lifecycle[0]}`; not taken"
    declared = engine.dimensions.get(dimension)
    if declared is None:
        return f"dimension `{dimension}` is not declared in engine.yaml; not taken.{did_you_mean(dimension, engine.dimensions)}"
    if value not in declared.values:
        allowed = ", ".join(declared.values)
        return f"`{value}` is not a value of `{dimension}` (allowed: {allowed}); not taken.{did_you_mean(value, declared.values)}"
    return None


def typed_attributes(values: dict[str, Any], engine: EngineConfig) -> tuple[dict[str, Any], list[str]]:
    """Return the attributes whose values have their declared type (undeclared ones are kept), and what was dropped."""
    good: dict[str, Any] = {}
    dropped: list[str] = []
    for name, value in values.items():
        declared = engine.attributes.get(name)
        if value is None or declared is None or fits(value, declared):
            good[name] = value
        else:
            dropped.append(
                f"attribute `{name}` is declared as {declared.type}; `{str(value)[:40]}` is not one and was dropped"
            )
    return good, dropped


def fits(value: Any, declared: Attribute) -> bool:
    """Return whether a JSON value has the declared type (dates are ISO 8601 texts)."""
    return _FITS[declared.type](value)


_FITS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "date": is_date,
    "datetime": is_datetime,
    "list": lambda value: isinstance(value, list),
}
