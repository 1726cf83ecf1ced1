"""Holding anew: what is queued and whose hours or day are over waits for the next ones, or expires."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from sqlalchemy import Connection, Engine

from engine.core.customer import Customer, Timeline
from engine.core.gates import counted_since
from engine.core.holding import Queued, comes_after, hold_anew
from engine.current import CurrentDefinitions
from engine.ports import Clock
from engine.store import customers, overstayed, timelines
from engine.store.database import DatabaseUnavailable, Row, retrying, transaction

log = structlog.get_logger()

_BATCH = 500


class HoldingAnew:
    """Finds queued touches that missed their hours, and gives them their next ones.

    A sender may have been away, a channel paused, a try put off: what was allowed when it was planned is not any more.
    """

    def __init__(self, engine: Engine, clock: Clock, current: CurrentDefinitions) -> None:
        self._engine, self._clock, self._current = engine, clock, current

    def run(self) -> int:
        """Hold anew what has stayed too long; return how many touches were looked at."""
        with transaction(self._engine) as connection:
            found = overstayed.found(connection, self._clock.now(), _BATCH)
        try:
            return retrying(self._engine, lambda connection: self._hold(connection, found)) if found else 0
        except DatabaseUnavailable:
            raise
        except Exception as error:
            log.warning("hold_anew.batch_failed", touches=len(found), error=type(error).__name__)
        return sum(self._alone(row) for row in found)

    def _alone(self, row: Row) -> int:
        """Decide about one touch, so that one that fails does not keep the others, and all planning after it, from going on."""
        try:
            return retrying(self._engine, lambda connection: self._hold(connection, [row]))
        except DatabaseUnavailable:
            raise
        except Exception as error:
            log.error("hold_anew.failed", touch=row.id, customer=row.customer_id, error=type(error).__name__)
            return 0

    def _hold(self, connection: Connection, found: list[Row]) -> int:
        """Decide under the customers' locks; those that somebody else holds are left for the next tick."""
        now = self._clock.now()
        held = customers.hold_ids(connection, sorted({row.customer_id for row in found}))
        known = customers.load(connection, held)
        definitions = self._current.read(connection)
        timelines.load_into(connection, known)
        if definitions.counted_days:
            timelines.load_counted(connection, known, counted_since(now, definitions.counted_days))
            timelines.load_had(connection, [each for one in known.values() for each in one.timelines])
        queued = overstayed.lock(connection, [row.id for row in found if row.customer_id in known])
        late = [_queued(row, known) for row in queued if row.send_before <= now]
        decided = [hold_anew(each, definitions, now) for each in late if not comes_after(each, definitions, now)]
        overstayed.hold_anew(connection, [each for each in decided if not each.expired])
        overstayed.expire(connection, [each for each in decided if each.expired], now)
        return len(decided)


def _queued(row: Row, known: Mapping[int, Customer]) -> Queued:
    customer = known[row.customer_id]
    timeline: Timeline | None = next((each for each in customer.timelines if each.id == row.timeline_id), None)
    return Queued(
        row.id, customer, timeline, row.sop, row.step, row.kind, row.channel, row.due_at, row.limit_at, row.counted_on
    )
