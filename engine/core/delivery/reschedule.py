"""Holding anew what was queued and did not go out in the time it was allowed to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Gate
from engine.core.definitions.catalog import DecisionContext
from engine.core.delivery.cap_priority import rival_touches
from engine.core.delivery.gates import Delay, TouchCandidate, allowed_until, count, delay_by_gates
from engine.core.time.arithmetic import local_date


@dataclass(frozen=True, slots=True)
class Queued:
    """A touch that is queued, with the customer whose row is held."""

    id: int
    customer: Customer
    timeline: Timeline | None
    """None where it has ended."""
    sop: str
    step: str
    kind: str
    channel: str
    due_at: datetime
    limit: datetime
    counted_on: date | None


@dataclass(frozen=True, slots=True)
class Rescheduled:
    """When it may go out now; or that it never will."""

    id: int
    ready_at: datetime
    send_before: datetime
    counted_on: date | None
    waited: str | None
    expired: bool = False


def reschedule(queued: Queued, context: DecisionContext) -> Rescheduled:
    """Decide when a queued touch may go out, its own place under the caps not counted against it.

    The customer's counts are moved along, so that the next one decided sees them.
    """
    going = _going(queued, context)
    held = delay_by_gates(going, context.now)
    if held is not None and held.until >= queued.limit:
        _move_count(queued, None)
        return Rescheduled(queued.id, held.until, queued.limit, queued.counted_on, held.causes, expired=True)
    if held is not None and _yields_to_rival(going, held, context.now):
        _move_count(queued, None)
        return Rescheduled(queued.id, held.until, held.until, None, held.reason)
    ready = held.until if held else context.now
    counted = local_date(ready, going.zone) if queued.kind == "message" else None
    _move_count(queued, counted)
    return Rescheduled(
        queued.id, ready, allowed_until(going, ready, queued.limit), counted, held.reason if held else None
    )


def must_wait_for_rivals(queued: Queued, context: DecisionContext) -> bool:
    """Return whether the customer has messages of higher priority due now: it is decided once those are planned."""
    if queued.timeline is None or not _going(queued, context).caps:
        return False
    return bool(rival_touches(queued.timeline, queued.customer, context, due=True))


def _yields_to_rival(going: TouchCandidate, held: Delay, now: datetime) -> bool:
    """Return whether it waits for somebody of higher priority: it takes no room from them, and is decided anew after them."""
    alone = delay_by_gates(replace(going, rivals=()), now)
    return alone is None or alone.until < held.until


def _going(queued: Queued, context: DecisionContext) -> TouchCandidate:
    sop = context.definitions.sop(queued.sop)
    step = next((each for each in sop.steps if each.id == queued.step), None) if sop else None
    exempt: frozenset[Gate] = frozenset((*(sop.exempt or ()), *(step.exempt or ()))) if sop and step else frozenset()
    running = queued.timeline is not None and bool(context.definitions.engine.caps)
    rivals = rival_touches(queued.timeline, queued.customer, context) if running and queued.timeline else ()
    return TouchCandidate(
        queued.kind,
        queued.due_at,
        queued.customer,
        context.definitions,
        exempt,
        queued.channel,
        queued.counted_on,
        rivals,
    )


def _move_count(queued: Queued, to: date | None) -> None:
    if queued.counted_on is not None:
        count(queued.customer, queued.counted_on, queued.channel, -1)
    if to is not None:
        count(queued.customer, to, queued.channel)
