"""The inbox as matching sees it: what waits, what came of it, what is set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from engine.core.events.event import MAX_DEPTH, Event
from engine.core.sentence import Sentence
from engine.core.stored_sentence import packed, packed_outcome
from engine.store.columns import Column, Columns
from engine.store.database import Row, json_column, rows, run, scalar
from engine.store.fragments import sql

_WAITING = """
    select e.id, e.source, e.event_id, e.type, e.subject, e.time, e.received_at, e.data, e.backfill, e.depth, e.cause
    from unnest(cast(:subjects as text[])) s(ref) cross join lateral (
        select * from events where subject = s.ref and matched_at is null order by id limit :per_customer) e
    order by e.id
"""


def unmatched(connection: Connection, subjects: Sequence[str], per_customer: int) -> dict[str, list[Event]]:
    """Return each subject's waiting events in inbox order, the first `per_customer` of each."""
    found = rows(
        connection,
        _WAITING,
        subjects=list(subjects),
        per_customer=per_customer,
    )
    waiting: dict[str, list[Event]] = {}
    for row in found:
        waiting.setdefault(row.subject, []).append(_event(row))
    return waiting


def _event(row: Row) -> Event:
    return Event(
        row.source,
        row.event_id,
        row.type,
        row.subject,
        row.time,
        row.received_at,
        row.data,
        row.backfill,
        row.depth,
        row.cause,
        row.id,
    )


def subjects_waiting(connection: Connection, subjects: Sequence[str]) -> set[str]:
    """Return those of the subjects that have waiting events."""
    found = rows(
        connection,
        "select distinct subject from events where subject = any(:subjects) and matched_at is null",
        subjects=list(subjects),
    )
    return {row.subject for row in found}


def subjects_due(connection: Connection, now: datetime, limit: int) -> set[str]:
    """Return customers, `limit` at most, with waiting events and a timeline that is due. Costs what waits, not what is due."""
    found = rows(
        connection,
        """select c.ref from (select distinct subject from events where matched_at is null) e join customers c on c.ref = e.subject
           where exists (select 1 from timelines t where t.customer_id = c.id and t.state = 'active' and t.due_at <= :now)
           limit :limit""",
        now=now,
        limit=limit,
    )
    return {row.ref for row in found}


def mark_matched(connection: Connection, outcomes: Mapping[int, dict[str, Any]], at: datetime) -> None:
    """Write what came of each event (by row id) and that it is matched."""
    run(
        connection,
        """update events e set matched_at = :at, outcome = v.outcome::jsonb
           from unnest(cast(:ids as bigint[]), cast(:outcomes as text[])) v(id, outcome) where e.id = v.id""",
        ids=list(outcomes),
        outcomes=json_column(map(packed_outcome, outcomes.values())),
        at=at,
    )


_MADE: Columns[Event] = Columns(
    Column("source", "text", lambda event: event.source),
    Column("event_id", "text", lambda event: event.id),
    Column("type", "text", lambda event: event.type),
    Column("subject", "text", lambda event: event.subject),
    Column("time", "timestamptz", lambda event: event.time),
    Column("data", "jsonb", lambda event: event.data),
    Column("depth", "smallint", lambda event: event.depth),
    Column("cause", "jsonb", lambda event: event.cause),
)

_INSERT_MADE = sql(
    """insert into events ({names}, received_at, body_hash) select {values}, :at, '' from {rows}
       order by v.place on conflict do nothing""",
    names=_MADE.names,
    values=_MADE.values,
    rows=_MADE.placed,
)


def add_made(connection: Connection, made: Sequence[Event], at: datetime) -> set[str]:
    """Put engine-made events into the inbox, each id once; what is too deep becomes a dead letter. Return their subjects."""
    _cut(connection, [event for event in made if event.depth > MAX_DEPTH], at)
    kept = [event for event in made if event.depth <= MAX_DEPTH]
    if kept:
        run(connection, _INSERT_MADE, at=at, **_MADE.bind(kept))
    return {event.subject for event in kept}


def _cut(connection: Connection, deep: Sequence[Event], at: datetime) -> None:
    """Set aside what goes too deep, naming the loop."""
    for event in deep:
        loop = " → ".join([*(event.cause or {}).get("path", []), event.type])
        error = Sentence("SOPs set each other off more than {most} deep: {loop}", most=MAX_DEPTH, loop=loop)
        add_dead_letter(connection, DeadLetter("cascade", event.id, event.subject, error), at)


def count_attempt(connection: Connection, subject: str) -> Row | None:
    """Count one more try of the subject's first waiting event; return its id and attempts, None if none waits."""
    found = rows(
        connection,
        """update events set attempts = attempts + 1 where id = (
               select id from events where subject = :subject and matched_at is null order by id limit 1 for update)
           returning id, attempts""",
        subject=subject,
    )
    return found[0] if found else None


def uncount_attempt(connection: Connection, event: int) -> None:
    """Take back a try that was counted and not made."""
    run(
        connection,
        "update events set attempts = attempts - 1 where id = :event and attempts > 0 and matched_at is null",
        event=event,
    )


def is_waiting(connection: Connection, event: int) -> bool:
    """Return whether the event is not matched yet."""
    return bool(scalar(connection, "select matched_at is null from events where id = :event", event=event))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is set aside for a person to look at."""

    kind: Literal["event", "cascade"]
    ref: str
    """The event's row, or the id of one that was never put into the inbox."""
    subject: str
    error: Sentence


_MOST_OF_ERROR = 2_000
"""Characters kept of why something was set aside."""


def add_dead_letter(connection: Connection, letter: DeadLetter, at: datetime) -> None:
    """Set something aside for a person to look at."""
    run(
        connection,
        "insert into dead_letters (kind, ref, subject, error, at) values (:kind, :ref, :subject, :error, :at)",
        kind=letter.kind, ref=letter.ref, subject=letter.subject, error=packed(letter.error, _MOST_OF_ERROR), at=at,
    )  # fmt: skip


def long_waiting(connection: Connection, limit: int) -> list[str]:
    """Return subjects with waiting events, those waiting longest first, `limit` at most. Costs what waits, not what exists."""
    found = rows(
        connection,
        "select subject from events where matched_at is null group by subject order by min(id) limit :limit",
        limit=limit,
    )
    return [row.subject for row in found]
