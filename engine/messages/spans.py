"""Lengths of time as people say them."""

from __future__ import annotations

from datetime import timedelta

from engine.core.sentence import Listed, Sentence

_UNITS = (
    (86_400, Sentence("{number}d")),
    (3_600, Sentence("{number}h")),
    (60, Sentence("{number}m")),
    (1, Sentence("{number}s")),
)
"""Seconds of each unit, the largest first."""


def span(length: timedelta) -> Listed:
    """Return a length of time by its two largest units: 4d 18h, 20m."""
    seconds, parts = int(length.total_seconds()), []
    for size, unit in _UNITS:
        number, seconds = divmod(seconds, size)
        parts += [unit.with_values(number=number)] if number else []
    return Listed(tuple(parts[:2]) or (_UNITS[-1][1].with_values(number=0),), " ")
