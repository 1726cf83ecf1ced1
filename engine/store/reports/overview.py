"""How customers stand in SOPs: timelines one by one, and counted by SOP and step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from engine.store.database import Row, rows
from engine.store.sentences import told

_TIMELINES = """select t.id, c.ref as customer, t.sop, t.version, t.key, t.state, t.reason, t.detail, t.anchor, t.started_at, t.ended_at,
                       case when t.state = 'active' then t.next_step end as next_step,
                       case when t.state = 'active' then t.step_due end as step_due,
                       case when t.state = 'active' and t.due_at < '9999-12-31 00:00Z' then t.due_at end as due_at,
                       case when t.state = 'active' then t.waiting end as waiting, t.priority, t.group_name as group,
                       t.holdout, t.goal_until, t.converted_at
                from timelines t join customers c on c.id = t.customer_id"""


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """Which timelines to list; what is None does not matter."""

    customer: str | None = None
    sop: str | None = None
    state: str | None = None
    step: str | None = None
    """The step that comes next."""
    waiting: str | None = None
    """The reason that holds it back."""


_CONDITIONS = {
    "customer": "t.customer_id = (select id from customers where ref = :customer)",
    "sop": "t.sop = :sop",
    "state": "t.state = :state",
    "step": "t.state = 'active' and t.next_step = :step",
    "waiting": "t.state = 'active' and t.waiting = :waiting",
}


def timelines(connection: Connection, wanted: TimelineFilter, limit: int, before: int | None = None) -> list[Row]:
    """Return the newest timelines (by id) that meet every given part of the filter, below the id `before`; newest first.

    Parameters:
        wanted: the filter
        limit: how many at most
        before: id below which to look
    """
    values: dict[str, Any] = {name: getattr(wanted, name) for name in _CONDITIONS if getattr(wanted, name) is not None}
    parts = [_CONDITIONS[name] for name in values]
    if before is not None:
        parts.append("t.id < :before")
        values["before"] = before
    where = f"where {' and '.join(parts)}" if parts else ""
    found = rows(connection, f"{_TIMELINES} {where} order by t.id desc limit :limit", limit=limit, **values)
    return told(found, "detail")


def active_by_step(connection: Connection) -> list[Row]:
    """Return how many active timelines of each SOP stand before each step, and how many of them are held back."""
    return rows(
        connection,
        """select sop, next_step as step, count(*) as number, count(waiting) as held from timelines
           where state = 'active' group by 1, 2""",
    )


def moves_since(connection: Connection, since: datetime) -> list[Row]:
    """Return for each SOP how many timelines started, ended and reached their goal since then."""
    return rows(
        connection,
        """select sop, count(*) filter (where started_at >= :since) as started, count(*) filter (where ended_at >= :since) as ended,
                  count(*) filter (where converted_at >= :since) as converted
           from timelines group by 1""",
        since=since,
    )


def touches_since(connection: Connection, since: datetime) -> list[Row]:
    """Return how many touches of each SOP's steps were planned since then, by status."""
    return rows(
        connection,
        """select sop, step, kind, status, count(*) as number from touches where planned_at >= :since group by 1, 2, 3, 4""",
        since=since,
    )
