"""Touches that failed or whose outcome nobody knows: sent again, or confirmed, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import structlog
from sqlalchemy import Connection, Engine

from engine.ports import Clock
from engine.store.database import Row, retrying
from engine.store.operations import audit, touches
from engine.store.state import customers

log = structlog.get_logger()

Verdict = Literal["queued", "sent", "expired", "ended", "wrong_status", "not_found"]


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of one touch."""

    touch: int
    verdict: Verdict
    """queued or sent: done. expired: its limit is over. ended: its timeline exited, converted or was cancelled.
    wrong_status: it is in another state than what was asked for can start from. not_found: no touch has this id."""
    status: str | None = None
    """Its state before."""
    customer: str | None = None
    sop: str | None = None
    step: str | None = None
    limit_at: datetime | None = None
    """Never later than this."""

    @property
    def done(self) -> bool:
        """Whether it was changed."""
        return self.verdict in ("queued", "sent")


class TouchRetrier:
    """Sends again, or confirms, what did not come to a good end."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def retry(self, touches: Sequence[int], who: str, *, mark_sent: bool = False) -> list[Retried]:
        """Queue touches that are failed or unknown again, under the same key, audited; say of each what became of it.

        Parameters:
            mark_sent: instead, note of those that are unknown that they were sent.
        """
        wanted = list(dict.fromkeys(touches))
        told = retrying(self._engine, lambda connection: self._retry(connection, wanted, who, mark_sent))
        log.info("touches.retried", touches=sum(each.done for each in told), asked=len(told), sent=mark_sent)
        return told

    def _retry(self, connection: Connection, wanted: Sequence[int], who: str, mark_sent: bool) -> list[Retried]:
        customers.lock_by_id(connection, touches.customers_of(connection, wanted))  # caps count what is queued
        now = self._clock.now()
        found = {row.id: row for row in touches.lock(connection, wanted)}
        told = [_judge(each, found.get(each), now, mark_sent) for each in wanted]
        done = [each.touch for each in told if each.done]
        if done:
            change = touches.mark_sent if mark_sent else touches.queue_again
            change(connection, done, now)
            action = "touch.mark_sent" if mark_sent else "touch.retry"
            audit.add(connection, now, who, action, {"touches": done})
        return told


def _judge(touch: int, row: Row | None, now: datetime, mark_sent: bool) -> Retried:
    if row is None:
        return Retried(touch, "not_found")
    about = (row.status, row.customer, row.sop, row.step, row.limit_at)
    if row.status not in (("unknown",) if mark_sent else ("failed", "unknown")):
        return Retried(touch, "wrong_status", *about)
    if mark_sent:
        return Retried(touch, "sent", *about)
    if row.timeline_state not in ("active", "completed"):
        return Retried(touch, "ended", *about)
    return Retried(touch, "queued" if now < row.limit_at else "expired", *about)
