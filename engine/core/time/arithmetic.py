"""Calendar arithmetic: days are calendar days in the customer's zone, everything else is UTC.

A local time that does not exist moves to the end of the gap; one that exists twice is taken once, the first time.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?) ?%")
_WINDOW = re.compile(r"([0-9]{2}:[0-9]{2}) ?[-–] ?([0-9]{2}:[0-9]{2})")
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")

FOREVER = datetime.max.replace(tzinfo=UTC)
"""Later than everything; stored as it stands, the last moment of the year 9999."""


def parse_duration(text: str) -> timedelta:
    """Return the duration written as a whole number and a unit: 90s, 15m, 36h, 2d (a day is 24 hours).

    Raises ValueError with what is allowed.
    """
    found = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if not found:
        raise ValueError(f"`{text}` is not a duration; write a whole number and a unit: 90s, 15m, 36h, 2d")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def show_duration(span: timedelta) -> str:
    """Return a duration as people read it, by its two largest units: 4d 18h, 20m."""
    seconds, parts = int(span.total_seconds()), []
    for unit, size in reversed(_SECONDS.items()):
        number, seconds = divmod(seconds, size)
        parts += [f"{number}{unit}"] if number else []
    return " ".join(parts[:2]) or "0s"


def parse_time_of_day(text: str) -> time:
    """Return the time of day written as "HH:MM", 00:00 to 23:59. Raises ValueError with what is allowed."""
    found = _TIME_OF_DAY.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f'`{text}` is not a time of day; write "HH:MM" in quotes, "00:00" to "23:59"')
    return time(int(found[1]), int(found[2]))


def parse_percent(text: str) -> float:
    """Return the share written as "10%" or "2.5%", 0 to 100. Raises ValueError with what is allowed."""
    found = _PERCENT.fullmatch(text) if isinstance(text, str) else None
    if not found or float(found[1]) > 100:
        raise ValueError(f'`{text}` is not a percentage; write a number from 0 to 100 with its sign: "10%"')
    return float(found[1])


def parse_window(text: str) -> tuple[time, time]:
    """Return the begin and end of "HH:MM-HH:MM", within one day. Raises ValueError with what is allowed."""
    found = _WINDOW.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f'`{text}` is not a window; write "HH:MM-HH:MM" in quotes, e.g. "10:00-11:30"')
    begin, end = parse_time_of_day(found[1]), parse_time_of_day(found[2])
    if begin >= end:
        raise ValueError(f"the window `{text}` ends before it begins; windows do not go over midnight: write two steps")
    return begin, end


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return the IANA zone of this name. Raises ValueError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"`{name}` is not a time zone; write an IANA name such as Asia/Shanghai") from error


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


_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])?)?"
)
"""Texts that are dates or moments; the database's function moment_of reads the same ones."""


def _moment(given: Any, zone_name: str) -> datetime:
    """Return a date (its first moment in the zone), a datetime, or ISO 8601 text of either as a moment in UTC.

    Raises TypeError, ValueError or OverflowError for anything else.
    """
    value = given
    if isinstance(value, str):
        if not _ISO.fullmatch(value):
            raise ValueError("not a date or moment")
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        if not isinstance(value, date):
            raise TypeError("not a date")
        value = datetime.combine(value, time(), tzinfo=zone(zone_name))
    return (value if value.tzinfo else value.replace(tzinfo=zone(zone_name))).astimezone(UTC)
