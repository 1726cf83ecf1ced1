"""Slots: the times at which date and schedule moments start SOPs, and whom each concerns.

A date is met at the customer's own local midnight, so many days ahead as the earliest negative `day` of the SOP's steps asks for.
A schedule's slot is known by its local date and time. A customer enters an SOP at most once for each.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from engine.core.customers.customer import Customer
from engine.core.definitions import DateMoment, Moment, Schedule, Sop
from engine.core.definitions.catalog import Definitions
from engine.core.events.event import ENGINE_SOURCE, START, Event
from engine.core.matching.triggers import named_trigger
from engine.core.time import cron
from engine.core.time.arithmetic import at_local, day_shift, local_date
from engine.core.time.cron import CronSlot
from engine.core.time.iso8601 import as_date

CAUGHT_UP = timedelta(days=7)
"""Days missed in an outage are made up for this long; of a schedule's missed slots only the newest is taken."""

DATE, SLOT = "date", "slot"
"""The key of an engine-made start's data that says which day, or which time of a schedule, it is for."""


@dataclass(frozen=True, slots=True)
class DateOrCronTrigger:
    """A date or schedule trigger of an SOP."""

    sop: str
    index: int
    moment: Moment
    zone_name: str
    """The zone of a schedule; the engine's for a date, where customers without a zone of their own live."""
    lead: int
    """So many days before its date an SOP starts."""

    @property
    def name(self) -> str:
        """What its progress is kept under: another name, another beginning."""
        if self.date is not None:
            return f"date:{self.sop}:{self.index}:{self.date.attribute}:{self.date.every}"
        return f"schedule:{self.sop}:{self.index}:{self.schedule.cron}:{self.zone_name}"

    @property
    def date(self) -> DateMoment | None:
        """The date moment, None for a schedule."""
        return self.moment.date

    @property
    def schedule(self) -> Schedule:
        """The schedule moment."""
        assert self.moment.schedule is not None
        return self.moment.schedule


def sources(definitions: Definitions) -> list[DateOrCronTrigger]:
    """Return every date and schedule trigger in force."""
    otherwise = definitions.engine.timezone
    return [
        DateOrCronTrigger(
            defined.sop.sop,
            index,
            moment,
            (moment.schedule and moment.schedule.timezone) or otherwise,
            lead(defined.sop),
        )
        for _, defined in sorted(definitions.sops.items())
        for index, moment in enumerate(defined.sop.trigger)
        if moment.date or moment.schedule
    ]


def lead(sop: Sop) -> int:
    """Return how many days before its date an SOP has its first step."""
    return -min([0, *(step.day for step in sop.steps if step.day is not None and step.from_ is None)])


# ── dates ────────────────────────────────────────────────────────────────────────────────────────────────────


def date_of(customer: Customer, source: DateOrCronTrigger, definitions: Definitions) -> date | None:
    """Return the customer's date, None where it is not known."""
    assert source.date is not None
    return as_date(
        customer.attribute(source.date.attribute, definitions.engine), definitions.zone_of(customer.timezone)
    )


def is_met(named: date, day: date, every: str) -> bool:
    """Return whether `day` is the date named or, `every` year, an anniversary of it. 29 February is the 28th in other years."""
    return day == (_in_year(named, day.year) if every == "year" and day >= named else named)


def _in_year(named: date, year: int) -> date:
    if (named.month, named.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 2, 28)
    return named.replace(year=year)


def next_met(named: date, after: date, every: str) -> date | None:
    """Return the first day later than `after` that meets the date named."""
    if named > after:
        return named
    if every != "year":
        return None
    return next(
        (
            day
            for year in (after.year, after.year + 1)
            if year <= date.max.year and (day := _in_year(named, year)) > after
        ),
        None,
    )


def midnights(zones: Iterable[str], after: datetime, until: datetime) -> dict[datetime, list[str]]:
    """Return the local midnights of these zones later than `after` and not later than `until`: moment → zones, in order."""
    found: dict[datetime, list[str]] = {}
    for zone_name in sorted(zones):
        day = local_date(after, zone_name)
        while (moment := _midnight(day, zone_name)) <= until:
            if moment > after:
                found.setdefault(moment, []).append(zone_name)
            day = day_shift(day, 1)
    return dict(sorted(found.items()))


def next_midnight(zones: Iterable[str], after: datetime) -> datetime:
    """Return the first local midnight of these zones later than `after`."""
    return min(midnights(zones, after, after + timedelta(days=2)))


def _midnight(day: date, zone_name: str) -> datetime:
    return at_local(day, time(), zone_name)


def month_days_around(days: Iterable[date]) -> list[str]:
    """Return how dates that these days may meet are written from their month on (`05-01`).

    A day more on either side, because a moment is written with the date of another zone.
    """
    texts = {f"{day_shift(day, shift):%m-%d}" for day in days for shift in (-1, 0, 1)}
    return sorted(texts | ({"02-29"} if "02-28" in texts else set()))


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────


def date_event(source: DateOrCronTrigger, ref: str, day: date, zone_name: str, now: datetime) -> Event:
    """Return the event that starts the SOP for a customer whose `day` is ahead by the SOP's lead.

    Parameters:
        source: the trigger and its SOP
        ref: the customer's
        day: the date that is met, in the customer's zone
        zone_name: of the customer
        now: when the event is made
    """
    anchor = _midnight(day, zone_name)
    began = _midnight(day_shift(day, -source.lead), zone_name)
    return _event(source, ref, day.isoformat(), began, now, {"anchor": anchor.isoformat(), DATE: day.isoformat()})


def schedule_event(source: DateOrCronTrigger, ref: str, slot: CronSlot, now: datetime) -> Event:
    """Return the event that starts the SOP for a customer at a schedule's slot.

    Parameters:
        source: the trigger and its SOP
        ref: the customer's
        slot: the scheduled time
        now: when the event is made
    """
    return _event(source, ref, slot.key, slot.at, now, {"anchor": slot.at.isoformat(), SLOT: slot.key})


def _event(source: DateOrCronTrigger, ref: str, key: str, at: datetime, now: datetime, data: dict[str, Any]) -> Event:
    data = {"sop": source.sop, "trigger": f"trigger/{source.index}/{source.moment.kind}", **data}
    identity = f"slot:{source.sop}:{source.index}:{key}:{ref}"
    return Event(ENGINE_SOURCE, identity, START, ref, at, max(at, now), data, cause={"slot": key})


def is_still_due(customer: Customer, event: Event, sop: Sop, definitions: Definitions) -> bool:
    """Return whether a start made for a date or schedule is still right: the customer's date may have been corrected meanwhile.

    Parameters:
        customer: with every fact before the event matched
        event: the engine-made start, which names its trigger and date
        sop: the one it would start
        definitions: those in force
    """
    moment = named_trigger(event, sop)
    if moment is None or moment.date is None:
        return moment is not None
    named = as_date(
        customer.attribute(moment.date.attribute, definitions.engine), definitions.zone_of(customer.timezone)
    )
    return named is not None and is_met(named, date.fromisoformat(event.data[DATE]), moment.date.every)


# ── one customer's slots, for playback ───────────────────────────────────────────────────────────────────────


def next_events(
    customer: Customer, known: Sequence[DateOrCronTrigger], definitions: Definitions, after: datetime
) -> list[Event]:
    """Return the customer's next start later than `after` by each date and schedule, as if it were received at its time.

    Parameters:
        customer: whose dates are looked at
        known: the triggers by date and schedule
        definitions: those in force
        after: only later starts count
    """
    found = [event for source in known if (event := _next_of(source, customer, definitions, after)) is not None]
    return sorted(found, key=lambda event: event.time)


def _next_of(source: DateOrCronTrigger, customer: Customer, definitions: Definitions, after: datetime) -> Event | None:
    if source.date is None:
        slot = cron.following(source.schedule.cron, source.zone_name, after)
        return schedule_event(source, customer.ref, slot, after) if slot is not None else None
    named, zone_name = date_of(customer, source, definitions), definitions.zone_of(customer.timezone)
    if named is None:
        return None
    day = next_met(named, day_shift(local_date(after, zone_name), source.lead), source.date.every)
    if day is None:
        return None
    return date_event(source, customer.ref, day, zone_name, after)
