"""Touches that staff was handed: confirmed, given up, called back, or gone over another channel."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import Row, rows, run


def confirm(connection: Connection, told: Sequence[tuple[str, str, datetime, str | None]], now: datetime) -> set[str]:
    """Confirm or give up handed touches by (key, sent or failed, at, detail); return the keys of those that were handed."""
    found = rows(
        connection,
        """with told as (
               select * from unnest(cast(:keys as text[]), cast(:outcomes as text[]), cast(:ats as timestamptz[]), cast(:details as text[]))
                    v(key, outcome, at, detail)),
           locked as (select id from touches where key = any(:keys) and status = 'handed' order by id for update)
           update touches t set status = v.outcome, reason = case when v.outcome = 'failed' then 'not_confirmed' end,
               detail = coalesce(v.detail, t.detail), sent_at = case when v.outcome = 'sent' then v.at end, ended_at = :now
           from told v, locked l
           where t.id = l.id and v.key = t.key and t.status = 'handed'
           returning t.key""",
        keys=[each[0] for each in told],
        outcomes=[each[1] for each in told],
        ats=[each[2] for each in told],
        details=[each[3] for each in told],
        now=now,
    )
    return {row.key for row in found}


def cancel_open(connection: Connection, now: datetime, limit: int) -> int:
    """Cancel what staff still has although its timeline was ended, or the customer wants no message over it any more.

    What will go over another channel is left to that: the customer may want it there. Return how many were called back.
    """
    return run(
        connection,
        """with wrong as (
               select t.id, case when l.state in ('exited', 'converted', 'cancelled') then 'timeline_ended' else 'opted_out' end as reason
               from touches t join timelines l on l.id = t.timeline_id join customers c on c.id = t.customer_id
               where t.status = 'handed' and t.kind <> 'notice'
                 and (l.state in ('exited', 'converted', 'cancelled')
                      or (t.kind = 'message' and t.fallback_at is null and c.opt_outs && array['*', t.channel]))
               order by t.id limit :limit for update of t skip locked)
           update touches t set status = 'cancelled', reason = w.reason, ended_at = :now from wrong w
           where t.id = w.id and t.status = 'handed'""",
        now=now,
        limit=limit,
    )


def unconfirmed(connection: Connection, now: datetime, limit: int) -> list[Row]:
    """Return id and customer_id of touches handed longer ago than staff has to confirm them; nothing is locked.

    Those of paused SOPs are left out: what took their place could not go out, and staff could not confirm them any more.
    """
    return rows(
        connection,
        """select id, customer_id from touches where status = 'handed' and fallback_at <= :now
             and not exists (select 1 from pauses p where p.kind = 'all' or (p.kind = 'sop' and p.name = touches.sop))
           order by fallback_at limit :limit""",
        now=now,
        limit=limit,
    )


def lock(connection: Connection, ids: Sequence[int]) -> list[Row]:
    """Lock those of these touches that are handed still, by id; return what falling back looks at."""
    return rows(
        connection,
        """select id, timeline_id, customer_id, sop, step, kind, channel, due_at, limit_at, counted_on, body, version, variant, fallback
           from touches where id = any(:ids) and status = 'handed' order by id for update""",
        ids=list(ids),
    )


def replace(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Let handed touches expire whose place another takes."""
    run(
        connection,
        """update touches set status = 'expired', reason = 'fallback', ended_at = :now
           where id = any(:ids) and status = 'handed'""",
        ids=list(ids),
        now=now,
    )


def wait_for_staff(connection: Connection, ids: Sequence[int]) -> None:
    """Look no more for another channel for these handed touches: there is none."""
    run(connection, "update touches set fallback_at = null where id = any(:ids) and status = 'handed'", ids=list(ids))


def postpone(connection: Connection, touch: int, until: datetime) -> None:
    """Look for another channel for a handed touch at a later moment."""
    run(
        connection,
        "update touches set fallback_at = :until where id = :touch and status = 'handed' and fallback_at is not null",
        touch=touch,
        until=until,
    )
