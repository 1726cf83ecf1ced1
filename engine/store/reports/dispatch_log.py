"""Lists for people: touches and events by what they are, and what came after a place in the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from engine.store.database import Row, rows
from engine.store.fragments import SqlFragment
from engine.store.sentences import told

_TOUCHES = """select t.id, coalesce(t.sent_at, t.ended_at, t.planned_at) as at, c.ref as customer, t.sop, t.version, t.step, t.kind,
                     t.channel, t.status, t.reason, t.detail, t.due_at, t.planned_at, t.ready_at, t.sent_at, t.ended_at, t.attempt, t.key,
                     t.timeline_id, t.provider_id, t.trace
              from touches t join customers c on c.id = t.customer_id"""

_EVENTS = "select id, source, event_id, type, subject, time, received_at, data, cause, backfill, matched_at, outcome from events"

_REJECTED = "select id, received_at, source, event_id, error, body from rejected_events"


@dataclass(frozen=True, slots=True)
class TouchFilter:
    """Which touches to list; what is None does not matter."""

    customer: str | None = None
    sop: str | None = None
    step: str | None = None
    status: str | None = None
    channel: str | None = None
    reason: str | None = None
    since: datetime | None = None
    """Planned, sent or ended at or after this."""
    until: datetime | None = None
    """And before this."""


_CONDITIONS = {
    "customer": "t.customer_id = (select id from customers where ref = :customer)",
    "sop": "t.sop = :sop",
    "step": "t.step = :step",
    "status": "t.status = :status",
    "channel": "t.channel = :channel",
    "reason": "t.reason = :reason",
    "since": "coalesce(t.sent_at, t.ended_at, t.planned_at) >= :since",
    "until": "coalesce(t.sent_at, t.ended_at, t.planned_at) < :until",
}


def touches(connection: Connection, wanted: TouchFilter, limit: int, before: int | None = None) -> list[Row]:
    """Return the newest touches (by id) that meet every given part of the filter, below the id `before`; newest first.

    Parameters:
        wanted: the filter
        limit: how many at most
        before: id below which to look
    """
    parts, values = _parts(wanted)
    if before is not None:
        parts.append("t.id < :before")
        values["before"] = before
    statement = f"{_TOUCHES} {_where(parts)} order by t.id desc limit :limit"
    return told(rows(connection, statement, limit=limit, **values), "detail")


def touches_changed(
    connection: Connection, wanted: TouchFilter, after: int, open_: Sequence[int], limit: int
) -> list[Row]:
    """Return the touches above the id `after`, and those of the ids `open_`, that meet the filter; by id.

    Parameters:
        wanted: the filter
        after: id above which everything is new
        open_: ids told before that had not come to their end
        limit: how many at most
    """
    parts, values = _parts(wanted)
    parts.append("(t.id > :after or t.id = any(:open))")
    statement = f"{_TOUCHES} {_where(parts)} order by t.id limit :limit"
    found = rows(connection, statement, after=after, open=list(open_), limit=limit, **values)
    return told(found, "detail")


def _parts(wanted: TouchFilter) -> tuple[list[str], dict[str, Any]]:
    values = {name: getattr(wanted, name) for name in _CONDITIONS if getattr(wanted, name) is not None}
    return [_CONDITIONS[name] for name in values], values


def events(connection: Connection, customer: str | None, limit: int, after: int | None = None) -> list[Row]:
    """Return the newest events (of one customer), those above the id `after` only; oldest first.

    Parameters:
        customer: ref; None: of everybody
        limit: how many at most
        after: id above which to look
    """
    of_customer = SqlFragment("subject = :customer", {"customer": customer}) if customer else None
    return told(_newest(connection, _EVENTS, of_customer, limit, after), "outcome")


def rejected_events(connection: Connection, customer: str | None, limit: int, after: int | None = None) -> list[Row]:
    """Return the newest rejected events (naming one customer as their subject), as `events` does.

    Parameters:
        customer: ref; None: of everybody
        limit: how many at most
        after: id above which to look
    """
    # The kept body may be cut, so it is no JSON.
    naming = SqlFragment(
        "position('\"subject\":' || to_json(cast(:customer as text)) in replace(body, '\"subject\": ', '\"subject\":')) > 0",
        {"customer": customer},
    )
    return told(_newest(connection, _REJECTED, naming if customer else None, limit, after), "error")


def _newest(
    connection: Connection, select: str, condition: SqlFragment | None, limit: int, after: int | None
) -> list[Row]:
    parts = [condition.text] if condition else []
    values: dict[str, Any] = dict(condition.values) if condition else {}
    if after is not None:
        parts.append("id > :after")
        values["after"] = after
    return rows(connection, f"{select} {_where(parts)} order by id desc limit :limit", limit=limit, **values)[::-1]


def _where(parts: Sequence[str]) -> str:
    return f"where {' and '.join(parts)}" if parts else ""
