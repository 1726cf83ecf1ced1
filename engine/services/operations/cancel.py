"""Cancelling a timeline by hand."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, Engine

from engine.core.errors import NotFound
from engine.core.reasons import Reason
from engine.core.sentence import Sentence
from engine.ports import Clock
from engine.store.database import Row, retrying, transaction
from engine.store.operations import audit, touches
from engine.store.reports import stories
from engine.store.state import customers, timelines
from engine.store.state.loading import Needs, load

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A timeline after its cancelling."""

    timeline: int
    customer: str
    sop: str
    changed: bool
    """False: it had ended already, in `state`; nothing was changed."""
    state: str
    called_back: int = 0
    """Touches of it that waited to be sent or confirmed, and are cancelled with it."""


class TimelineCanceller:
    """Ends timelines before their time."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def cancel(self, timeline: int, who: str, reason: str | None = None) -> Cancelled:
        """Cancel a timeline, audited; its queued and handed touches are called back. An ended one stays as it is.

        Raises NotFound for an id that no timeline has.
        """
        done = retrying(self._engine, lambda connection: self._cancel(connection, timeline, who, reason))
        if done.changed:
            log.info("timeline.cancelled", timeline=timeline, sop=done.sop, touches=done.called_back)
        return done

    def active_of(self, ref: str) -> list[Row]:
        """Return id, sop, key and anchor of a customer's active timelines; none for a customer nobody ever named."""
        with transaction(self._engine) as connection:
            id_ = stories.customer_id(connection, ref)
            return [] if id_ is None else touches.active_timelines(connection, id_)

    def _cancel(self, connection: Connection, timeline: int, who: str, reason: str | None) -> Cancelled:
        row = touches.timeline(connection, timeline)
        if row is None:
            raise NotFound(
                Sentence(
                    "no timeline has the id {id}; `sop explain CUSTOMER --json` shows those of a customer, with their ids",
                    id=timeline,
                )
            )
        loaded = load(connection, customers.lock_by_id(connection, [row.customer_id]), Needs.NOTHING_MORE)
        mine = next((each for c in loaded.values() for each in c.timelines if each.id == timeline), None)
        if mine is None:
            return _unchanged(touches.timeline(connection, timeline) or row)
        open_before = touches.open_touches(connection, timeline)
        now = self._clock.now()
        mine.end("cancelled", Reason.BY_HAND, now, reason or who)
        timelines.write(connection, loaded.values())
        called_back = open_before - touches.open_touches(connection, timeline)
        detail = {
            "timeline": timeline,
            "customer": row.ref,
            "sop": row.sop,
            "reason": reason,
            "touches": called_back,
        }
        audit.add(connection, now, who, "cancel", detail)
        return Cancelled(timeline, row.ref, row.sop, True, "cancelled", called_back)


def _unchanged(row: Row) -> Cancelled:
    return Cancelled(row.id, row.ref, row.sop, False, row.state)
