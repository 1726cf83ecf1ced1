"""Holding anew what was queued and did not go out in the time it was allowed to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Gate
from engine.core.definitions.catalog import Definitions
from engine.core.delivery.cap_priority import claimants
from engine.core.delivery.gates import Going, Hold, closes, count, hold
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
class HeldAnew:
    """When it may go out now; or that it never will."""

    id: int
    ready_at: datetime
    send_before: datetime
    counted_on: date | None
    waited: str | None
    expired: bool = False


def hold_anew(queued: Queued, definitions: Definitions, now: datetime) -> HeldAnew:
    """Decide when a queued touch may go out, its own place under the caps not counted against it.

    The customer's counts are moved along, so that the next one decided sees them.
    """
    going = _going(queued, definitions, now)
    held = hold(going, now)
    if held is not None and held.until >= queued.limit:
        _move_count(queued, None)
        return HeldAnew(queued.id, held.until, queued.limit, queued.counted_on, held.causes, expired=True)
    if held is not None and _gives_way(going, held, now):
        _move_count(queued, None)
        return HeldAnew(queued.id, held.until, held.until, None, held.reason)
    ready = held.until if held else now
    counted = local_date(ready, going.zone) if queued.kind == "message" else None
    _move_count(queued, counted)
    return HeldAnew(queued.id, ready, closes(going, ready, queued.limit), counted, held.reason if held else None)


def comes_after(queued: Queued, definitions: Definitions, now: datetime) -> bool:
    """Return whether the customer has messages of higher priority due now: it is decided once those are planned."""
    if queued.timeline is None or not _going(queued, definitions, now).caps:
        return False
    return bool(claimants(queued.timeline, queued.customer, definitions, now, due=True))


def _gives_way(going: Going, held: Hold, now: datetime) -> bool:
    """Return whether it waits for somebody of higher priority: it takes no room from them, and is decided anew after them."""
    alone = hold(replace(going, rivals=()), now)
    return alone is None or alone.until < held.until


def _going(queued: Queued, definitions: Definitions, now: datetime) -> Going:
    sop = definitions.sop(queued.sop)
    step = next((each for each in sop.steps if each.id == queued.step), None) if sop else None
    exempt: frozenset[Gate] = frozenset((*(sop.exempt or ()), *(step.exempt or ()))) if sop and step else frozenset()
    running = queued.timeline is not None and bool(definitions.engine.caps)
    rivals = claimants(queued.timeline, queued.customer, definitions, now) if running and queued.timeline else ()
    return Going(
        queued.kind, queued.due_at, queued.customer, definitions, exempt, queued.channel, queued.counted_on, rivals
    )


def _move_count(queued: Queued, to: date | None) -> None:
    if queued.counted_on is not None:
        count(queued.customer, queued.counted_on, queued.channel, -1)
    if to is not None:
        count(queued.customer, to, queued.channel)
