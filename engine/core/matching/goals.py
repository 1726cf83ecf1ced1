"""Goals: what an SOP is for, reached while its timeline runs or, within the goal's time, after its end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from engine.core.customers.customer import Customer, Timeline
from engine.core.customers.facts import Happened
from engine.core.definitions import Sop
from engine.core.definitions.catalog import Definitions
from engine.core.events.event import Event
from engine.core.matching.triggers import matches
from engine.core.reasons import Reason
from engine.core.time.arithmetic import later


def goal_end(sop: Sop, anchor: datetime) -> datetime | None:
    """Return until when the goal counts; None where it counts as long as the timeline runs, or there is none."""
    return later(anchor, sop.goal.within) if sop.goal is not None and sop.goal.within is not None else None


def reach(
    customer: Customer,
    running: Collection[Timeline],
    event: Event,
    moments: Iterable[Happened],
    definitions: Definitions,
    now: datetime,
) -> Iterator[Timeline]:
    """Yield the timelines whose goal one of the moments reaches: those that run end as converted, the others keep their end.

    Parameters:
        running: those that ran when the event came; an exit on the same event may have ended them since.
    """
    ran = {id(each) for each in running}
    zone_name, happened = definitions.zone_of(customer.timezone), list(moments)
    for timeline in (*customer.timelines, *customer.ended):
        sop = definitions.sop(timeline.sop)
        if sop is None or sop.goal is None or not _counts(timeline, event, id(timeline) in ran):
            continue
        if any(matches(sop.goal, each, customer, zone_name) for each in happened):
            timeline.converted_at, timeline.converted_by, timeline.changed = event.time, event.start_id, True
            if timeline.active:
                timeline.end("converted", Reason.GOAL, now)
            yield timeline


def _counts(timeline: Timeline, event: Event, ran: bool) -> bool:
    """Return whether a goal reached by this event is this timeline's: not its start, not reached before, not too late."""
    if timeline.converted_at is not None or event.time < timeline.start or timeline.start_id == event.start_id:
        return False
    return event.time <= timeline.goal_until if timeline.goal_until is not None else ran
