"""The inbox as intake and its readers see it: taking events in, what was refused, and finding them again."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from engine.core.errors import SopError
from engine.core.events.parse import ParsedEvent
from engine.core.sentence import Sentence
from engine.core.stored_sentence import packed
from engine.store.database import Row, rows, run, to_json
from engine.store.sentences import told

KEPT_REJECTED = 10_000
"""So many refused events are kept, the newest."""

MAX_REJECTED_BODY = 4096
"""Bytes kept of a refused event."""

Key = tuple[str, str]
"""Source and id of an event."""

Outcome = Literal["rejected", "unmatched", "matched"]

_INSERT = """
    insert into events (source, event_id, type, subject, time, received_at, data, body_hash, backfill)
    select source, event_id, type, subject, time, received_at, data::jsonb, body_hash, backfill
    from unnest(cast(:sources as text[]), cast(:ids as text[]), cast(:types as text[]), cast(:subjects as text[]),
                cast(:times as timestamptz[]), cast(:received as timestamptz[]), cast(:data as text[]),
                cast(:hashes as bytea[]), cast(:backfills as boolean[]))
         with ordinality as given (source, event_id, type, subject, time, received_at, data, body_hash, backfill, place)
    order by place
    on conflict (source, event_id) do nothing
    returning id, source, event_id
"""

_KNOWN = """
    select events.id, source, event_id, body_hash
    from unnest(cast(:sources as text[]), cast(:ids as text[])) as given (source, event_id)
    join events using (source, event_id)
"""

_REJECT = """
    insert into rejected_events (received_at, source, event_id, error, body)
    select cast(:at as timestamptz), source, event_id, error, body
    from unnest(cast(:sources as text[]), cast(:ids as text[]), cast(:errors as text[]), cast(:bodies as text[]))
         with ordinality as given (source, event_id, error, body, place)
    order by place
    returning id
"""

_TRIM = """
    delete from rejected_events where id in
        (select id from rejected_events where id <= :newest - :kept order by id for update skip locked)
"""

_FOUND = "id, source, event_id, type, subject, time, received_at, data, backfill, matched_at, outcome"

_SOURCES = """
    with recursive sources as (
        (select source from events order by source limit 1)
        union all
        select (select e.source from events e where e.source > s.source order by e.source limit 1)
        from sources s where s.source is not null
    )
"""
# An id alone is looked up once per source: the unique index begins with the source.


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was not taken, as it is kept."""

    source: str | None
    id: str | None
    error: Sentence
    body: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events to list."""

    id: str | None = None
    source: str | None = None
    customer: str | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list, and where the next part begins (None: this was the last)."""

    items: list[Row]
    next: str | None


def insert(connection: Connection, readings: Sequence[ParsedEvent]) -> dict[Key, int]:
    """Put events into the inbox in the order given and return the rows of the new ones.

    An event whose source and id are there already is left out. No two of `readings` share source and id.
    """
    events = [reading.event for reading in readings]
    found = rows(
        connection,
        _INSERT,
        sources=_array(event.source for event in events),
        ids=_array(event.id for event in events),
        types=_array(event.type for event in events),
        subjects=_array(event.subject for event in events),
        times=_array(event.time.isoformat() for event in events),
        received=_array(event.received_at.isoformat() for event in events),
        data=_array(to_json(event.data) for event in events),
        hashes=_array("\\x" + reading.body_hash.hex() for reading in readings),
        backfills=_array("t" if event.backfill else "f" for event in events),
    )
    return {(row.source, row.event_id): row.id for row in found}


def known(connection: Connection, keys: Sequence[Key]) -> dict[Key, tuple[int, bytes]]:
    """Return row and body hash of those events that are in the inbox."""
    found = rows(connection, _KNOWN, sources=[source for source, _ in keys], ids=[event_id for _, event_id in keys])
    return {(row.source, row.event_id): (row.id, bytes(row.body_hash)) for row in found}


def keep_rejected(connection: Connection, at: datetime, refused: Sequence[Refused]) -> None:
    """Keep what was refused, and forget the oldest beyond `KEPT_REJECTED`."""
    kept = refused[-KEPT_REJECTED:]
    found = rows(
        connection,
        _REJECT,
        at=at,
        sources=[_storable(each.source) for each in kept],
        ids=[_storable(each.id) for each in kept],
        errors=[_storable(packed(each.error)) for each in kept],
        bodies=[_cut(each.body) for each in kept],
    )
    run(connection, _TRIM, newest=max(row.id for row in found), kept=KEPT_REJECTED)


def outcomes(connection: Connection, ids: Sequence[int]) -> list[Row]:
    """Return the events of these rows in inbox order, with when they were matched and what came of it."""
    statement = f"select {_FOUND} from events where id = any(:ids) order by id"  # noqa: S608 - joins constants of this module; values are bound
    return told(rows(connection, statement, ids=list(ids)), "outcome")


def unmatched_of(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Return those of these rows that the matcher has not dealt with yet."""
    found = rows(connection, "select id from events where id = any(:ids) and matched_at is null", ids=list(ids))
    return [row.id for row in found]


def page(connection: Connection, wanted: Filter, *, limit: int = 50, cursor: str | None = None) -> Page:
    """Return the newest events that meet every given part of the filter, or the next page of them.

    Raises SopError for a cursor this list did not give.

    Parameters:
        wanted: the filter
        limit: how many at most
        cursor: as the page before gave it
    """
    statement = _rejected_query(wanted) if wanted.outcome == "rejected" else _inbox_query(wanted)
    values: Mapping[str, Any] = {
        "id": wanted.id,
        "source": wanted.source,
        "customer": wanted.customer,
        "written": f'"subject":{to_json(wanted.customer)}',
        "before": None if cursor is None else _from_cursor(cursor),
        "limit": limit + 1,
    }
    found = rows(connection, statement, **{name: value for name, value in values.items() if f":{name}" in statement})
    told_of = "error" if wanted.outcome == "rejected" else "outcome"
    return Page(told(found[:limit], told_of), _to_cursor(found[limit - 1].id) if len(found) > limit else None)


def _inbox_query(wanted: Filter) -> str:
    parts = ["(cast(:before as bigint) is null or id < cast(:before as bigint))"]
    by_id_alone = wanted.id is not None and wanted.source is None
    if wanted.id is not None:
        parts.append("event_id = :id")
    if wanted.source is not None:
        parts.append("source = :source")
    if wanted.customer is not None:
        parts.append("subject = :customer")
    if wanted.outcome is not None:
        parts.append("matched_at is null" if wanted.outcome == "unmatched" else "matched_at is not null")
    origin = "sources join events using (source)" if by_id_alone else "events"
    head = _SOURCES if by_id_alone else ""
    return f"{head} select {_FOUND} from {origin} where {' and '.join(parts)} order by id desc limit :limit"  # noqa: S608 - joins constants of this module; values are bound


def _rejected_query(wanted: Filter) -> str:
    parts = ["(cast(:before as bigint) is null or id < cast(:before as bigint))"]
    if wanted.id is not None:
        parts.append("event_id = :id")
    if wanted.source is not None:
        parts.append("source = :source")
    if wanted.customer is not None:
        parts.append("position(:written in body) > 0")  # the body may be cut, so it is no JSON
    where = " and ".join(parts)
    return (
        "select id, source, event_id, received_at, error, body from rejected_events "  # noqa: S608 - joins constants of this module; values are bound
        f"where {where} order by id desc limit :limit"
    )


def _to_cursor(row: int) -> str:
    return base64.urlsafe_b64encode(str(row).encode()).decode().rstrip("=")


def _from_cursor(cursor: str) -> int:
    try:
        row = int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        row = -1
    if not 0 <= row < 2**63:
        raise SopError(Sentence("cursor is not one this list gave; leave it out to begin with the newest"))
    return row


def _array(values: Iterable[str]) -> str:
    """Return texts as one array literal; the driver's own way takes a regular expression for each of them."""
    quoted = '","'.join(value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return f'{{"{quoted}"}}'


def _storable(text: str | None) -> str | None:
    """Text without what PostgreSQL refuses: NUL and halves of surrogate pairs, as escapes."""
    return text if text is None else text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\u0000")


def _cut(body: str) -> str:
    stored = _storable(body) or ""
    return stored.encode()[:MAX_REJECTED_BODY].decode(errors="ignore")
