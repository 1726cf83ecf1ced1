"""Taking in who meets a trigger already when an SOP is first applied, as its `existing` says; in the background, in batches.

Only inserts events with deterministic ids; the matcher decides about each customer as it does about any start.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection

from engine.core.customers.customer import Customer
from engine.core.definitions import Sop, StartExisting
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.events.event import Event
from engine.core.matching import existing_customers
from engine.core.time.arithmetic import local_date
from engine.runtime import Runtime
from engine.store.database import Row, retrying, transaction
from engine.store.scheduled import enrolment as store
from engine.store.state import inbox
from engine.store.state.loading import Needs, load

log = structlog.get_logger()


@dataclass(slots=True)
class Joined:
    """What one run did."""

    events: int = 0
    finished: list[str] = field(default_factory=list)
    """SOPs for which all are taken in."""


class ExistingEnroller:
    """Takes in the customers whom an SOP's `existing` is about."""

    def __init__(self, runtime: Runtime, batch: int = 500) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._hints, self._current, self._batch = runtime.hints, runtime.definitions, batch

    def run(self, seconds: float = 20.0) -> Joined:
        """Take in as many as the day has room for, for `seconds` at most; the next run goes on where this one stopped."""
        done, end = Joined(), time.monotonic() + seconds
        with transaction(self._engine) as connection:
            waiting = store.unfinished(connection)
        for sop in waiting:
            going_on = True
            while going_on and time.monotonic() < end:
                going_on = self.run_once(sop, done)
        return done

    def run_once(self, sop: str, done: Joined) -> bool:
        """Take in one batch, and hint at its customers once it is committed; return whether there may be more now."""
        subjects, going_on = retrying(self._engine, lambda connection: self._step(connection, sop, done))
        self._hints.look_at(subjects)
        done.events += len(subjects)
        return going_on

    def _step(self, connection: Connection, sop_id: str, done: Joined) -> tuple[list[str], bool]:
        definitions = self._current.read(connection)
        locked = store.lock(connection, sop_id)
        if locked is None or sop_id in definitions.broken:
            return [], False
        now, sop = self._clock.now(), definitions.sop(sop_id)
        if sop is None or sop.existing == "ignore":
            return self._finish(connection, sop_id, now, done)
        room = self._room(locked, sop, definitions, now)
        if room == 0:
            return [], False
        found = store.candidates(connection, sop.trigger, now, locked.cursor, self._batch)
        if not found:
            return self._finish(connection, sop_id, now, done)
        events, last = self._starts(connection, found, sop, definitions, now, room)
        today = local_date(now, definitions.engine.timezone)
        taken = (locked.taken if locked.day == today else 0) + len(events)
        store.advance(connection, sop_id, last, today, taken)
        inbox.add_made(connection, events, now)
        log.info("existing.taken_in", sop=sop_id, customers=len(events), today=taken)
        return [event.subject for event in events], True

    @staticmethod
    def _finish(connection: Connection, sop: str, now: datetime, done: Joined) -> tuple[list[str], bool]:
        store.finish(connection, sop, now)
        done.finished.append(sop)
        return [], False

    def _room(self, locked: Row, sop: Sop, definitions: Definitions, now: datetime) -> int:
        """Return how many may still be taken in today."""
        if not isinstance(sop.existing, StartExisting):
            return self._batch
        today = local_date(now, definitions.engine.timezone)
        return max(0, sop.existing.per_day - (locked.taken if locked.day == today else 0))

    @staticmethod
    def _starts(
        connection: Connection, ids: list[int], sop: Sop, definitions: Definitions, now: datetime, room: int
    ) -> tuple[list[Event], int]:
        """Return the starts of those of the customers who meet a trigger, `room` at most, and the last id looked at."""
        known = load(connection, ids, Needs.TOUCHED, definitions)
        events: list[Event] = []
        for number in ids:
            event = _start(known[number], sop, DecisionContext(definitions, now)) if number in known else None
            if event is not None:
                events.append(event)
            if len(events) == room:
                return events, number
        return events, ids[-1]


def _start(customer: Customer, sop: Sop, context: DecisionContext) -> Event | None:
    found = existing_customers.met(customer, sop, context)
    if found is None:
        return None
    event = existing_customers.start_event(customer, sop, found, context.now)
    return event if existing_customers.passes_entry_conditions(customer, event, sop, context) else None
