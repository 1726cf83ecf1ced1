"""Planning: timelines that are due become touches, in bounded transactions, until nothing is due."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine

from engine.core.delivery import due_timelines, plan_customer
from engine.current import CurrentDefinitions
from engine.ports import Clock, HintQueue
from engine.store import customers, inbox, metrics, timelines, touches
from engine.store.database import DatabaseUnavailable, retrying, transaction
from engine.store.installation import installation_id

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

    def add(self, other: Round) -> None:
        """Count another round's work with this one's."""
        self.timelines += other.timelines
        self.touches += other.touches
        self.channels |= other.channels
        self.again |= other.again


class Planning:
    """Turns what is due into touches."""

    def __init__(self, engine: Engine, clock: Clock, hints: HintQueue, current: CurrentDefinitions, batch: int = 500) -> None:
        self._engine, self._clock, self._hints, self._current, self._batch = engine, clock, hints, current, batch
        self._id = ""

    def run(self, seconds: float = 20.0) -> Round:
        """Plan until nothing is due, for `seconds` at most."""
        done, end = Round(), time.monotonic() + seconds
        while time.monotonic() < end:
            part = self.run_once()
            done.add(part)
            if not part.timelines:
                break
        return done

    def run_once(self) -> Round:
        """Plan one batch of customers; if that fails, each on their own, the failing ones put off."""
        try:
            done = retrying(self._engine, self._plan_due)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            log.warning("plan.batch_failed", error=type(error).__name__)
            done = self._one_by_one()
        if not done.timelines:
            done.again |= self._waiting_for_events()
        self._hints.look_at(sorted(done.again))
        return done

    def _waiting_for_events(self) -> set[str]:
        """Return customers left alone because their events come first. Asked once nothing else is due, so that little is looked at."""
        with transaction(self._engine) as connection:
            return inbox.subjects_due(connection, self._clock.now(), self._batch)

    def _one_by_one(self) -> Round:
        with transaction(self._engine) as connection:
            ids = customers.hold_due(connection, self._clock.now(), self._batch)
        done = Round()
        for customer in ids:
            done.add(self._alone(customer))
        return done

    def _alone(self, customer: int) -> Round:
        try:
            return retrying(self._engine, lambda connection: self._plan_one(connection, customer))
        except DatabaseUnavailable:
            raise
        except Exception as error:
            log.error("plan.customer_failed", customer=customer, error=type(error).__name__)
            with transaction(self._engine) as connection:
                customers.hold_ids(connection, [customer])
                timelines.defer_failed(connection, customer, self._clock.now(), f"{type(error).__name__}: {error}")
            return Round(timelines=1)

    def _installation(self, connection: Connection) -> str:
        self._id = self._id or installation_id(connection)
        return self._id

    def _plan_due(self, connection: Connection) -> Round:
        now = self._clock.now()
        return self._plan_held(connection, customers.hold_due(connection, now, self._batch), now)

    def _plan_one(self, connection: Connection, customer: int) -> Round:
        now = self._clock.now()
        return self._plan_held(connection, customers.hold_ids(connection, [customer]), now)

    def _plan_held(self, connection: Connection, ids: Sequence[int], now: datetime) -> Round:
        """Read, decide and write for customers whose rows are held."""
        if not ids:
            return Round()
        refs = customers.refs_of(connection, ids)
        waiting = inbox.subjects_waiting(connection, list(refs))
        known = customers.load(connection, [id_ for ref, id_ in refs.items() if ref not in waiting])
        definitions = self._current.read(connection)
        timelines.load_into(connection, known)
        timelines.load_touched(connection, known, sorted(definitions.touched_sops))
        if definitions.uses_metrics:
            metrics.load_into(connection, known)
        due = [each for customer in known.values() for each in due_timelines(customer, now)]
        timelines.load_had(connection, due)
        installation = self._installation(connection)
        planned = {id_: plan_customer(customer, definitions, now, installation) for id_, customer in known.items()}
        made = [(id_, touch) for id_, all_ in planned.items() for one in all_ for touch in one.touches]
        touches.add(connection, made, now)
        timelines.write(connection, known.values())
        again = inbox.add_made(connection, [event for all_ in planned.values() for one in all_ for event in one.made], now)
        channels = {touch.channel for _, touch in made if touch.status == "queued" and touch.channel}
        return Round(len(due), len(made), channels, again | waiting)
