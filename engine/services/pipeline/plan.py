"""Planning: timelines that are due become touches, in bounded transactions, until nothing is due."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection

from engine.core.customers.customer import Customer
from engine.core.definitions.catalog import DecisionContext
from engine.core.delivery.plan import Planned, plan_customer
from engine.core.errors import failure
from engine.locked_batch import all_or_each, attempt
from engine.runtime import Runtime
from engine.store.database import transaction
from engine.store.installation import installation_id
from engine.store.state import customers, inbox, timelines, touches
from engine.store.state.loading import Needs, load

log = structlog.get_logger()


@dataclass(slots=True)
class Round:
    """What one run of planning did."""

    timelines: int = 0
    touches: int = 0
    channels: set[str] = field(default_factory=set)
    """Channels that now have something to send."""
    again: set[str] = field(default_factory=set)
    """Customers whose events come first: engine-made ones, or accepted in between."""
    failed: list[int] = field(default_factory=list)
    """Customers whose planning failed, so that nothing of theirs was written."""

    def add(self, other: Round) -> None:
        """Count another round's work with this one's."""
        self.timelines += other.timelines
        self.touches += other.touches
        self.channels |= other.channels
        self.again |= other.again
        self.failed += other.failed


class Planner:
    """Turns what is due into touches."""

    def __init__(self, runtime: Runtime, batch: int = 500) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._hints, self._current, self._batch = runtime.hints, runtime.definitions, batch
        self._id = ""

    def run(self, seconds: float = 20.0) -> Round:
        """Plan what is due now, for `seconds` at most.

        A batch less than half full was all of it, or nearly. What falls due from then on is the next tick's: with a
        steady trickle this would otherwise never end, and everything else that waits for this worker would expire.
        """
        done, end = Round(), time.monotonic() + seconds
        while time.monotonic() < end:
            part = self.run_once()
            done.add(part)
            if self._little_was_due(part):
                break
        return done

    def run_once(self) -> Round:
        """Plan one batch of customers; if that fails, each on their own, the failing ones put off."""
        done = Round()
        for part in all_or_each(self._engine, self._plan_due, self._one_by_one, "plan.batch_failed"):
            done.add(part)
        for customer in done.failed:
            done.add(self._singly(customer))
        if self._little_was_due(done):
            done.again |= self._waiting_for_events()
        self._hints.look_at(sorted(done.again))
        return done

    def _little_was_due(self, done: Round) -> bool:
        """Return whether this round has probably left nothing due: the next tick is soon enough for what is."""
        return done.timelines <= self._batch // 2

    def _waiting_for_events(self) -> set[str]:
        """Return customers left alone because their events come first. Asked once little else is due, so that little is looked at."""
        with transaction(self._engine) as connection:
            return inbox.subjects_due(connection, self._clock.now(), self._batch)

    def _one_by_one(self) -> Iterator[Round]:
        with transaction(self._engine) as connection:
            ids = customers.lock_due(connection, self._clock.now(), self._batch)
        return map(self._alone, ids)

    def _alone(self, customer: int) -> Round:
        def failed(error: Exception) -> Round:
            log.warning("plan.customer_failed", customer=customer, error=type(error).__name__)
            return Round(timelines=1, failed=[customer])

        return attempt(self._engine, lambda connection: self._plan_one(connection, customer), failed)

    def _singly(self, customer: int) -> Round:
        """Plan a customer's due timelines one by one; put off those that fail.

        Were the others put off with them, they would be due together again and again, until the good ones expire.
        """
        with transaction(self._engine) as connection:
            due = timelines.ids_due(connection, customer, self._clock.now())
        done = Round()
        for timeline in due:
            done.add(self._timeline(customer, timeline))
        return done

    def _timeline(self, customer: int, timeline: int) -> Round:
        def failed(error: Exception) -> Round:
            log.error("plan.timeline_failed", customer=customer, timeline=timeline, error=type(error).__name__)
            with transaction(self._engine) as connection:
                customers.lock_by_id(connection, [customer])
                timelines.defer_failed(connection, timeline, self._clock.now(), failure(error))
            return Round(timelines=1)

        return attempt(self._engine, lambda connection: self._plan_one(connection, customer, timeline), failed)

    def _installation(self, connection: Connection) -> str:
        self._id = self._id or installation_id(connection)
        return self._id

    def _plan_due(self, connection: Connection) -> Round:
        now = self._clock.now()
        return self._plan_locked(connection, customers.lock_due(connection, now, self._batch), now)

    def _plan_one(self, connection: Connection, customer: int, only: int | None = None) -> Round:
        now = self._clock.now()
        return self._plan_locked(connection, customers.lock_by_id(connection, [customer]), now, only)

    def _plan_locked(self, connection: Connection, ids: Sequence[int], now: datetime, only: int | None = None) -> Round:
        """Read, decide and write for customers whose rows are locked; with `only`, for this one timeline."""
        if not ids:
            return Round()
        refs = customers.refs_of(connection, ids)
        waiting = inbox.subjects_waiting(connection, list(refs))
        definitions = self._current.read(connection)
        free = [id_ for ref, id_ in refs.items() if ref not in waiting]
        known = load(connection, free, Needs.TOUCHED | Needs.METRICS | Needs.CAPS, definitions, now=now)
        if only is not None:
            _leave_alone(known.values(), only)
        due = [each for customer in known.values() for each in customer.due_timelines(now)]
        if not definitions.counted_days:  # else those of all are read already
            timelines.load_had(connection, due)
        paused, installation = touches.paused_sops(connection), self._installation(connection)
        planned, failed = _decide(known, DecisionContext(definitions, now, installation), paused, whole=only is None)
        made = [(id_, touch) for id_, all_ in planned.items() for one in all_ for touch in one.touches]
        touches.add(connection, made, now)
        timelines.write(connection, [known[id_] for id_ in planned])
        again = inbox.add_made(
            connection, [event for all_ in planned.values() for one in all_ for event in one.made], now
        )
        channels = {touch.channel for _, touch in made if touch.status == "queued" and touch.channel}
        return Round(len(due), len(made), channels, again | waiting, failed)


def _decide(
    known: Mapping[int, Customer],
    context: DecisionContext,
    paused: frozenset[str],
    *,
    whole: bool,
) -> tuple[dict[int, list[Planned]], list[int]]:
    """Plan each customer; return what was planned, and whose planning failed. Where not `whole`, a failure is raised instead."""
    planned: dict[int, list[Planned]] = {}
    failed: list[int] = []
    for id_, customer in known.items():
        try:
            planned[id_] = plan_customer(customer, context, paused)
        except Exception as error:
            if not whole:
                raise
            log.warning("plan.customer_failed", customer=id_, error=type(error).__name__)
            failed.append(id_)
    return planned, failed


def _leave_alone(customers: Iterable[Customer], only: int) -> None:
    """Let every other timeline be seen by conditions and not planned; it is not written."""
    for customer in customers:
        for timeline in customer.timelines:
            if timeline.id != only:
                timeline.due_at = None
