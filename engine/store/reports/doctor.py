"""What a doctor asks the database: versions, what waits too long, what went wrong lately."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import Row, rows, run, scalar
from engine.store.fragments import sql
from engine.store.sentences import told, told_one
from engine.store.touch_states import DOUBTFUL

NEWEST = 100_000
"""So many of the newest touches are looked through."""


def bound(connection: Connection, seconds: int) -> None:
    """Let no statement of this transaction take longer."""
    run(connection, "select set_config('statement_timeout', :limit, true)", limit=f"{seconds}s")


def server_version(connection: Connection) -> tuple[int, str]:
    """Return PostgreSQL's version as a number (180004) and as text (18.4)."""
    found = rows(
        connection,
        "select current_setting('server_version_num')::int as number, current_setting('server_version') as shown",
    )
    return found[0].number, found[0].shown


def oldest_unmatched(connection: Connection) -> Row | None:
    """Return number, subject and receipt of the events that wait for the matcher (the longest waiting), None where none does."""
    found = rows(
        connection,
        """select (select count(*) from (select 1 from events where matched_at is null limit 100000) as waiting) as number,
                  subject, received_at
           from events where matched_at is null order by received_at limit 1""",
    )
    return found[0] if found else None


def dead_letters(connection: Connection) -> Row | None:
    """Return number, subject and error of the dead letters (the newest), None where there is none."""
    found = rows(
        connection,
        "select count(*) over () as number, subject, error, at from dead_letters order by id desc limit 1",
    )
    return told_one(found[0], "error") if found else None


def held_back(connection: Connection) -> list[Row]:
    """Return, for each SOP and reason that holds timelines back: how many, and one customer's ref and detail."""
    found = rows(
        connection,
        """select t.sop, t.waiting, count(*) as number, min(c.ref) as customer, min(t.detail) as detail
           from timelines t join customers c on c.id = t.customer_id
           where t.state = 'active' and t.waiting is not null group by 1, 2 order by 3 desc limit 20""",
    )
    return told(found, "detail")


def troubled_touches(connection: Connection) -> list[Row]:
    """Return, of the newest touches, those failed or of unknown outcome: how many by channel, status and reason, with an example."""
    found = rows(
        connection,
        sql(
            """select t.channel, t.status, t.reason, count(*) as number, max(t.detail) as detail,
                  (array_agg(c.ref order by t.id desc))[1] as customer
           from (select * from touches order by id desc limit :newest) as t join customers c on c.id = t.customer_id
           where t.status in {doubtful} group by 1, 2, 3 order by 4 desc""",
            doubtful=DOUBTFUL,
        ),
        newest=NEWEST,
    )
    return told(found, "detail")


def rejected_since(connection: Connection, since: datetime) -> Row | None:
    """Return number and newest error of the events rejected since, None where there is none."""
    found = rows(
        connection,
        """select count(*) over () as number, error from rejected_events where received_at >= :since order by id desc limit 1""",
        since=since,
    )
    return told_one(found[0], "error") if found else None


def overdue(connection: Connection, now: datetime) -> Row | None:
    """Return number and oldest due time of the timelines due at `now`, None where there is none."""
    number = int(
        scalar(
            connection,
            "select count(*) from (select 1 from timelines where state = 'active' and due_at <= :now limit 100000) as due",
            now=now,
        )
    )
    if not number:
        return None
    return rows(
        connection,
        "select cast(:number as bigint) as number, due_at from timelines where state = 'active' order by due_at, id limit 1",
        number=number,
    )[0]


def paused(connection: Connection) -> list[Row]:
    """Return what is paused: kind, name, since."""
    return rows(connection, "select kind, name, since from pauses order by since")
