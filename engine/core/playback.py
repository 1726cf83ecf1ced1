"""The production decisions on a virtual clock, in memory: what events and definitions lead to, nothing sent.

Sending is taken to succeed at once. Customers do not influence each other, so each is played on their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from engine.core import slots
from engine.core.catalog import Definitions
from engine.core.customer import Customer, Timeline
from engine.core.delivery import Touch, plan_customer
from engine.core.events import MAX_DEPTH, Event
from engine.core.matching import Matched, match
from engine.core.silence import due_events


@dataclass(frozen=True, slots=True)
class Played:
    """A touch as it came out, and when."""

    customer: str
    touch: Touch
    at: datetime
    """When it was planned; one that was queued is sent at the same moment."""


@dataclass(slots=True)
class Playback:
    """What came out."""

    touches: list[Played] = field(default_factory=list)
    timelines: list[tuple[str, Timeline]] = field(default_factory=list)
    matched: list[Matched] = field(default_factory=list)


def play(events: Iterable[Event], definitions: Definitions, until: datetime, installation: str) -> Playback:
    """Return what these events (each matched when received) lead to up to and including `until`."""
    result = Playback()
    by_customer = sorted(events, key=lambda event: event.subject)
    for ref, theirs in groupby(by_customer, key=lambda event: event.subject):
        customer = Customer(ref)
        _play_customer(
            customer, sorted(theirs, key=lambda event: event.received_at), definitions, until, installation, result
        )
        result.timelines += [(ref, timeline) for timeline in customer.timelines]
    return result


def _play_customer(
    customer: Customer,
    events: list[Event],
    definitions: Definitions,
    until: datetime,
    installation: str,
    result: Playback,
) -> None:
    inbox, calendar = deque(events), slots.sources(definitions)
    seen_to = events[0].received_at
    while True:
        ahead = slots.next_events(customer, calendar, definitions, seen_to)
        now = _next_moment(customer, inbox, ahead)
        if now is None or now > until:
            break
        seen_to = max(seen_to, now)
        inbox.extendleft(reversed([event for event in ahead if event.time <= now]))
        inbox.extendleft(reversed(list(due_events(customer, now))))
        _match_waiting(customer, inbox, definitions, now, result)
        for planned in plan_customer(customer, definitions, now, installation):
            result.touches += [Played(customer.ref, touch, now) for touch in planned.touches]
            inbox.extendleft(reversed([event for event in planned.made if event.depth <= MAX_DEPTH]))
            _remember_touched(customer, planned.touches, definitions, now)


def _next_moment(customer: Customer, inbox: deque[Event], ahead: list[Event]) -> datetime | None:
    moments = [each.due_at for each in customer.timelines if each.active and each.due_at is not None]
    moments += [each.next_at for each in customer.clocks.values() if each.next_at is not None]
    moments += [event.time for event in ahead]
    return min([*moments, *([inbox[0].received_at] if inbox else [])], default=None)


def _match_waiting(
    customer: Customer, inbox: deque[Event], definitions: Definitions, now: datetime, result: Playback
) -> None:
    """Match what has been received by now; what that makes comes after what waits already."""
    made: list[Event] = []
    while inbox and inbox[0].received_at <= now:
        matched = match(customer, inbox.popleft(), definitions, now)
        result.matched.append(matched)
        made += [event for event in matched.made if event.depth <= MAX_DEPTH]
        if not (inbox and inbox[0].received_at <= now):
            inbox.extendleft(reversed(made))
            made = []


def _remember_touched(customer: Customer, touches: list[Touch], definitions: Definitions, now: datetime) -> None:
    for touch in touches:
        if touch.status == "queued" and touch.timeline.sop in definitions.touched_sops:
            customer.touched[touch.timeline.sop] = now
