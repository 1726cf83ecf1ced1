"""The production decisions on a virtual clock, in memory: what events and definitions lead to, nothing sent.

Sending is taken to succeed at once. Customers do not influence each other, so each is played on their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from engine.core.customers.customer import Customer, Timeline
from engine.core.customers.silence import due_events
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.delivery.actions import NOTICE
from engine.core.delivery.plan import plan_customer
from engine.core.events.event import MAX_DEPTH, Event
from engine.core.matching import schedules
from engine.core.matching.match import match
from engine.core.playback.played import Playback, Played, Waited
from engine.core.playback.segment_refresh import CustomerRefreshes, SegmentRefreshes
from engine.core.time.arithmetic import BEGINNING_OF_TIME
from engine.core.timelines.touch import Touch


def play(events: Iterable[Event], definitions: Definitions, until: datetime, installation: str) -> Playback:
    """Return what these events (each matched when received) lead to up to and including `until`.

    Parameters:
        events: in any order; each is matched at its `received_at`
        definitions: those in force all the time
        until: the last moment that is played
        installation: what the keys of touches are made of
    """
    return play_on((), events, DecisionContext(definitions, BEGINNING_OF_TIME, installation), until)


def play_on(
    customers: Iterable[Customer], events: Iterable[Event], context: DecisionContext, until: datetime
) -> Playback:
    """Return what follows for customers as they are at `now`, and what these events lead to, up to and including `until`.

    Parameters:
        customers: as a planner reads them, their timelines with `had`. They are changed in place; nobody else sees that.
        events: of these customers and others, who are new; each is matched when received, those received before `now` at `now`.
    """
    result = Playback()
    for _, played in play_each(customers, events, context, until):
        result.add(played)
    return result


def play_each(
    customers: Iterable[Customer],
    events: Iterable[Event],
    context: DecisionContext,
    until: datetime,
    refreshes: SegmentRefreshes | None = None,
) -> Iterator[tuple[Customer, Playback]]:
    """Yield each customer as they are at the end, and what came out for them, in order of their refs. See `play_on`.

    Parameters:
        refreshes: numbers and computed dimensions; without, they stay as they are.
    """
    known = {customer.ref: customer for customer in customers}
    theirs = {
        ref: list(group)
        for ref, group in groupby(sorted(events, key=lambda event: event.subject), key=lambda event: event.subject)
    }
    for ref in sorted(known.keys() | theirs.keys()):
        customer, inbox = known.get(ref), theirs.get(ref, [])
        begin = context.now if customer is not None else max(context.now, min(event.received_at for event in inbox))
        customer = customer or Customer(ref)
        yield (
            customer,
            play_one(
                customer, inbox, DecisionContext(context.definitions, begin, context.installation), until, refreshes
            ),
        )


def play_one(
    customer: Customer,
    events: Iterable[Event],
    context: DecisionContext,
    until: datetime,
    refreshes: SegmentRefreshes | None = None,
) -> Playback:
    """Return what follows for one customer from `now` on. See `play_on`.

    Parameters:
        customer: changed in place
        events: the customer's, later than the context's moment
        context: definitions, and the moment to begin at
        until: the last moment that is played
        refreshes: of numbers and computed dimensions, where there are any
    """
    inbox = deque(sorted(events, key=lambda event: event.received_at))
    run = _Run(
        customer, inbox, context.definitions, context.installation, refreshes.of(customer.ref) if refreshes else None
    )
    run.go(context.now, until)
    run.result.timelines += [(customer.ref, timeline) for timeline in customer.timelines]
    return run.result


class _Run:
    """One customer on the virtual clock."""

    def __init__(
        self,
        customer: Customer,
        inbox: deque[Event],
        definitions: Definitions,
        installation: str,
        refreshes: CustomerRefreshes | None,
    ) -> None:
        self.customer, self.inbox, self.definitions, self.installation = customer, inbox, definitions, installation
        self.result, self._refreshes = Playback(), refreshes
        self._calendar = schedules.sources(definitions)
        for timeline in customer.timelines:
            timeline.open_touches = False  # what is on its way is taken to arrive

    def go(self, now: datetime, until: datetime) -> None:
        """Move from moment to moment at which something is received or due."""
        if self._refreshes:
            self._refreshes.begin(self.customer, now)
        while True:
            ahead = schedules.next_events(self.customer, self._calendar, self.definitions, now)
            refresh_at = self._refreshes.next_at(now) if self._refreshes else None
            moment = self._next_moment(ahead, refresh_at)
            if moment is None or moment > until:
                return
            now = max(now, moment)
            self._receive([event for event in ahead if event.time <= now])
            self._receive(list(due_events(self.customer, now)))
            if self._refreshes and refresh_at is not None and refresh_at <= now:
                self._receive(self._refreshes.refresh(self.customer, refresh_at))
            self._match_waiting(now)
            self._plan(now)

    def _receive(self, events: list[Event]) -> None:
        """Put events before all that waits."""
        self.inbox.extendleft(reversed(events))

    def _next_moment(self, ahead: list[Event], refresh_at: datetime | None) -> datetime | None:
        customer = self.customer
        moments = [each.due_at for each in customer.timelines if each.active and each.due_at is not None]
        moments += [each.next_at for each in customer.clocks.values() if each.next_at is not None]
        moments += [event.time for event in ahead]
        moments += [self.inbox[0].received_at] if self.inbox else []
        return min([*moments, refresh_at] if refresh_at else moments, default=None)

    def _match_waiting(self, now: datetime) -> None:
        """Match what has been received by now; what that makes comes after what waits already."""
        made: list[Event] = []
        while self.inbox and self.inbox[0].received_at <= now:
            matched = match(
                self.customer, self.inbox.popleft(), DecisionContext(self.definitions, now, self.installation)
            )
            self.result.matched.append(matched)
            if matched.changed and self._refreshes:
                self._refreshes.touched()
            self.result.log.append((now, matched))
            self._played(matched.notices, now)
            made += [event for event in matched.made if event.depth <= MAX_DEPTH]
            if not (self.inbox and self.inbox[0].received_at <= now):
                self._receive(made)
                made = []

    def _plan(self, now: datetime) -> None:
        due = self.customer.due_timelines(now)
        for planned in plan_customer(self.customer, DecisionContext(self.definitions, now, self.installation)):
            self._played(planned.touches, now)
            self._receive([event for event in planned.made if event.depth <= MAX_DEPTH])
            self._remember_touched(planned.touches, now)
        self._note_waits(due, now)

    def _played(self, touches: list[Touch], now: datetime) -> None:
        played = [Played(self.customer.ref, touch, now) for touch in touches]
        self.result.touches += played
        self.result.log += [(now, each) for each in played]

    def _remember_touched(self, touches: list[Touch], now: datetime) -> None:
        for touch in touches:
            seen = touch.status == "queued" and touch.kind != NOTICE
            if seen and touch.timeline.sop in self.definitions.touched_sops:
                self.customer.touched[touch.timeline.sop] = now

    def _note_waits(self, timelines: list[Timeline], now: datetime) -> None:
        """Note what was due and is held back, for a reason the timeline tells."""
        waits = [
            Waited(self.customer.ref, each, each.next_step, each.step_due, now, each.due_at, each.waiting, each.detail)
            for each in timelines
            if each.active and each.waiting and each.next_step and each.step_due and each.due_at and each.due_at > now
        ]
        self.result.waits += waits
        self.result.log += [(now, each) for each in waits]
