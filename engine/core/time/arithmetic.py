"""Calendar arithmetic: days are calendar days in the customer's zone, everything else is UTC.

A local time that does not exist moves to the end of the gap; one that exists twice is taken once, the first time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.core.sentence import Sentence

FOREVER = datetime.max.replace(tzinfo=UTC)
"""Later than everything; stored as it stands, the last moment of the year 9999."""

BEGINNING_OF_TIME = datetime.min.replace(tzinfo=UTC)
"""Before everything: where nothing has been before."""

ONE_TICK = timedelta(microseconds=1)
"""The smallest step of time that is told apart."""


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return the IANA zone of this name. Raises ValueError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        said = Sentence("`{name}` is not a time zone; write an IANA name such as Asia/Shanghai", name=name)
        raise ValueError(said) from error


def local_date(moment: datetime, zone_name: str) -> date:
    """Return the calendar date on which `moment` lies in the zone."""
    return moment.astimezone(zone(zone_name)).date()


@lru_cache(maxsize=16_384)
def at_local(day: date, clock: time, zone_name: str) -> datetime:
    """Return the moment, in UTC, at which the zone's clocks show `clock` on `day`.

    In a gap: the gap's end. In a fold: the first of the two. Beyond the calendar's ends in UTC: the end.
    """
    local = datetime.combine(day, clock, tzinfo=zone(zone_name))
    try:
        moment = local.astimezone(UTC)
    except OverflowError:
        return FOREVER if day.year > 1 else datetime.min.replace(tzinfo=UTC)
    if moment.astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    return _end_of_gap(local)


def _end_of_gap(missing: datetime) -> datetime:
    """Return the first moment after the gap that swallows the local time `missing`.

    With fold=1 the offset after the gap applies, with fold=0 the one before: their instants enclose the change.
    """
    low = missing.replace(fold=1).astimezone(UTC)
    high = missing.replace(fold=0).astimezone(UTC)
    before = low.astimezone(missing.tzinfo).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(missing.tzinfo).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def later(moment: datetime, by: timedelta) -> datetime:
    """Return `moment` moved by `by`, FOREVER where the calendar ends before."""
    try:
        return moment + by
    except OverflowError:
        return FOREVER


def day_shift(day: date, days: int) -> date:
    """Return `day` moved by `days`, clamped to the calendar's ends."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def time_of_day(moment: datetime, zone_name: str) -> time:
    """Return what the zone's clocks show at `moment`."""
    return moment.astimezone(zone(zone_name)).time()
