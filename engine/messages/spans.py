"""Lengths of time as people say them."""

from __future__ import annotations

from datetime import timedelta

from engine.core.sentence import Listed, Sentence

_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60
_UNITS = (
    (_DAY, Sentence("{number}d")),
    (_HOUR, Sentence("{number}h")),
    (_MINUTE, Sentence("{number}m")),
    (1, Sentence("{number}s")),
)
"""Seconds of each unit, the largest first."""
_LARGEST_ONLY = (
    (_DAY, Sentence("{number} d")),
    (_HOUR, Sentence("{number} h")),
    (_MINUTE, Sentence("{number} min")),
    (1, Sentence("{number} s")),
)


def span(length: timedelta) -> Listed:
    """Return a length of time by its two largest units: 4d 18h, 20m."""
    seconds, parts = int(length.total_seconds()), []
    for size, unit in _UNITS:
        number, seconds = divmod(seconds, size)
        parts += [unit.with_values(number=number)] if number else []
    return Listed(tuple(parts[:2]) or (_UNITS[-1][1].with_values(number=0),), " ")


def to_the_minute(length: timedelta) -> Listed | Sentence:
    """Return a length of time to the minute, from a day on to the hour: 4d 18h, 20m, < 1m."""
    minutes = round(length.total_seconds() / _MINUTE)
    if minutes < 1:
        return Sentence("< 1m")
    seconds = minutes * _MINUTE
    return span(timedelta(seconds=seconds - seconds % _HOUR if seconds >= _DAY else seconds))


def roughly(length: timedelta) -> Sentence:
    """Return a length of time in its largest unit: 4 d, 20 min."""
    seconds = int(length.total_seconds())
    size, unit = next((each for each in _LARGEST_ONLY if seconds >= each[0]), _LARGEST_ONLY[-1])
    return unit.with_values(number=seconds // size)
