"""When each step of a timeline is due: a function of anchor, definition and (with `from`) the dates it counts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from operator import itemgetter
from typing import Any

from engine.core.catalog import Definitions
from engine.core.conditions import dig
from engine.core.customer import Customer, Timeline
from engine.core.definitions import Sop, Step
from engine.core.timing import FOREVER, at_local, day_shift, later, local_date, zone


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step and its moment."""

    step: Step
    due: datetime
    limit: datetime
    """Never later than this: its expiry, or the moment of the next message or task."""


def schedule(timeline: Timeline, sop: Sop, customer: Customer, definitions: Definitions) -> list[DueStep]:
    """Return the steps in order of their time; a step whose date is not known is missing from the list."""
    zone_name = definitions.zone_of(customer.timezone)
    started = local_date(timeline.anchor, zone_name)
    dated = [
        (due, index, step)
        for index, step in enumerate(sop.steps)
        if (due := _due_moment(step, sop, timeline, customer, zone_name, started, definitions)) is not None
    ]
    dated.sort(key=itemgetter(0, 1))
    return _limited(dated, sop)


def _limited(dated: list[tuple[datetime, int, Step]], sop: Sop) -> list[DueStep]:
    """Limit each step to the earlier of its expiry and the moment of the first later step that reaches somebody.

    Goes backwards, so that each step is looked at once.
    """
    steps: list[DueStep] = []
    moment = nearest = following = FOREVER
    for due, _, step in reversed(dated):
        if due < moment:
            moment, following = due, nearest
        steps.append(DueStep(step, due, min(later(due, sop.expiry_of(step)), following)))
        if step.kind != "do":
            nearest = due
    steps.reverse()
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
        return timeline.anchor + step.after
    base = started
    if step.from_ is not None:
        found = _date_named(step.from_, timeline.event, customer, definitions, zone_name)
        if found is None:
            return None
        base = found
    at = step.at or sop.defaults.at
    if step.day is None or at is None:
        return None
    return at_local(day_shift(base, step.day), at, zone_name)


def _date_named(
    name: str, event: Mapping[str, Any], customer: Customer, definitions: Definitions, zone_name: str
) -> date | None:
    if name.startswith("attr."):
        return as_date(customer.attribute(name.removeprefix("attr."), definitions.engine), zone_name)
    return as_date(dig(event.get("data"), name.removeprefix("event.data.")), zone_name)


def as_date(value: Any, zone_name: str) -> date | None:
    """Return a date, a moment's date in the zone, or ISO 8601 text of either as a date; None for anything else.

    A moment without an offset is one of the zone's, as it is in conditions.
    """
    try:
        if isinstance(value, str):
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return value.astimezone(zone(zone_name)).date() if value.tzinfo else value.date()
    except (ValueError, OverflowError):
        return None
    return value if isinstance(value, date) else None


def next_step(timeline: Timeline, steps: list[DueStep]) -> DueStep | None:
    """Return the earliest step the timeline has not had yet."""
    return next((each for each in steps if each.step.id not in timeline.had), None)


def settle(timeline: Timeline, following: DueStep) -> None:
    """Write down what comes next: the step, and when to look."""
    timeline.next_step, timeline.step_due, timeline.due_at = following.step.id, following.due, following.due
    timeline.waiting = None
    timeline.changed = True


def dates_vary(sop: Sop) -> bool:
    """Return whether a step counts from an attribute, so that its time moves when the attribute does."""
    return any(step.from_ and step.from_.startswith("attr.") for step in sop.steps)
