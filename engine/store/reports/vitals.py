"""Figures about the installation as a whole, for readiness and metrics. Each is cheap however large the tables are."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import Row, rows, run, scalar

COUNTED_TO = 100_000
"""Backlogs are counted so far and no further; beyond, the exact figure helps nobody."""


def heartbeat_age(connection: Connection, name: str) -> float | None:
    """Return the seconds since this process last showed itself, None if it never did."""
    statement = "select extract(epoch from clock_timestamp() - at) from heartbeats where name = :name"
    found = scalar(connection, statement, name=name)
    return None if found is None else float(found)


def unmatched_events(connection: Connection) -> int:
    """Return how many events wait for the matcher, at most `COUNTED_TO`."""
    statement = "select count(*) from (select 1 from events where matched_at is null limit :limit) as waiting"
    return int(scalar(connection, statement, limit=COUNTED_TO))


def due_timelines(connection: Connection, now: datetime) -> int:
    """Return how many timelines are due at `now` (business time), at most `COUNTED_TO`."""
    statement = """
        select count(*) from
            (select 1 from timelines where state = 'active' and due_at <= :now limit :limit) as due
    """
    return int(scalar(connection, statement, now=now, limit=COUNTED_TO))


def dead_letters(connection: Connection) -> int:
    """Return how many dead letters lie, at most `COUNTED_TO`."""
    return int(
        scalar(connection, "select count(*) from (select 1 from dead_letters limit :limit) as dead", limit=COUNTED_TO)
    )


def touches(connection: Connection, *, at_most: str = "3s") -> list[Row]:
    """Return the number of touches by sop, channel and status. Raises OperationalError if that takes longer than `at_most`."""
    run(connection, "select set_config('statement_timeout', :at_most, true)", at_most=at_most)
    return rows(
        connection,
        "select sop, coalesce(channel, '') as channel, status, count(*) as times from touches group by 1, 2, 3",
    )
