"""Timelines: reading those of locked customers, writing what decisions changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Connection

from engine.core.customers.customer import Customer, Timeline
from engine.core.sentence import Sentence
from engine.core.stored_sentence import MOST_OF_DETAIL, packed, stored, unpacked
from engine.store.columns import Column, Columns
from engine.store.database import Row, rows, run
from engine.store.fragments import SqlFragment, sql
from engine.store.touch_states import COUNTED, OPEN, RECALLABLE

_COLUMNS = SqlFragment(
    "t.id, t.customer_id, t.sop, t.version, t.key, t.group_name, t.priority, t.anchor, t.start_id, t.event, t.depth, t.state, "
    "t.reason, t.detail, t.ended_at, t.next_step, t.step_due, t.due_at, t.waiting, t.started_at, t.holdout, t.goal_until, "
    "t.converted_at, t.converted_by"
)

_ACTIVE = sql(
    "select {columns} from timelines t where t.customer_id = any(:ids) and t.state = 'active' order by t.id",
    columns=_COLUMNS,
)

_AWAITING_GOAL = sql(
    """select {columns} from timelines t where t.customer_id = any(:ids) and t.state <> 'active'
       and t.converted_at is null and t.goal_until >= :since order by t.id""",
    columns=_COLUMNS,
)


def load_into(connection: Connection, customers: Mapping[int, Customer]) -> None:
    """Read the customers' active timelines, and when each SOP (and key) last started for them."""
    for row in rows(connection, _ACTIVE, ids=list(customers)):
        customers[row.customer_id].timelines.append(_timeline(row))
    started = (
        "select customer_id, sop, key, max(started_at) from timelines where customer_id = any(:ids) group by 1, 2, 3"
    )
    for customer, sop, key, at in rows(connection, started, ids=list(customers)):
        customers[customer].starts[(sop, key)] = at


def _timeline(row: Row) -> Timeline:
    return Timeline(
        row.sop, row.version, row.key, row.group_name, row.priority, row.anchor, row.start_id, row.event, row.depth, row.state,
        row.reason, unpacked(row.detail), row.ended_at, row.next_step, row.step_due, row.due_at, row.waiting, row.id,
        started_at=row.started_at, holdout=row.holdout, goal_until=row.goal_until, converted_at=row.converted_at,
        converted_by=row.converted_by,
    )  # fmt: skip


def load_had(connection: Connection, timelines: Iterable[Timeline]) -> None:
    """Read which steps each timeline has had, and whether a touch of it is still open."""
    by_id = {each.id: each for each in timelines}
    statement = sql(
        """select timeline_id, array_agg(step), bool_or(status in {open})
                   from touches where timeline_id = any(:ids) group by 1""",
        open=OPEN,
    )
    for timeline, steps, is_open in rows(connection, statement, ids=list(by_id)):
        by_id[timeline].had, by_id[timeline].open_touches = set(steps), is_open


def load_touched(connection: Connection, customers: Mapping[int, Customer], sops: Sequence[str]) -> None:
    """Read when each customer was last given a touch of these SOPs."""
    if not sops:
        return
    statement = sql(
        """select customer_id, sop, max(planned_at) from touches where customer_id = any(:ids) and sop = any(:sops)
                   and kind in ('message', 'task') and status in {counted} group by 1, 2""",
        counted=COUNTED,
    )
    for customer, sop, at in rows(connection, statement, ids=list(customers), sops=list(sops)):
        customers[customer].touched[sop] = at


def load_awaiting_goal(connection: Connection, customers: Mapping[int, Customer], since: datetime) -> None:
    """Read the customers' ended timelines whose goal was not reached and counts after `since` still."""
    for row in rows(connection, _AWAITING_GOAL, ids=list(customers), since=since):
        customers[row.customer_id].ended.append(_timeline(row))


def load_counted(connection: Connection, customers: Mapping[int, Customer], since: date) -> None:
    """Read how many messages count on each of the customers' dates from `since` on, by channel."""
    statement = sql(
        """select customer_id, counted_on, channel, count(*) from touches
                   where customer_id = any(:ids) and counted_on >= :since and counted_on is not null
                     and status in {counted} group by 1, 2, 3""",
        counted=COUNTED,
    )
    for customer, day, channel, number in rows(connection, statement, ids=list(customers), since=since):
        customers[customer].counted[(day, channel)] = number


def write(connection: Connection, customers: Iterable[Customer]) -> None:
    """Write changed timelines: first the known ones (an ended one makes room in its group), then the new."""
    changed = [
        (customer.id, each) for customer in customers for each in (*customer.timelines, *customer.ended) if each.changed
    ]
    _update(connection, [each for _, each in changed if each.id is not None])
    _insert(connection, [(customer, each) for customer, each in changed if each.id is None])
    cancel_open(
        connection,
        [each.id for _, each in changed if each.id is not None and each.state in ("exited", "converted", "cancelled")],
    )


_CHANGING: Columns[Timeline] = Columns(
    Column("id", "bigint", lambda timeline: timeline.id),
    Column("state", "text", lambda timeline: timeline.state),
    Column("reason", "text", lambda timeline: timeline.reason),
    Column("detail", "text", lambda timeline: stored(timeline.detail)),
    Column("ended_at", "timestamptz", lambda timeline: timeline.ended_at),
    Column("next_step", "text", lambda timeline: timeline.next_step),
    Column("step_due", "timestamptz", lambda timeline: timeline.step_due),
    Column("due_at", "timestamptz", lambda timeline: timeline.due_at),
    Column("waiting", "text", lambda timeline: timeline.waiting),
    Column("goal_until", "timestamptz", lambda timeline: timeline.goal_until),
    Column("converted_at", "timestamptz", lambda timeline: timeline.converted_at),
    Column("converted_by", "text", lambda timeline: timeline.converted_by),
    Column("priority", "integer", lambda timeline: timeline.priority),
)

_UPDATE = sql(
    "update timelines t set {assignments}, attempts = 0 from {rows} where t.id = v.id",
    assignments=_CHANGING.leaving_out("id").assignments,
    rows=_CHANGING.rows,
)


def _update(connection: Connection, timelines: list[Timeline]) -> None:
    if timelines:
        run(connection, _UPDATE, **_CHANGING.bind(timelines))


_Started = tuple[int, Timeline]
"""A customer's id and a timeline of theirs that has no id yet."""

_STARTED: Columns[_Started] = Columns(
    Column("customer_id", "bigint", lambda row: row[0]),
    Column("sop", "text", lambda row: row[1].sop),
    Column("version", "integer", lambda row: row[1].version),
    Column("key", "text", lambda row: row[1].key),
    Column("group_name", "text", lambda row: row[1].group),
    Column("priority", "integer", lambda row: row[1].priority),
    Column("anchor", "timestamptz", lambda row: row[1].anchor),
    Column("start_id", "text", lambda row: row[1].start_id),
    Column("event", "jsonb", lambda row: row[1].event),
    Column("depth", "smallint", lambda row: row[1].depth),
    Column("state", "text", lambda row: row[1].state),
    Column("reason", "text", lambda row: row[1].reason),
    Column("detail", "text", lambda row: stored(row[1].detail)),
    Column("ended_at", "timestamptz", lambda row: row[1].ended_at),
    Column("next_step", "text", lambda row: row[1].next_step),
    Column("step_due", "timestamptz", lambda row: row[1].step_due),
    Column("due_at", "timestamptz", lambda row: row[1].due_at),
    Column("waiting", "text", lambda row: row[1].waiting),
    Column("started_at", "timestamptz", lambda row: row[1].start),
    Column("holdout", "boolean", lambda row: row[1].holdout),
    Column("goal_until", "timestamptz", lambda row: row[1].goal_until),
    Column("converted_at", "timestamptz", lambda row: row[1].converted_at),
    Column("converted_by", "text", lambda row: row[1].converted_by),
)

_INSERT = sql(
    "insert into timelines ({names}) select {values} from {rows} order by v.place",
    names=_STARTED.names,
    values=_STARTED.values,
    rows=_STARTED.placed,
)


def _insert(connection: Connection, started: list[_Started]) -> None:
    if started:
        run(connection, _INSERT, **_STARTED.bind(started))


def cancel_open(connection: Connection, timelines: Sequence[int | None]) -> int:
    """Cancel the queued and handed touches of ended timelines, by ascending id; return how many."""
    if not timelines:
        return 0
    return run(
        connection,
        sql(
            """with open as (select id from touches where timeline_id = any(:ids) and status in {recallable} and kind <> 'notice'
                         order by id for update)
           update touches t set status = 'cancelled', reason = 'timeline_ended', ended_at = l.ended_at
           from open o, timelines l where t.id = o.id and l.id = t.timeline_id and t.status in {recallable}""",
            recallable=RECALLABLE,
        ),
        ids=list(timelines),
    )


def ids_due(connection: Connection, customer_id: int, now: datetime) -> list[int]:
    """Return the customer's due timelines, earliest first."""
    statement = "select id from timelines where customer_id = :customer_id and state = 'active' and due_at <= :now order by due_at, id"
    return [row.id for row in rows(connection, statement, customer_id=customer_id, now=now)]


def defer_failed(connection: Connection, timeline: int, now: datetime, error: Sentence) -> None:
    """Put off a due timeline after a failed planning: 1, 2, 4 … minutes, an hour at most.

    Parameters:
        timeline: its id
        now: the moment of the failure
        error: what was wrong, kept with the timeline
    """
    run(
        connection,
        """update timelines set attempts = least(attempts + 1, 100), waiting = 'planning_failed', detail = :error,
               due_at = cast(:now as timestamptz) + least(interval '1 minute' * power(2, least(attempts, 6)), interval '1 hour')
           where id = :timeline and state = 'active' and due_at <= :now""",
        timeline=timeline,
        now=now,
        error=packed(error, MOST_OF_DETAIL),
    )
