"""Falling back: what staff was handed and did not confirm in time goes over the next channel."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.core.definitions.catalog import DecisionContext
from engine.core.delivery.fallback import UnconfirmedTouch, fallback_touch
from engine.locked_batch import LockedBatch, LockedCustomers
from engine.runtime import Runtime
from engine.store.database import transaction
from engine.store.installation import installation_id
from engine.store.state import staff_tasks, touches

_BATCH = 500


class ChannelFallback:
    """Finds touches whose confirmation is overdue, and sends them another way."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._deciding = LockedBatch(runtime, "fall_back")

    def run(self) -> int:
        """Let overdue touches fall back; return how many did."""
        with transaction(self._engine) as connection:
            rows = staff_tasks.unconfirmed(connection, self._clock.now(), _BATCH)
        return self._deciding.run(rows, self._fall_back, staff_tasks.postpone)

    @staticmethod
    def _fall_back(connection: Connection, held: LockedCustomers) -> int:
        """Decide about each; one confirmed in between is left alone, one without another channel is left to staff."""
        installation = installation_id(connection)
        waiting = staff_tasks.lock(connection, [row.id for row in held.rows if row.customer_id in held.known])
        decided = [
            (row, fallback_touch(unconfirmed, DecisionContext(held.definitions, held.now, installation)))
            for row in waiting
            for unconfirmed in [UnconfirmedTouch(held.queued(row), row.body, row.version, row.variant, row.fallback)]
        ]
        replaced = [(row, new) for row, new in decided if new is not None]
        staff_tasks.replace(connection, [row.id for row, _ in replaced], held.now)
        touches.add(connection, [(row.customer_id, new) for row, new in replaced], held.now)
        staff_tasks.wait_for_staff(connection, [row.id for row, new in decided if new is None])
        return len(replaced)
