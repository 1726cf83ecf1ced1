"""What holds a touch back that could go out otherwise: days off, quiet hours, caps. And until when.

Messages and tasks wait for days and hours; caps count messages. A message that is exempt from caps counts and is not held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from engine.core.customers.customer import Customer
from engine.core.definitions import Cap, Gate
from engine.core.definitions.catalog import Definitions
from engine.core.delivery.delay_detail import DelayDetail
from engine.core.delivery.quiet_hours import next_quiet_start, quiet_until
from engine.core.reasons import Reason
from engine.core.time.arithmetic import FOREVER, at_local, day_shift, local_date, time_of_day
from engine.core.time.days_off import on_open_day

_MOST_MOVES = 800
"""A touch is moved so often at most; a cap of a year needs one for each day."""


_LAST_DAY = FOREVER - timedelta(days=7)
"""Later moments have no local date in some zones."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Held back, for a reason, until a moment."""

    reason: Reason
    until: datetime
    detail: str | None = None
    causes: str = ""
    """The reasons, in order, of all that moved it to that moment: cap, holiday."""


@dataclass(frozen=True, slots=True)
class RivalTouch:
    """Somebody who will want the room under a cap later that day: a step of an SOP with higher priority."""

    at: datetime
    sop: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TouchCandidate:
    """A touch on its way to a customer, as the gates see it."""

    kind: str
    due: datetime
    customer: Customer
    definitions: Definitions
    exempt: frozenset[Gate] = frozenset()
    channel: str | None = None
    counts_on: date | None = None
    """The date on which it is counted already, so that it does not stand in its own way."""
    rivals: Sequence[RivalTouch] = ()

    @property
    def zone(self) -> str:
        """The customer's zone."""
        return self.definitions.zone_of(self.customer.timezone)

    @property
    def caps(self) -> list[Cap]:
        """The caps it falls under; none of a task or where it is exempt."""
        if self.kind != "message" or "caps" in self.exempt:
            return []
        return [cap for cap in self.definitions.engine.caps if cap.channel in (None, self.channel)]


def delay_by_calendar(going: TouchCandidate, now: datetime) -> Delay | None:
    """Return what of days off and quiet hours holds it back at `now`; None: it may go out."""
    return _next_allowed(going, now, counting=False)


def delay_by_gates(going: TouchCandidate, now: datetime) -> Delay | None:
    """Return what holds it back at `now`, caps too; None: it may go out. Until when, all of them allow it."""
    return _next_allowed(going, now, counting=True)


def _next_allowed(going: TouchCandidate, now: datetime, *, counting: bool) -> Delay | None:
    moment, reasons = now, list[tuple[Reason, DelayDetail]]()
    for _ in range(_MOST_MOVES):
        move = _day_off(going, moment) or _quiet(going, moment) or (_capped(going, moment, now) if counting else None)
        if move is None:
            break
        moment = move.until
        if not reasons or reasons[-1] != (move.reason, move.detail):
            reasons.append((move.reason, move.detail))
    if not reasons:
        return None
    causes = ", ".join(dict.fromkeys(str(reason) for reason, _ in reasons))
    return Delay(reasons[-1][0], moment, _detail(reasons), causes)


def _detail(reasons: Sequence[tuple[Reason, DelayDetail]]) -> str | None:
    """Return the detail of the last reason, with the others that led there."""
    last, cap = reasons[-1]
    others = dict.fromkeys(str(reason) for reason, _ in reasons[:-1] if reason is not last)
    return replace(cap, others=tuple(others)).written()


_NOTHING = DelayDetail()


@dataclass(frozen=True, slots=True)
class _Move:
    """One gate's word: not before `until`."""

    reason: Reason
    until: datetime
    detail: DelayDetail = _NOTHING


def _day_off(going: TouchCandidate, moment: datetime) -> _Move | None:
    days_off = going.definitions.days_off
    if not days_off or "calendar" in going.exempt:
        return None
    opens = on_open_day(moment, going.due, days_off, going.zone)
    return _Move(Reason.HOLIDAY, opens) if opens != moment else None


def _quiet(going: TouchCandidate, moment: datetime) -> _Move | None:
    quiet = going.definitions.engine.quiet_hours
    if quiet is None or "quiet_hours" in going.exempt:
        return None
    until = quiet_until(moment, quiet, going.zone)
    return _Move(Reason.QUIET_HOURS, until) if until is not None else None


# ── caps ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _capped(going: TouchCandidate, moment: datetime, now: datetime) -> _Move | None:
    """Return until when a cap holds it back: to the next day, or while those of higher priority are to come today."""
    day = local_date(moment, going.zone)
    for cap in going.caps:
        left = room(cap, day, going)
        if left <= 0:
            tomorrow = at_local(day_shift(day, 1), time_of_day(going.due, going.zone), going.zone)
            return _Move(Reason.CAP, tomorrow, _values(cap))
        rivals = [each for each in going.rivals if _wants(each, cap, day, moment, going)]
        if len(rivals) >= left:
            first = min(rivals, key=lambda each: each.at)
            return _Move(Reason.CAP, first.at, _values(cap, rival=first.sop))
    return None


def _wants(rival: RivalTouch, cap: Cap, day: date, moment: datetime, going: TouchCandidate) -> bool:
    return (
        rival.at > moment
        and local_date(rival.at, going.zone) == day
        and (cap.channel is None or cap.channel in rival.channels)
    )


def after_cap_delay(going: TouchCandidate, now: datetime) -> Delay | None:
    """Return until when a message that a cap has put off to another day waits there: for its own time of day."""
    day = local_date(now, going.zone)
    at = at_local(day, time_of_day(going.due, going.zone), going.zone)
    later_day = local_date(going.due, going.zone) < day
    return Delay(Reason.CAP, at, causes=Reason.CAP) if later_day and now < at else None


def _values(cap: Cap, rival: str | None = None) -> DelayDetail:
    return DelayDetail((), cap.max, cap.days, cap.channel, rival)


def room(cap: Cap, day: date, going: TouchCandidate) -> int:
    """Return how many more messages a cap allows on `day`: in every span of its days that holds that day."""
    counted = _counted(cap, going)
    ends = [day, *(each for each in counted if day < each < day_shift(day, cap.days))]
    return min(cap.max - _within(counted, end, cap.days) for end in ends)


def _counted(cap: Cap, going: TouchCandidate) -> dict[date, int]:
    counted: dict[date, int] = {}
    for (day, channel), number in going.customer.counted.items():
        if cap.channel in (None, channel):
            counted[day] = counted.get(day, 0) + number
    if going.counts_on is not None and going.counts_on in counted:
        counted[going.counts_on] -= 1
    return counted


def _within(counted: dict[date, int], end: date, days: int) -> int:
    begin = day_shift(end, 1 - days)
    return sum(number for day, number in counted.items() if begin <= day <= end)


# ── until when ───────────────────────────────────────────────────────────────────────────────────────────────


def allowed_until(going: TouchCandidate, moment: datetime, limit: datetime) -> datetime:
    """Return when what allows it at `moment` ends: quiet hours or a day off begin, the day it counts on is over, its limit."""
    ends = [limit]
    quiet, days_off = going.definitions.engine.quiet_hours, going.definitions.days_off
    today = local_date(moment, going.zone)
    if quiet is not None and "quiet_hours" not in going.exempt:
        ends.append(next_quiet_start(moment, quiet, going.zone) or limit)
    if "calendar" not in going.exempt:
        off = days_off.next_off(day_shift(today, 1), local_date(min(limit, _LAST_DAY), going.zone))
        ends += [at_local(off, time(), going.zone)] if off else []
    if going.kind == "message" and going.definitions.engine.caps:
        ends.append(at_local(day_shift(today, 1), time(), going.zone))
    return min(ends)


def count(customer: Customer, day: date, channel: str, number: int = 1) -> None:
    """Count a message to the customer on a day.

    Parameters:
        customer: whose messages are counted, changed in place
        day: the customer's date
        channel: its name
        number: how many; negative takes back
    """
    customer.counted[(day, channel)] = customer.counted.get((day, channel), 0) + number


def counted_since(now: datetime, days: int) -> date:
    """Return the earliest date, in any zone, that caps over so many days look at."""
    return (now - timedelta(days=days + 1)).date()
