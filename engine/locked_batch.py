"""Deciding about touches under their customers' locks: all at once, and one by one where one of them fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, Engine

from engine.core.customers.customer import Customer
from engine.core.definitions.catalog import Definitions
from engine.core.delivery.reschedule import Queued
from engine.definitions_in_force import CurrentDefinitions
from engine.ports import Clock
from engine.store.database import DatabaseUnavailable, Row, retrying, transaction
from engine.store.state import customers
from engine.store.state.loading import Needs, load

log = structlog.get_logger()

_LATER = timedelta(minutes=1)
"""So long a touch is left alone about which nothing could be decided."""


@dataclass(frozen=True, slots=True)
class LockedCustomers:
    """What is decided with: customers whose rows are held, as they are now."""

    rows: Sequence[Row]
    """The touches looked at: id, customer_id."""
    known: Mapping[int, Customer]
    definitions: Definitions
    now: datetime

    def queued(self, row: Row) -> Queued:
        """Return a touch as gates and fallbacks see it."""
        customer = self.known[row.customer_id]
        timeline = next((each for each in customer.timelines if each.id == row.timeline_id), None)
        return Queued(
            row.id, customer, timeline, row.sop, row.step, row.kind, row.channel, row.due_at, row.limit_at, row.counted_on
        )  # fmt: skip


Decide = Callable[[Connection, LockedCustomers], int]
Postpone = Callable[[Connection, int, datetime], None]


class LockedBatch:
    """Runs decisions about touches; one that fails keeps neither the others nor the planning after it from going on."""

    def __init__(self, engine: Engine, clock: Clock, current: CurrentDefinitions, name: str) -> None:
        self._engine, self._clock, self._current, self._name = engine, clock, current, name

    def run(self, found: Sequence[Row], decide: Decide, put_off: Postpone) -> int:
        """Decide about these touches and return what `decide` counts.

        Parameters:
            found: id and customer_id of each, as they were a moment ago; `decide` reads them again.
            put_off: leaves a touch alone until a moment, where nothing could be decided.
        """
        if not found:
            return 0
        try:
            return retrying(self._engine, lambda connection: decide(connection, self._lock(connection, found)))
        except DatabaseUnavailable:
            raise
        except Exception as error:
            log.warning(f"{self._name}.batch_failed", touches=len(found), error=type(error).__name__)
        return sum(self._alone(row, decide, put_off) for row in found)

    def _alone(self, row: Row, decide: Decide, put_off: Postpone) -> int:
        try:
            return retrying(self._engine, lambda connection: decide(connection, self._lock(connection, [row])))
        except DatabaseUnavailable:
            raise
        except Exception as error:
            log.error(f"{self._name}.failed", touch=row.id, customer=row.customer_id, error=type(error).__name__)
            with transaction(self._engine) as connection:
                put_off(connection, row.id, self._clock.now() + _LATER)
            return 0

    def _lock(self, connection: Connection, found: Sequence[Row]) -> LockedCustomers:
        """Hold the customers' rows, then read all that decisions need."""
        now = self._clock.now()
        locked = customers.lock_by_id(connection, sorted({row.customer_id for row in found}))
        definitions = self._current.read(connection)
        known = load(connection, locked, Needs.CAPS, definitions, now=now)
        return LockedCustomers(found, known, definitions, now)
