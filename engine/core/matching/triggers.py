"""Does something that happened match a moment that a definition names?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from engine.core.conditions.compare import compare
from engine.core.customers.customer import Customer, Timeline
from engine.core.customers.facts import MomentOccurred
from engine.core.definitions import AllTags, Change, Friend, Moment, Replied, Sop
from engine.core.definitions.catalog import DecisionContext
from engine.core.events.data import value_at
from engine.core.events.event import STAGE, Event
from engine.core.reasons import Reason


def matches(moment: Moment, happened: MomentOccurred, customer: Customer, zone_name: str) -> bool:
    """Return whether `happened` is this moment, for a customer whose facts are already written.

    Parameters:
        moment: a trigger, exit or goal as it is written
        happened: what an event made
        customer: for moments that ask for several tags
        zone_name: the customer's, for dates that are compared
    """
    if moment.kind != happened.kind:
        return False
    if moment.tag_added is not None:
        return _tags(moment.tag_added, happened, customer, present=True)
    if moment.tag_removed is not None:
        return _tags(moment.tag_removed, happened, customer, present=False)
    if moment.entered or moment.left:
        return _change(moment.entered or moment.left, happened, entered=moment.entered is not None)  # type: ignore[arg-type]  # one is set
    if moment.friend_added or moment.friend_removed:
        return _friend(moment.friend_added or moment.friend_removed, happened)  # type: ignore[arg-type]  # one is set
    if moment.silent:
        return happened.name == f"{moment.silent.clock}:{moment.silent.days}"
    if moment.replied:
        return _replied(moment.replied, happened)
    if moment.event:
        return moment.event.type == happened.name and all(
            compare(wanted, value_at(happened.detail, name), zone_name) is True
            for name, wanted in moment.event.where.items()
        )
    return True


def _tags(wanted: tuple[str, ...] | AllTags, happened: MomentOccurred, customer: Customer, *, present: bool) -> bool:
    if isinstance(wanted, AllTags):
        return happened.name in wanted.all and all(customer.has_tag(tag) is present for tag in wanted.all)
    return happened.name in wanted


def _change(wanted: Change, happened: MomentOccurred, *, entered: bool) -> bool:
    detail = happened.detail
    here, there = (detail["to"], detail["from"]) if entered else (detail["from"], detail["to"])
    other = wanted.from_ if entered else wanted.to
    return detail["dimension"] == wanted.dimension and here in wanted.values and (other is None or there in other)


def _one_of(wanted: tuple[str, ...] | None, actual: Any) -> bool:
    return wanted is None or actual in wanted


def _friend(wanted: Friend, happened: MomentOccurred) -> bool:
    return _one_of(wanted.staff, happened.detail["staff"]) and _one_of(wanted.state, happened.detail["state"])


def _replied(wanted: Replied, happened: MomentOccurred) -> bool:
    text = happened.detail["text"]
    said = wanted.contains is None or any(word in text for word in wanted.contains)
    return said and _one_of(wanted.channel, happened.detail["channel"])


_TYPES = {
    "tag_added": "tag.added",
    "tag_removed": "tag.removed",
    "entered": STAGE,
    "left": STAGE,
    "replied": "message.received",
    "friend_added": "friend.added",
    "friend_removed": "friend.removed",
    "customer_created": "customer.created",
}


def type_of(moment: Moment) -> str | None:
    """Return the type of event a moment is made of; None where a clock or the calendar makes it."""
    return moment.event.type if moment.event else _TYPES.get(moment.kind)


def name_in(kind: str, data: Mapping[str, Any]) -> str:
    """Return what an event names, written as `Moment.names` are; empty where its type names nothing."""
    if kind in ("tag.added", "tag.removed"):
        return str(data.get("tag", ""))
    return f"{data.get('dimension', 'stage')}={data.get('value', '')}" if kind == STAGE else ""


def reach(
    customer: Customer,
    running: Collection[Timeline],
    event: Event,
    moments: Iterable[MomentOccurred],
    context: DecisionContext,
) -> Iterator[Timeline]:
    """Yield the timelines whose goal one of the moments reaches: those that run end as converted, the others keep their end.

    Parameters:
        running: those that ran when the event came; an exit on the same event may have ended them since.
    """
    definitions = context.definitions
    ran = {id(each) for each in running}
    zone_name, happened = definitions.zone_of(customer.timezone), list(moments)
    for timeline in (*customer.timelines, *customer.ended):
        sop = definitions.sop(timeline.sop)
        if sop is None or sop.goal is None or not _counts(timeline, event, id(timeline) in ran):
            continue
        if any(matches(sop.goal, each, customer, zone_name) for each in happened):
            timeline.converted_at, timeline.converted_by, timeline.changed = event.time, event.start_id, True
            if timeline.active:
                timeline.end("converted", Reason.GOAL, context.now)
            yield timeline


def _counts(timeline: Timeline, event: Event, ran: bool) -> bool:
    """Return whether a goal reached by this event is this timeline's: not its start, not reached before, not too late."""
    if timeline.converted_at is not None or event.time < timeline.start or timeline.start_id == event.start_id:
        return False
    return event.time <= timeline.goal_until if timeline.goal_until is not None else ran


def named_trigger(event: Event, sop: Sop) -> Moment | None:
    """Return the trigger that an engine-made start names as `trigger/<index>/<kind>`, None where the SOP has it no longer."""
    _, index, kind = str(event.data.get("trigger", "//")).split("/", 2)
    moment = sop.trigger[int(index)] if index.isdecimal() and int(index) < len(sop.trigger) else None
    return moment if moment is not None and moment.kind == kind else None
