"""Days off as decisions see them: a set of dates. Where the dates come from is the business of `engine.adapters.holidays`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from engine.core.time.arithmetic import at_local, day_shift, local_date, time_of_day


@dataclass(frozen=True, slots=True)
class DaysOff:
    """The days on which customers get no messages and staff no tasks.

    Raises ValueError for a weekend of seven days: there would be no open day to wait for.
    """

    skipped: frozenset[date] = frozenset()
    """Dates skipped, whatever day of the week they are."""
    weekend: frozenset[int] = frozenset()
    """Days of the week skipped (Monday is 0); empty where weekends are worked."""
    workdays: frozenset[date] = frozenset()
    """Dates never skipped although they lie on a weekend: make-up workdays and exceptions."""
    known_until: date | None = None
    """The last date for which breaks and make-up workdays are known; later ones follow the rules only. None: nothing to know."""

    def __post_init__(self) -> None:
        if self.weekend >= frozenset(range(7)):
            raise ValueError("a weekend of seven days leaves no open day; leave one out")

    def __bool__(self) -> bool:
        return bool(self.skipped or self.weekend)

    def skips(self, day: date) -> bool:
        """Return whether nothing goes out on `day`."""
        return day in self.skipped or (day.weekday() in self.weekend and day not in self.workdays)

    def next_open(self, day: date) -> date:
        """Return the first open day from `day` on: `day` itself where it is open.

        There always is one, since the skipped dates are finite and a week has an open day; only where the calendar itself
        ends before, its last day is returned.
        """
        while self.skips(day) and day < date.max:
            day = day_shift(day, 1)
        return day

    def next_off(self, day: date, last: date) -> date | None:
        """Return the first day from `day` to `last`, both included, on which nothing goes out; None where all are open."""
        if not self:
            return None
        days = (date.fromordinal(number) for number in range(day.toordinal(), last.toordinal() + 1))
        return next((each for each in days if self.skips(each)), None)


NONE_OFF = DaysOff()
"""No day is off: no calendar is configured."""


def on_open_day(moment: datetime, due: datetime, days_off: DaysOff, zone_name: str) -> datetime:
    """Return `moment` if its local day is not off, else the time of day of `due` on the next day that is not.

    Parameters:
        moment: when it would be
        due: when it was due, whose time of day it keeps
        days_off: the calendar
        zone_name: the customer's
    """
    day = local_date(moment, zone_name)
    opened = days_off.next_open(day)
    return moment if opened == day else at_local(opened, time_of_day(due, zone_name), zone_name)
