"""Receipts: what becomes of touches that staff was handed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import rows


def take(connection: Connection, told: Sequence[tuple[str, str, datetime, str | None]], now: datetime) -> set[str]:
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
