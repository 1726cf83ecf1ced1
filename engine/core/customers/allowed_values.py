"""What of an event's values engine.yaml allows: declared dimensions and their values, attributes of their declared type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.core.definitions.engine import LIFECYCLE, Attribute, EngineConfig
from engine.core.definitions.segments import SegmentsConfig
from engine.core.errors import did_you_mean
from engine.core.sentence import Sentence, codes
from engine.core.time.iso8601 import is_date, is_datetime

NOT_TAKEN, DROPPED = Sentence("; not taken"), Sentence(" and was dropped")


def alone(problem: Sentence) -> Sentence:
    """Return what is wrong with a value without what intake makes of it, for where nothing at all is taken."""
    if "consequence" in problem.values:
        return problem.with_values(consequence=Sentence(""))
    first = problem.values.get("first")
    return problem.with_values(first=alone(first)) if isinstance(first, Sentence) else problem


def undeclared(
    dimension: str, value: str, engine: EngineConfig, segments: SegmentsConfig, *, refresh: bool = False
) -> Sentence | None:
    """Return in words why this is not a value of the dimension, None where it is.

    Parameters:
        refresh: a refresh says so, which alone sets what segments.yaml computes.
    """
    if dimension in segments.dimensions:
        names = segments.dimensions[dimension].names
        if not refresh:
            return Sentence(
                "dimension `{dimension}` is computed by segments.yaml{consequence}",
                dimension=dimension,
                consequence=NOT_TAKEN,
            )
        if value in names:
            return None
        return Sentence(
            "`{value}` is no longer a value of `{dimension}` (now: {names}){consequence}",
            value=value,
            dimension=dimension,
            names=codes(names),
            consequence=NOT_TAKEN,
        )
    if dimension == LIFECYCLE and engine.lifecycle is not None:
        return Sentence(
            "dimension `{dimension}` is computed from the clock `{clock}`{consequence}",
            dimension=dimension,
            clock=engine.lifecycle[0],
            consequence=NOT_TAKEN,
        )
    declared = engine.dimensions.get(dimension)
    if declared is None:
        said = Sentence(
            "dimension `{dimension}` is not declared in engine.yaml{consequence}.",
            dimension=dimension,
            consequence=NOT_TAKEN,
        )
        return said + did_you_mean(dimension, engine.dimensions)
    if value not in declared.values:
        said = Sentence(
            "`{value}` is not a value of `{dimension}` (allowed: {allowed}){consequence}.",
            value=value,
            dimension=dimension,
            allowed=codes(declared.values),
            consequence=NOT_TAKEN,
        )
        return said + did_you_mean(value, declared.values)
    return None


def typed_attributes(values: dict[str, Any], engine: EngineConfig) -> tuple[dict[str, Any], list[Sentence]]:
    """Return the attributes whose values have their declared type (undeclared ones are kept), and what was dropped."""
    good: dict[str, Any] = {}
    dropped: list[Sentence] = []
    for name, value in values.items():
        declared = engine.attributes.get(name)
        if value is None or declared is None or fits(value, declared):
            good[name] = value
        else:
            dropped.append(
                Sentence(
                    "attribute `{name}` is declared as {type}; `{value}` is not one{consequence}",
                    name=name,
                    type=declared.type,
                    value=str(value)[:40],
                    consequence=DROPPED,
                )
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
