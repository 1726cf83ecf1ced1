"""Rescheduling: what is queued and whose hours or day are over waits for the next ones, or expires."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.core.definitions.catalog import DecisionContext
from engine.core.delivery.reschedule import must_wait_for_rivals, reschedule
from engine.locked_batch import LockedBatch, LockedCustomers
from engine.runtime import Runtime
from engine.store.database import transaction
from engine.store.state import rescheduling

_BATCH = 500


class OverdueRescheduler:
    """Finds queued touches that missed their hours, and gives them their next ones.

    A sender may have been away, a channel paused, a try put off: what was allowed when it was planned is not any more.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._deciding = LockedBatch(runtime, "hold_anew")

    def run(self) -> int:
        """Reschedule what has stayed too long; return how many touches that was."""
        with transaction(self._engine) as connection:
            overdue = rescheduling.find_overdue(connection, self._clock.now(), _BATCH)
        return self._deciding.run(overdue, self._reschedule, rescheduling.postpone)

    @staticmethod
    def _reschedule(connection: Connection, held: LockedCustomers) -> int:
        queued = rescheduling.lock(connection, [row.id for row in held.rows if row.customer_id in held.known])
        late = [held.queued(row) for row in queued if row.send_before <= held.now]
        decided = [
            reschedule(each, DecisionContext(held.definitions, held.now))
            for each in late
            if not must_wait_for_rivals(each, DecisionContext(held.definitions, held.now))
        ]
        rescheduling.reschedule(connection, [each for each in decided if not each.expired])
        rescheduling.expire(connection, [each for each in decided if each.expired], held.now)
        return len(decided)
