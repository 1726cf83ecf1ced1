"""What is recorded of customers before and after a moment: for a replay. Only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from engine.core.customers.customer import Timeline
from engine.core.events.event import Event
from engine.core.simulation.rebuild import RecordedHistory
from engine.store.database import Row, rows
from engine.store.fragments import sql
from engine.store.touch_states import COUNTED

_EVENT = "source, event_id, type, subject, time, received_at, data, backfill, depth, cause, id"
_REPORTED = "(source <> 'engine' or cause ?| array['refresh', 'by', 'existing'])"
"""What came from outside, from operators, and from refreshes; the rest the engine makes again."""


def refs(connection: Connection, after: str, limit: int, only: Sequence[str] | None = None) -> list[str]:
    """Return the next refs of customers, in order, later than `after`; of those named in `only` where it is given.

    Parameters:
        after: the last ref of the batch before; empty at first
        limit: how many at most
        only: refs to choose from; None: everybody
    """
    found = rows(
        connection,
        """select ref collate "C" as ref from customers
           where ref collate "C" > :after and (cast(:only as text[]) is null or ref = any(:only))
           order by ref collate "C" limit :limit""",
        after=after,
        limit=limit,
        only=list(only) if only is not None else None,
    )
    return [row.ref for row in found]


def unknown(connection: Connection, names: Sequence[str]) -> list[str]:
    """Return those of the refs that no customer has."""
    found = rows(
        connection,
        "select n from unnest(cast(:names as text[])) n where not exists (select 1 from customers c where c.ref = n) order by 1",
        names=list(names),
    )
    return [row.n for row in found]


def reported(connection: Connection, subjects: Sequence[str], since: datetime, until: datetime) -> list[Event]:
    """Return what was received of these customers from `since` to `until`, in inbox order, without what the engine itself made.

    Parameters:
        subjects: refs
        since, until: of receipt, the second excluded
    """
    return [
        _event(row)
        for row in rows(
            connection,
            f"""select {_EVENT} from events
                where subject = any(:subjects) and received_at >= :since and received_at <= :until and {_REPORTED} order by id""",  # noqa: S608 - joins constants of this module; values are bound
            subjects=list(subjects),
            since=since,
            until=until,
        )
    ]


def pasts(
    connection: Connection, subjects: Sequence[str], at: datetime, touched: Sequence[str]
) -> dict[str, RecordedHistory]:
    """Return what was recorded of each of these customers before `at`; those of whom nothing was are left out.

    Parameters:
        touched: SOPs of which the last touch is asked for.
    """
    found = {ref: RecordedHistory(ref) for ref in subjects}
    _add_events(connection, found, at)
    _add_timelines(connection, found, at)
    _add_starts(connection, found, at)
    _add_touched(connection, found, at, touched)
    _add_counted(connection, found, at)
    _add_numbers(connection, found)
    return {ref: past for ref, past in found.items() if past.events or past.timelines or past.starts}


def _add_events(connection: Connection, found: Mapping[str, RecordedHistory], at: datetime) -> None:
    statement = f"select {_EVENT} from events where subject = any(:refs) and received_at < :at order by id"  # noqa: S608 - joins constants of this module; values are bound
    for row in rows(connection, statement, refs=list(found), at=at):
        found[row.subject].events.append(_event(row))


def _event(row: Row) -> Event:
    return Event(
        row.source, row.event_id, row.type, row.subject, row.time, row.received_at, row.data, row.backfill, row.depth, row.cause, row.id
    )  # fmt: skip


def _add_timelines(connection: Connection, found: Mapping[str, RecordedHistory], at: datetime) -> None:
    """Add the timelines that were active at that moment, each waiting for what it really had next."""
    for row in rows(
        connection,
        """select c.ref, t.*, h.steps as had_steps, n.step as waits_for, n.due_at as waits_until
           from timelines t join customers c on c.id = t.customer_id
           left join lateral (select array_agg(step) as steps from touches where timeline_id = t.id and planned_at < :at) h on true
           left join lateral (select step, due_at from touches where timeline_id = t.id and planned_at >= :at and due_at < :at
                              order by due_at limit 1) n on true
           where c.ref = any(:refs) and t.started_at < :at and (t.ended_at is null or t.ended_at >= :at) order by t.id""",
        refs=list(found),
        at=at,
    ):
        found[row.ref].timelines.append(
            Timeline(
                row.sop,
                row.version,
                row.key,
                row.group_name,
                row.priority,
                row.anchor,
                row.start_id,
                row.event,
                row.depth,
                next_step=row.waits_for,
                step_due=row.waits_until,
                due_at=at,
                id=row.id,
                had=set(row.had_steps or ()),
                started_at=row.started_at,
                holdout=row.holdout,
                goal_until=row.goal_until,
                converted_at=row.converted_at if row.converted_at is not None and row.converted_at < at else None,
            )
        )


def _add_counted(connection: Connection, found: Mapping[str, RecordedHistory], at: datetime) -> None:
    """Add the messages that count under caps, of as many days as a cap looks back at most."""
    for row in rows(
        connection,
        sql(
            """select c.ref, t.counted_on, t.channel, count(*) as number from touches t join customers c on c.id = t.customer_id
           where c.ref = any(:refs) and t.counted_on >= cast(:at as timestamptz) - interval '368 days' and t.planned_at < :at
             and t.status in {counted} group by 1, 2, 3""",
            counted=COUNTED,
        ),
        refs=list(found),
        at=at,
    ):
        found[row.ref].counted[(row.counted_on, row.channel)] = row.number


def _add_numbers(connection: Connection, found: Mapping[str, RecordedHistory]) -> None:
    for row in rows(
        connection,
        """select c.ref, m."values" as numbers from customer_metrics m join customers c on c.id = m.customer_id
           where c.ref = any(:refs)""",
        refs=list(found),
    ):
        found[row.ref].metrics = row.numbers


def _add_starts(connection: Connection, found: Mapping[str, RecordedHistory], at: datetime) -> None:
    for row in rows(
        connection,
        """select c.ref, t.sop, t.key, max(t.started_at) as started_at from timelines t join customers c on c.id = t.customer_id
           where c.ref = any(:refs) and t.started_at < :at group by 1, 2, 3""",
        refs=list(found),
        at=at,
    ):
        found[row.ref].starts[(row.sop, row.key)] = row.started_at


def _add_touched(
    connection: Connection, found: Mapping[str, RecordedHistory], at: datetime, sops: Sequence[str]
) -> None:
    if not sops:
        return
    for row in rows(
        connection,
        """select c.ref, t.sop, max(t.planned_at) as planned_at from touches t join customers c on c.id = t.customer_id
           where c.ref = any(:refs) and t.sop = any(:sops) and t.planned_at < :at
             and t.kind in ('message', 'task') and t.status <> 'skipped'
           group by 1, 2""",
        refs=list(found),
        sops=list(sops),
        at=at,
    ):
        found[row.ref].touched[row.sop] = row.planned_at


def touches_by_step(
    connection: Connection, since: datetime, until: datetime, only: Sequence[str] | None, sop: str | None
) -> list[Row]:
    """Return sop, step, skipped and number of all touches that came about from `since` to `until`.

    Parameters:
        since, until: when they were decided, the second excluded
        only: refs; None: everybody
        sop: id; None: all
    """
    return rows(
        connection,
        """select t.sop, t.step, t.status in ('skipped', 'expired', 'cancelled') as skipped, count(*) as number
           from touches t join customers c on c.id = t.customer_id
           where t.planned_at >= :since and t.planned_at <= :until and (cast(:only as text[]) is null or c.ref = any(:only))
             and (cast(:sop as text) is null or t.sop = :sop)
           group by 1, 2, 3""",
        since=since,
        until=until,
        only=list(only) if only is not None else None,
        sop=sop,
    )
