"""Dead letters: what was set aside, matched anew or discarded."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.store.database import Row, rows, run
from engine.store.fragments import SqlFragment, sql
from engine.store.sentences import told, told_one

_COLUMNS = SqlFragment("d.id, d.kind, d.ref, d.subject, d.error, d.at")

_NEWEST = sql(
    """select {columns}, e.type, e.source, e.event_id, e.time, e.data
       from dead_letters d left join events e on e.id = case when d.kind = 'event' then cast(d.ref as bigint) end
       order by d.id desc limit :limit""",
    columns=_COLUMNS,
)

_LOCK = sql("select {columns} from dead_letters d where d.id = :id for update", columns=_COLUMNS)


def listed(connection: Connection, limit: int) -> list[Row]:
    """Return the newest dead letters, oldest first, each with type, source and id of its event where that is still there."""
    return told(rows(connection, _NEWEST, limit=limit)[::-1], "error")


def lock(connection: Connection, letter: int) -> Row | None:
    """Lock a dead letter and return it, None where there is none of this id."""
    found = rows(connection, _LOCK, id=letter)
    return told_one(found[0], "error") if found else None


def known_ids(connection: Connection) -> list[int]:
    """Return the ids of the dead letters, the newest hundred."""
    return [row.id for row in rows(connection, "select id from dead_letters order by id desc limit 100")]


def remove(connection: Connection, letter: int) -> None:
    """Take a dead letter away."""
    run(connection, "delete from dead_letters where id = :id", id=letter)


def match_anew(connection: Connection, event: int) -> bool:
    """Let the matcher come to an event again as if for the first time; return whether the event is still there."""
    return bool(
        run(
            connection,
            "update events set attempts = 0, matched_at = null, outcome = null where id = :event",
            event=event,
        )
    )
