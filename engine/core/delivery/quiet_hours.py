"""Quiet hours by the clock where the customer is: [start, end) of each local day is one stretch.

A start or end that does not exist (clocks go forward over it) moves to the end of the gap. One that exists twice is taken
once: the start the first time, the end the last time, so that nothing goes out while clocks show a quiet hour.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from engine.core.definitions.calendar import QuietHours
from engine.core.time.arithmetic import FOREVER, at_local, day_shift, local_date, zone

_NEARLY_FOREVER = FOREVER - timedelta(days=7)
"""Later moments have no local date in some zones; nothing is planned there."""

Stretch = tuple[datetime, datetime]


def quiet_until(moment: datetime, quiet: QuietHours | None, zone_name: str) -> datetime | None:
    """Return when the quiet hours in which `moment` lies end, in UTC; None where it may be sent.

    Parameters:
        quiet: None where no quiet hours are configured.
        zone_name: the customer's IANA zone.
    """
    end: datetime | None = None
    for start, stop in _stretches(moment, quiet, zone_name, (-1, 0, 1)):
        if start <= (end or moment) < stop:  # one stretch may follow the other where a whole day is missing
            end = stop
    return end


def next_quiet_start(moment: datetime, quiet: QuietHours | None, zone_name: str) -> datetime | None:
    """Return when quiet hours begin next after `moment`, in UTC; None where none are configured.

    Parameters: as of `quiet_until`.
    """
    starts = (start for start, _ in _stretches(moment, quiet, zone_name, range(-1, 4)))
    return next((start for start in starts if start > moment), None)


def _stretches(moment: datetime, quiet: QuietHours | None, zone_name: str, days: Iterable[int]) -> list[Stretch]:
    """Return the quiet stretches of the local days around a moment, those that a gap swallows left out."""
    if quiet is None or moment >= _NEARLY_FOREVER:
        return []
    today = local_date(moment, zone_name)
    around = (_stretch(day_shift(today, each), quiet.start, quiet.end, zone_name) for each in days)
    return [each for each in around if each[0] < each[1]]


@lru_cache(maxsize=16_384)
def _stretch(day: date, start: time, end: time, zone_name: str) -> Stretch:
    """Return the quiet hours that begin on a local day."""
    last_day = day_shift(day, 1) if end < start else day
    return at_local(day, start, zone_name), _at_local_last(last_day, end, zone_name)


def _at_local_last(day: date, clock: time, zone_name: str) -> datetime:
    """Return the moment at which the zone's clocks show `clock` on `day` for the last time. In a gap: the gap's end."""
    first = at_local(day, clock, zone_name)
    again = datetime.combine(day, clock, tzinfo=zone(zone_name)).replace(fold=1)
    if again.utcoffset() == again.replace(fold=0).utcoffset():
        return first
    return max(first, again.astimezone(UTC))  # in a gap, `again` lies before it
