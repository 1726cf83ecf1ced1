"""Falling back: what staff was handed and did not confirm in time goes over the next channel."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from sqlalchemy import Connection, Engine

from engine.core.customer import Customer
from engine.core.falling import Unconfirmed, fall_back
from engine.core.gates import counted_since
from engine.core.holding import Queued
from engine.current import CurrentDefinitions
from engine.ports import Clock
from engine.store import customers, handed, timelines, touches
from engine.store.database import DatabaseUnavailable, Row, retrying, transaction
from engine.store.installation import installation_id

log = structlog.get_logger()

_BATCH = 500


class FallingBack:
    """Finds touches whose confirmation is overdue, and sends them another way."""

    def __init__(self, engine: Engine, clock: Clock, current: CurrentDefinitions) -> None:
        self._engine, self._clock, self._current = engine, clock, current

    def run(self) -> int:
        """Let overdue touches fall back; return how many did."""
        with transaction(self._engine) as connection:
            found = handed.unconfirmed(connection, self._clock.now(), _BATCH)
        try:
            return retrying(self._engine, lambda connection: self._fall_back(connection, found)) if found else 0
        except DatabaseUnavailable:
            raise
        except Exception as error:
            log.warning("fall_back.batch_failed", touches=len(found), error=type(error).__name__)
        return sum(self._alone(row) for row in found)

    def _alone(self, row: Row) -> int:
        """Decide about one touch, so that one that fails does not keep the others, and all planning after it, from going on."""
        try:
            return retrying(self._engine, lambda connection: self._fall_back(connection, [row]))
        except DatabaseUnavailable:
            raise
        except Exception as error:
            log.error("fall_back.failed", touch=row.id, customer=row.customer_id, error=type(error).__name__)
            return 0

    def _fall_back(self, connection: Connection, found: list[Row]) -> int:
        """Decide under the customers' locks: one confirmed in between is left alone."""
        now = self._clock.now()
        held = customers.hold_ids(connection, sorted({row.customer_id for row in found}))
        known = customers.load(connection, held)
        definitions = self._current.read(connection)
        timelines.load_into(connection, known)
        if definitions.counted_days:
            timelines.load_counted(connection, known, counted_since(now, definitions.counted_days))
            timelines.load_had(connection, [each for one in known.values() for each in one.timelines])
        waiting = handed.lock(connection, [row.id for row in found])
        installation = installation_id(connection)
        decided = [
            (row, new)
            for row in waiting
            if (new := fall_back(_unconfirmed(row, known), definitions, now, installation)) is not None
        ]
        handed.replace(connection, [row.id for row, _ in decided], now)
        touches.add(connection, [(row.customer_id, new) for row, new in decided], now)
        handed.wait_for_staff(connection, [row.id for row in waiting if row.id not in {each.id for each, _ in decided}])
        return len(decided)


def _unconfirmed(row: Row, known: Mapping[int, Customer]) -> Unconfirmed:
    customer = known[row.customer_id]
    timeline = next((each for each in customer.timelines if each.id == row.timeline_id), None)
    touch = Queued(
        row.id, customer, timeline, row.sop, row.step, row.kind, row.channel, row.due_at, row.limit_at, row.counted_on
    )
    return Unconfirmed(touch, row.body, row.version, row.variant, row.fallback)
