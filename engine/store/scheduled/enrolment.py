"""Taking in who was there before an SOP (table joining): how far it has come, and who may meet a trigger already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from engine.core.definitions import AllTags, Moment
from engine.store.database import Row, rows, run

Query = tuple[str, dict[str, Any]]
"""SQL for ids of customers above :after, with what else it binds."""


def begin(connection: Connection, sops: Sequence[str]) -> None:
    """Note that these SOPs are applied for the first time ever."""
    run(
        connection,
        "insert into joining (sop) select unnest(cast(:sops as text[])) on conflict do nothing",
        sops=sorted(sops),
    )


def unfinished(connection: Connection) -> list[str]:
    """Return the SOPs whose existing customers are not all taken in."""
    return [row.sop for row in rows(connection, "select sop from joining where done_at is null order by sop")]


def lock(connection: Connection, sop: str) -> Row | None:
    """Lock one until the transaction's end and return cursor, day and taken; None where it is done or locked by somebody else."""
    found = rows(
        connection,
        "select cursor, day, taken from joining where sop = :sop and done_at is null for update skip locked",
        sop=sop,
    )
    return found[0] if found else None


def advance(connection: Connection, sop: str, cursor: int, day: date, taken: int) -> None:
    """Note that the customers up to id `cursor` are done, and how many were taken in on this day.

    Parameters:
        sop: id of the SOP
        cursor: id of the last customer looked at
        day: the date in the engine's zone on which places are counted
        taken: how many of that day's places are gone
    """
    run(
        connection,
        "update joining set cursor = :cursor, day = :day, taken = :taken where sop = :sop",
        sop=sop,
        cursor=cursor,
        day=day,
        taken=taken,
    )


def finish(connection: Connection, sop: str, at: datetime) -> None:
    """Note that all are taken in."""
    run(connection, "update joining set done_at = :at where sop = :sop", sop=sop, at=at)


def candidates(connection: Connection, moments: Sequence[Moment], now: datetime, after: int, limit: int) -> list[int]:
    """Return the ids, above `after`, of the next `limit` customers who may meet one of these triggers already, in order.

    It is for `engine.core.matching.existing_customers` to say whether they do.

    Parameters:
        moments: the SOP's triggers
        now: until when silence is counted
        after: id of the last customer looked at
        limit: how many at most
    """
    found: set[int] = set()
    for statement, values in queries(moments, now):
        part = rows(connection, f"{statement} order by 1 limit :limit", after=after, limit=limit, **values)
        found |= {row[0] for row in part}
    return sorted(found)[:limit]


def queries(moments: Sequence[Moment], now: datetime) -> list[Query]:
    """Return for each of the triggers that can be met already who may meet it."""
    return [_CANDIDATES[moment.kind](moment, now) for moment in moments if moment.kind in _CANDIDATES]


def _tagged(moment: Moment, _now: datetime) -> Query:
    tags = moment.tag_added.all if isinstance(moment.tag_added, AllTags) else moment.tag_added or ()
    statement = (
        "select distinct customer_id from customer_tags where present and tag = any(:tags) and customer_id > :after"
    )
    return statement, {"tags": list(tags)}


def _valued(moment: Moment, _now: datetime) -> Query:
    assert moment.entered is not None
    statement = "select customer_id from customer_dimensions where dimension = :dimension and value = any(:values) and customer_id > :after"
    return statement, {"dimension": moment.entered.dimension, "values": list(moment.entered.values)}


def _befriended(_moment: Moment, _now: datetime) -> Query:
    return "select id from customers where friends <> '{}' and id > :after", {}


def _created(_moment: Moment, _now: datetime) -> Query:
    return "select id from customers where created and id > :after", {}


def _silent(moment: Moment, now: datetime) -> Query:
    assert moment.silent is not None
    before = now - timedelta(days=moment.silent.days - 1)
    statement = (
        "select customer_id from customer_clocks where clock = :clock and last_at <= :before and customer_id > :after"
    )
    return statement, {"clock": moment.silent.clock, "before": before}


_CANDIDATES: dict[str, Callable[[Moment, datetime], Query]] = {
    "tag_added": _tagged,
    "entered": _valued,
    "friend_added": _befriended,
    "customer_created": _created,
    "silent": _silent,
}
