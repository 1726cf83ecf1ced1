"""When each step of a timeline is due: a function of anchor, definition and (with `from`) the dates it counts from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from operator import itemgetter
from typing import Any

from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions.catalog import Definitions
from engine.core.definitions.sop import Sop
from engine.core.definitions.steps import Step
from engine.core.events.data import value_at
from engine.core.reasons import Reason
from engine.core.time.arithmetic import FOREVER, at_local, day_shift, later, local_date
from engine.core.time.days_off import DaysOff, on_open_day
from engine.core.time.iso8601 import as_date
from engine.core.timelines.due_step import DueStep
from engine.core.timelines.holdout import hash_fraction

_Dated = tuple[datetime, datetime, int, Step]
"""opens, due, place in the SOP, the step."""


def schedule(timeline: Timeline, sop: Sop, customer: Customer, definitions: Definitions) -> list[DueStep]:
    """Return the steps in order of their time; a step whose date is not known is missing from the list.

    Parameters:
        timeline: its anchor and starting event are counted from
        sop: as defined now
        customer: whose zone and dates count
        definitions: for the calendar and the engine's defaults
    """
    zone_name = definitions.zone_of(customer.timezone)
    started = local_date(timeline.anchor, zone_name)
    dated: list[_Dated] = []
    for index, step in enumerate(sop.steps):
        due = _due_moment(step, sop, timeline, customer, zone_name, started, definitions)
        if due is not None:
            dated.append((_opening(step, sop, due, definitions.days_off, zone_name), due, index, step))
    dated.sort(key=itemgetter(1, 2))
    return _limited(dated, sop)


def _opening(step: Step, sop: Sop, due: datetime, days_off: DaysOff, zone_name: str) -> datetime:
    """Return the due moment, or its time of day on the first day that is not off."""
    if not days_off or step.kind == "do" or sop.exempt_from(step, "calendar") or due == FOREVER:
        return due
    return on_open_day(due, due, days_off, zone_name)


def _limited(dated: list[_Dated], sop: Sop) -> list[DueStep]:
    """Limit each step to the earlier of its expiry and the moment of the first later step that reaches somebody.

    Goes backwards, so that each step is looked at once. Of several steps that days off push onto one day, only the last is
    left: its moment limits those due before it.
    """
    steps: list[DueStep] = []
    due_next = nearest = following = FOREVER
    for opens, due, _, step in reversed(dated):
        if due < due_next:
            due_next, following = due, nearest
        steps.append(DueStep(step, due, opens, min(later(opens, sop.expiry_of(step)), following)))
        if step.kind != "do":
            nearest = min(nearest, opens)
    steps.reverse()
    steps.sort(key=lambda each: each.opens)
    return steps


def _due_moment(
    step: Step,
    sop: Sop,
    timeline: Timeline,
    customer: Customer,
    zone_name: str,
    started: date,
    definitions: Definitions,
) -> datetime | None:
    """Return the moment a step is due, None where the date it counts from is not known. `started`: the anchor's date."""
    if step.after is not None:
        return later(timeline.anchor, step.after)
    base = started
    if step.from_ is not None:
        found = _date_named(step.from_, timeline.event, customer, definitions, zone_name)
        if found is None:
            return None
        base = found
    at = _clock_of(step, sop, customer.ref)
    if step.day is None or at is None:
        return None
    return at_local(day_shift(base, step.day), at, zone_name)


def _clock_of(step: Step, sop: Sop, ref: str) -> time | None:
    """Return the step's time of day: its own, or the customer's steady moment in its window."""
    window = sop.window_of(step)
    if window is None:
        return step.at or sop.defaults.at
    begin, end = (clock.hour * 3600 + clock.minute * 60 for clock in window)
    second = begin + int(hash_fraction(ref, sop.sop, "window") * (end - begin))
    return time(second // 3600, second // 60 % 60, second % 60)


def _date_named(
    name: str, event: Mapping[str, Any], customer: Customer, definitions: Definitions, zone_name: str
) -> date | None:
    if name.startswith("attr."):
        return as_date(customer.attribute(name.removeprefix("attr."), definitions.engine), zone_name)
    return as_date(value_at(event.get("data"), name.removeprefix("event.data.")), zone_name)


def next_step(timeline: Timeline, steps: list[DueStep]) -> DueStep | None:
    """Return the earliest step the timeline has not had yet."""
    return next((each for each in steps if each.step.id not in timeline.had), None)


def set_next_step(timeline: Timeline, following: DueStep) -> None:
    """Write down what comes next: the step, and when to look."""
    timeline.next_step, timeline.step_due, timeline.due_at = following.step.id, following.due, following.opens
    timeline.waiting = Reason.HOLIDAY if following.opens > following.due else None
    timeline.changed = True


def dates_vary(sop: Sop) -> bool:
    """Return whether a step counts from an attribute, so that its time moves when the attribute does."""
    return any(step.from_ and step.from_.startswith("attr.") for step in sop.steps)


def goal_end(sop: Sop, anchor: datetime) -> datetime | None:
    """Return until when the goal counts; None where it counts as long as the timeline runs, or there is none."""
    return later(anchor, sop.goal.within) if sop.goal is not None and sop.goal.within is not None else None
