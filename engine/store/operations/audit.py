"""The audit: who did what, append-only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from engine.core.stored_sentence import packed
from engine.store.database import Row, rows, run, to_json
from engine.store.sentences import told


def add(connection: Connection, at: datetime, who: str, action: str, detail: Mapping[str, object]) -> None:
    """Write one line.

    Parameters:
        at: when it was done
        who: the key's name, or who ran the command
        action: such as `pause`
        detail: plain values, no personal data
    """
    run(
        connection,
        "insert into audit (at, who, action, detail) values (:at, :who, :action, cast(:detail as jsonb))",
        at=at,
        who=who,
        action=action,
        detail=to_json({name: packed(each) if isinstance(each, str) else each for name, each in detail.items()}),
    )


def listed(connection: Connection, limit: int, before: int | None = None, action: str | None = None) -> list[Row]:
    """Return the newest lines (id, at, who, action, detail), newest first: below the id `before`, of one action only.

    Parameters:
        limit: how many at most
        before: id below which to look
        action: only lines of this one
    """
    found = rows(
        connection,
        """select id, at, who, action, detail from audit
           where id < coalesce(cast(:before as bigint), 9223372036854775807)
             and action = coalesce(cast(:action as text), action) order by id desc limit :limit""",
        limit=limit,
        before=before,
        action=action,
    )
    return told(found, "detail")
