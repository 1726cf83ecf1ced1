"""Comparisons of one value: true, false, or unknown where the value is missing or of another kind than compared with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from engine.core.conditions.trace import Truth
from engine.core.definitions.conditions import Comparison
from engine.core.time.iso8601 import moment_of


def all_hold(truths: Iterable[Truth]) -> Truth:
    """False as soon as one is false, unknown if none is false but one unknown."""
    result: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            result = None
    return result


def any_holds(truths: Iterable[Truth]) -> Truth:
    """True as soon as one is true, unknown if none is true but one unknown."""
    result: Truth = False
    for truth in truths:
        if truth is True:
            return True
        if truth is None:
            result = None
    return result


def compare(wanted: Comparison, value: Any, zone_name: str) -> Truth:
    """Return whether a value compares as wanted: unknown where it is missing or of another kind than compared with."""
    return all_hold(
        _exists(value, limit) if operator == "exists" else _operate(operator, value, limit, zone_name)
        for operator, limit in wanted.written.items()
    )


def _exists(value: Any, wanted: bool) -> Truth:
    return (value is not None) is wanted


def _operate(operator: str, value: Any, limit: Any, zone_name: str) -> Truth:
    if value is None:
        return None
    try:
        return _OPERATORS[operator](value, limit, zone_name)
    except (TypeError, ValueError, OverflowError):
        return None


def _ordered(value: Any, limit: Any, zone_name: str) -> tuple[Any, Any]:
    """Return both as numbers or both as moments. Raises TypeError or ValueError where they are of different kinds."""
    if isinstance(limit, (date, datetime)):
        return moment_of(value, zone_name), moment_of(limit, zone_name)
    if isinstance(value, bool) or isinstance(limit, bool) or not isinstance(value, (int, float)):
        raise TypeError("not a number")
    return value, limit


def _equal(value: Any, limit: Any, zone_name: str) -> bool:
    if isinstance(limit, (date, datetime)):
        return moment_of(value, zone_name) == moment_of(limit, zone_name)
    if _kind(value) is not _kind(limit):
        raise TypeError("of another kind")
    return bool(value == limit)


def _kind(value: Any) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _in(value: Any, limits: Iterable[Any], zone_name: str) -> Truth:
    return any_holds(_operate("eq", value, each, zone_name) for each in limits)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _contains(value: Any, limit: str, _zone: str) -> Truth:
    if not isinstance(value, (str, list)):
        raise TypeError("neither text nor list")
    return limit in value


def _matches(value: Any, limit: str, _zone: str) -> Truth:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return _pattern(limit).search(value[:2000]) is not None


def _compare_with(relation: Callable[[Any, Any], bool]) -> Callable[[Any, Any, str], Truth]:
    return lambda value, limit, zone_name: relation(*_ordered(value, limit, zone_name))


_OPERATORS: dict[str, Callable[[Any, Any, str], Truth]] = {
    "eq": _equal,
    "in": _in,
    "gt": _compare_with(lambda a, b: a > b),
    "gte": _compare_with(lambda a, b: a >= b),
    "lt": _compare_with(lambda a, b: a < b),
    "lte": _compare_with(lambda a, b: a <= b),
    "contains": _contains,
    "matches": _matches,
}
