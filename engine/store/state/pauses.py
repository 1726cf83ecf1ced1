"""Pauses: what is paused, what a pause holds, and the timelines it has parked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from engine.store.database import Row, rows, run, scalar
from engine.store.fragments import TRUE, SqlFragment, sql

_PARKED = SqlFragment("t.state = 'active' and t.waiting = 'paused' and t.due_at >= '9999-12-31'")
"""A parked timeline is due never; both of PostgreSQL's and Python's ways to say so lie there."""

_RELEASED = SqlFragment(
    "not exists (select 1 from pauses p where p.kind = 'all' or (p.kind = 'sop' and p.name = t.sop))"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a pause is about: one SOP, one channel, or all."""

    kind: Literal["sop", "channel", "all"]
    name: str = ""
    """The SOP's id or the channel's name; empty for all."""


def add(connection: Connection, scope: Scope, at: datetime, who: str, reason: str | None) -> bool:
    """Pause; return whether it was not paused already.

    Parameters:
        scope: an SOP, a channel, or all
        at: since when
        who: paused it
        reason: in words, for people
    """
    return bool(
        run(
            connection,
            """insert into pauses (kind, name, since, who, reason) values (:kind, :name, :at, :who, :reason)
               on conflict do nothing""",
            kind=scope.kind, name=scope.name, at=at, who=who, reason=reason,
        )
    )  # fmt: skip


def remove(connection: Connection, scope: Scope) -> None:
    """Pause no longer."""
    run(connection, "delete from pauses where kind = :kind and name = :name", kind=scope.kind, name=scope.name)


def find(connection: Connection, scope: Scope) -> Row | None:
    """Return a pause (kind, name, since, who, reason), None where it is not paused."""
    statement = "select kind, name, since, who, reason from pauses where kind = :kind and name = :name"
    found = rows(connection, statement, kind=scope.kind, name=scope.name)
    return found[0] if found else None


def listed(connection: Connection) -> list[Row]:
    """Return every pause, the oldest first."""
    return rows(connection, "select kind, name, since, who, reason from pauses order by since, kind, name")


# ── what a pause holds ───────────────────────────────────────────────────────────────────────────────────────


def timelines_held(connection: Connection, scope: Scope) -> int:
    """Return how many active timelines a pause keeps from their next step; a channel's keeps none, only touches."""
    if scope.kind == "channel":
        return 0
    where = _of_timelines(scope)
    return int(scalar(connection, sql("select count(*) from timelines t where state = 'active' and {w}", w=where)))


def _of_timelines(scope: Scope) -> SqlFragment:
    return SqlFragment("t.sop = :name", {"name": scope.name}) if scope.kind == "sop" else TRUE


def touches_held(connection: Connection, scope: Scope, now: datetime) -> Row:
    """Return of the touches in scope, how many are `queued`, `late` (queued, and too late to send), and `sending`."""
    return rows(
        connection,
        sql(
            """select count(*) filter (where status = 'queued' and limit_at > :now) as queued,
                   count(*) filter (where status = 'queued' and limit_at <= :now) as late,
                   count(*) filter (where status = 'sending') as sending
            from touches t where status in ('queued', 'sending') and {scope}""",
            scope=_of_touches(scope),
        ),
        now=now,
    )[0]


def _of_touches(scope: Scope) -> SqlFragment:
    name = {"name": scope.name}
    return {
        "sop": SqlFragment("t.sop = :name", name),
        "channel": SqlFragment("t.channel = :name", name),
        "all": TRUE,
    }[scope.kind]


def call_off(connection: Connection, scope: Scope, now: datetime, limit: int) -> int:
    """Cancel touches in scope that wait to be sent, `limit` at most, by ascending id; return how many.

    Parameters:
        scope: an SOP, a channel, or all
        now: when they are cancelled
        limit: how many at most
    """
    return run(
        connection,
        sql(
            """with held as (
                select id from touches t where status = 'queued' and ready_at <= :now and {scope}
                order by id limit :limit for update)
            update touches t set status = 'cancelled', reason = 'paused', ended_at = :now
            from held h where t.id = h.id and t.status = 'queued'""",
            scope=_of_touches(scope),
        ),
        now=now,
        limit=limit,
    )


# ── parked timelines ─────────────────────────────────────────────────────────────────────────────────────────


def parked(
    connection: Connection,
    *,
    after: int = 0,
    limit: int | None = None,
    among: Sequence[int] | None = None,
    scope: Scope | None = None,
) -> list[Row]:
    """Return id and customer_id of parked timelines, by id: those above the id `after`, `limit` at most.

    Parameters:
        among: of these ids only.
        scope: held by an SOP's pause (or that of all); None: held by no pause any more, and parked still.
    """
    return rows(
        connection,
        sql(
            """select id, customer_id from timelines t where {parked} and {where} and id > :after
               and (cast(:among as bigint[]) is null or id = any(cast(:among as bigint[]))) order by id limit :limit""",
            parked=_PARKED,
            where=_RELEASED if scope is None else _of_timelines(scope),
        ),
        after=after,
        limit=limit,
        among=None if among is None else list(among),
    )
