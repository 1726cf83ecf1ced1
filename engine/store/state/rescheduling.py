"""Queued touches whose day or hours are over: found, rescheduled, or expired."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from engine.core.delivery.reschedule import Rescheduled
from engine.store.columns import Column, Columns
from engine.store.database import Row, rows, run
from engine.store.fragments import sql


def find_overdue(connection: Connection, now: datetime, limit: int) -> list[Row]:
    """Return id and customer_id of queued touches whose day or hours are over although their limit lies ahead; nothing is locked."""
    return rows(
        connection,
        """select id, customer_id from touches where status = 'queued' and send_before <= :now and limit_at > :now
           order by send_before limit :limit""",
        now=now,
        limit=limit,
    )


def lock(connection: Connection, ids: Sequence[int]) -> list[Row]:
    """Lock those of these touches that are still queued, by id; return what gates look at."""
    return rows(
        connection,
        """select id, timeline_id, customer_id, sop, step, kind, channel, due_at, limit_at, counted_on, send_before from touches
           where id = any(:ids) and status = 'queued' order by id for update""",
        ids=list(ids),
    )


def mark_for_rescheduling(connection: Connection, customers: Sequence[int], now: datetime) -> None:
    """Let what is queued for these customers be rescheduled: day and hours are others where they are now."""
    if customers:
        run(
            connection,
            """with theirs as (select id from touches where customer_id = any(:ids) and status = 'queued' and kind <> 'notice'
                                 and send_before > :now order by id for update)
               update touches t set send_before = :now from theirs o where t.id = o.id and t.status = 'queued' and t.limit_at > :now""",
            ids=list(customers),
            now=now,
        )


_RESCHEDULED: Columns[Rescheduled] = Columns(
    Column("id", "bigint", lambda touch: touch.id),
    Column("ready_at", "timestamptz", lambda touch: touch.ready_at),
    Column("send_before", "timestamptz", lambda touch: touch.send_before),
    Column("counted_on", "date", lambda touch: touch.counted_on),
    Column("waited", "text", lambda touch: touch.waited),
)

_RESCHEDULE = sql(
    "update touches t set {assignments} from {rows} where t.id = v.id and t.status = 'queued'",
    assignments=_RESCHEDULED.leaving_out("id").assignments,
    rows=_RESCHEDULED.rows,
)


def reschedule(connection: Connection, touches: Sequence[Rescheduled]) -> None:
    """Write when these queued touches may go out now, and the day they count on."""
    run(connection, _RESCHEDULE, **_RESCHEDULED.bind(touches))


def expire(connection: Connection, touches: Sequence[Rescheduled], now: datetime) -> None:
    """Let queued touches expire that nothing would let out before their limit, naming what holds them back."""
    run(
        connection,
        """update touches t set status = 'expired', reason = 'expired', detail = v.waited, ended_at = :now
           from unnest(cast(:ids as bigint[]), cast(:waited as text[])) v(id, waited)
           where t.id = v.id and t.status = 'queued'""",
        ids=[each.id for each in touches],
        waited=[each.waited for each in touches],
        now=now,
    )


def postpone(connection: Connection, touch: int, until: datetime) -> None:
    """Leave a queued touch alone until a moment: it may not go out before, and is found again then."""
    run(
        connection,
        "update touches set ready_at = :until, send_before = :until where id = :touch and status = 'queued'",
        touch=touch,
        until=until,
    )
