"""Slots of a cron expression: wall-clock times in a zone, each taken once.

The arithmetic is done on local times without a zone, so clocks going back make no slot twice and clocks going forward lose none:
a slot is its local date and time, and its moment the one at which the zone's clocks first show that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from croniter import croniter  # type: ignore[import-untyped]  # ships no types

from engine.core.sentence import Sentence
from engine.core.time.arithmetic import at_local, zone

_FORM = Sentence('write five fields: minute hour day month weekday, e.g. "0 10 * * MON"')
_WORDS = frozenset(
    (
        *("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
        *("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "L"),
    )
)
_ALIASES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_MARGIN = timedelta(hours=3)
"""More than clocks are ever changed by."""
_ANY_DAY = datetime(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class CronSlot:
    """One time a cron expression names."""

    key: str
    """Its local date and time: 2026-05-04T10:00."""
    at: datetime


def checked(text: str) -> str:
    """Return the expression as it is. Raises ValueError, with what is wrong, where it is none or names no time at all."""
    fields = text.split()
    if text not in _ALIASES:
        if len(fields) != 5:
            raise ValueError(
                _wrong(text, Sentence.counted("it has {number} field", "it has {number} fields", len(fields)))
            )
        strange = [word for word in re.findall(r"[^\W\d_]+", text) if word.upper() not in _WORDS]
        if strange:
            raise ValueError(
                _wrong(text, Sentence("`{word}` is neither a month (JAN) nor a weekday (MON)", word=strange[0]))
            )
    try:
        croniter(text, _ANY_DAY).get_next(datetime)
    except (ValueError, KeyError) as error:
        never, malformed = Sentence("it names a day that never comes"), Sentence("a field is malformed or out of range")
        raise ValueError(_wrong(text, never if "failed to find" in str(error) else malformed)) from error
    return text


def _wrong(text: str, reason: Sentence) -> Sentence:
    return Sentence("`{text}` is not a cron expression: {reason}; {form}", text=text, reason=reason, form=_FORM)


@lru_cache(maxsize=4096)
def following(expression: str, zone_name: str, after: datetime) -> CronSlot | None:
    """Return the first slot later than `after`, None where there is none for decades."""
    return next(
        (slot for slot in _slots(expression, zone_name, after - _MARGIN, forward=True) if slot.at > after), None
    )


@lru_cache(maxsize=4096)
def newest(expression: str, zone_name: str, until: datetime) -> CronSlot | None:
    """Return the last slot not later than `until`, None where there was none for decades."""
    return next(
        (slot for slot in _slots(expression, zone_name, until + _MARGIN, forward=False) if slot.at <= until), None
    )


def _slots(expression: str, zone_name: str, begin: datetime, *, forward: bool) -> Iterator[CronSlot]:
    times = croniter(expression, begin.astimezone(zone(zone_name)).replace(tzinfo=None))
    while True:
        try:
            local = times.get_next(datetime) if forward else times.get_prev(datetime)
        except ValueError:
            return
        yield CronSlot(local.isoformat(timespec="minutes"), at_local(local.date(), local.time(), zone_name))
