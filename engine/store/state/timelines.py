"""Timelines: reading those of held customers, writing what decisions changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Connection

from engine.core.customers.customer import Customer, Timeline
from engine.store.database import Row, json_column, rows, run

_COLUMNS = (
    "t.id, t.customer_id, t.sop, t.version, t.key, t.group_name, t.priority, t.anchor, t.start_id, t.event, t.depth, t.state, "
    "t.reason, t.detail, t.ended_at, t.next_step, t.step_due, t.due_at, t.waiting, t.started_at, t.holdout, t.goal_until, "
    "t.converted_at, t.converted_by"
)


def load_into(connection: Connection, customers: Mapping[int, Customer]) -> None:
    """Read the customers' active timelines, and when each SOP (and key) last started for them."""
    statement = (
        f"select {_COLUMNS} from timelines t where t.customer_id = any(:ids) and t.state = 'active' order by t.id"
    )
    for row in rows(connection, statement, ids=list(customers)):
        customers[row.customer_id].timelines.append(_timeline(row))
    started = (
        "select customer_id, sop, key, max(started_at) from timelines where customer_id = any(:ids) group by 1, 2, 3"
    )
    for customer, sop, key, at in rows(connection, started, ids=list(customers)):
        customers[customer].starts[(sop, key)] = at


def _timeline(row: Row) -> Timeline:
    return Timeline(
        row.sop, row.version, row.key, row.group_name, row.priority, row.anchor, row.start_id, row.event, row.depth, row.state,
        row.reason, row.detail, row.ended_at, row.next_step, row.step_due, row.due_at, row.waiting, row.id,
        started_at=row.started_at, holdout=row.holdout, goal_until=row.goal_until, converted_at=row.converted_at,
        converted_by=row.converted_by,
    )  # fmt: skip


def load_had(connection: Connection, timelines: Iterable[Timeline]) -> None:
    """Read which steps each timeline has had, and whether a touch of it is still open."""
    by_id = {each.id: each for each in timelines}
    statement = """select timeline_id, array_agg(step), bool_or(status in ('queued', 'sending', 'handed'))
                   from touches where timeline_id = any(:ids) group by 1"""
    for timeline, steps, is_open in rows(connection, statement, ids=list(by_id)):
        by_id[timeline].had, by_id[timeline].open_touches = set(steps), is_open


def load_touched(connection: Connection, customers: Mapping[int, Customer], sops: Sequence[str]) -> None:
    """Read when each customer was last given a touch of these SOPs."""
    if not sops:
        return
    statement = """select customer_id, sop, max(planned_at) from touches where customer_id = any(:ids) and sop = any(:sops)
                   and kind in ('message', 'task') and status in ('queued', 'sending', 'sent', 'handed', 'unknown') group by 1, 2"""
    for customer, sop, at in rows(connection, statement, ids=list(customers), sops=list(sops)):
        customers[customer].touched[sop] = at


def load_awaiting_goal(connection: Connection, customers: Mapping[int, Customer], since: datetime) -> None:
    """Read the customers' ended timelines whose goal was not reached and counts after `since` still."""
    statement = f"""select {_COLUMNS} from timelines t where t.customer_id = any(:ids) and t.state <> 'active'
                    and t.converted_at is null and t.goal_until >= :since order by t.id"""
    for row in rows(connection, statement, ids=list(customers), since=since):
        customers[row.customer_id].ended.append(_timeline(row))


def load_counted(connection: Connection, customers: Mapping[int, Customer], since: date) -> None:
    """Read how many messages count on each of the customers' dates from `since` on, by channel."""
    statement = """select customer_id, counted_on, channel, count(*) from touches
                   where customer_id = any(:ids) and counted_on >= :since and counted_on is not null
                     and status in ('queued', 'sending', 'sent', 'handed', 'unknown') group by 1, 2, 3"""
    for customer, day, channel, number in rows(connection, statement, ids=list(customers), since=since):
        customers[customer].counted[(day, channel)] = number


def write(connection: Connection, customers: Iterable[Customer]) -> None:
    """Write changed timelines: first the known ones (an ended one makes room in its group), then the new."""
    changed = [
        (customer.id, each) for customer in customers for each in (*customer.timelines, *customer.ended) if each.changed
    ]
    _update(connection, [each for _, each in changed if each.id is not None])
    _insert(connection, [(customer, each) for customer, each in changed if each.id is None])
    call_back(
        connection,
        [each.id for _, each in changed if each.id is not None and each.state in ("exited", "converted", "cancelled")],
    )


def _update(connection: Connection, timelines: list[Timeline]) -> None:
    if not timelines:
        return
    run(
        connection,
        """update timelines t set state = v.state, reason = v.reason, detail = v.detail, ended_at = v.ended_at,
               next_step = v.next_step, step_due = v.step_due, due_at = v.due_at, waiting = v.waiting, attempts = 0,
               priority = v.priority, goal_until = v.goal_until, converted_at = v.converted_at, converted_by = v.converted_by
           from unnest(cast(:ids as bigint[]), cast(:states as text[]), cast(:reasons as text[]), cast(:details as text[]),
                       cast(:ended as timestamptz[]), cast(:next_steps as text[]), cast(:step_dues as timestamptz[]),
                       cast(:dues as timestamptz[]), cast(:waiting as text[]), cast(:goals as timestamptz[]),
                       cast(:converted as timestamptz[]), cast(:converters as text[]), cast(:priorities as integer[]))
                v(id, state, reason, detail, ended_at, next_step, step_due, due_at, waiting, goal_until, converted_at, converted_by,
                  priority)
           where t.id = v.id""",
        ids=[each.id for each in timelines],
        states=[each.state for each in timelines],
        reasons=[each.reason for each in timelines],
        details=[each.detail for each in timelines],
        ended=[each.ended_at for each in timelines],
        next_steps=[each.next_step for each in timelines],
        step_dues=[each.step_due for each in timelines],
        dues=[each.due_at for each in timelines],
        waiting=[each.waiting for each in timelines],
        goals=[each.goal_until for each in timelines],
        converted=[each.converted_at for each in timelines],
        converters=[each.converted_by for each in timelines],
        priorities=[each.priority for each in timelines],
    )


def _insert(connection: Connection, started: list[tuple[int, Timeline]]) -> None:
    if not started:
        return
    timelines = [each for _, each in started]
    run(
        connection,
        """insert into timelines (customer_id, sop, version, key, group_name, priority, anchor, start_id, event, depth, state, reason,
                                  detail, ended_at, next_step, step_due, due_at, waiting, started_at, holdout, goal_until, converted_at,
                                  converted_by)
           select customer_id, sop, version, key, group_name, priority, anchor, start_id, event::jsonb, depth, state, reason,
                  detail, ended_at, next_step, step_due, due_at, waiting, started_at, holdout, goal_until, converted_at, converted_by
           from unnest(cast(:customers as bigint[]), cast(:sops as text[]), cast(:versions as integer[]), cast(:keys as text[]),
                       cast(:groups as text[]), cast(:priorities as integer[]), cast(:anchors as timestamptz[]), cast(:start_ids as text[]),
                       cast(:events as text[]), cast(:depths as smallint[]), cast(:states as text[]), cast(:reasons as text[]),
                       cast(:details as text[]), cast(:ended as timestamptz[]), cast(:next_steps as text[]),
                       cast(:step_dues as timestamptz[]), cast(:dues as timestamptz[]), cast(:waiting as text[]),
                       cast(:started as timestamptz[]), cast(:holdouts as boolean[]), cast(:goals as timestamptz[]),
                       cast(:converted as timestamptz[]), cast(:converters as text[]))
                with ordinality v(customer_id, sop, version, key, group_name, priority, anchor, start_id, event, depth, state, reason,
                                  detail, ended_at, next_step, step_due, due_at, waiting, started_at, holdout, goal_until, converted_at,
                                  converted_by, place)
           order by place""",
        customers=[customer for customer, _ in started],
        sops=[each.sop for each in timelines],
        versions=[each.version for each in timelines],
        keys=[each.key for each in timelines],
        groups=[each.group for each in timelines],
        priorities=[each.priority for each in timelines],
        anchors=[each.anchor for each in timelines],
        start_ids=[each.start_id for each in timelines],
        events=json_column(each.event for each in timelines),
        depths=[each.depth for each in timelines],
        states=[each.state for each in timelines],
        reasons=[each.reason for each in timelines],
        details=[each.detail for each in timelines],
        ended=[each.ended_at for each in timelines],
        next_steps=[each.next_step for each in timelines],
        step_dues=[each.step_due for each in timelines],
        dues=[each.due_at for each in timelines],
        waiting=[each.waiting for each in timelines],
        started=[each.start for each in timelines],
        holdouts=[each.holdout for each in timelines],
        goals=[each.goal_until for each in timelines],
        converted=[each.converted_at for each in timelines],
        converters=[each.converted_by for each in timelines],
    )


def call_back(connection: Connection, timelines: Sequence[int | None]) -> int:
    """Cancel the queued and handed touches of ended timelines, by ascending id; return how many."""
    if not timelines:
        return 0
    return run(
        connection,
        """with open as (select id from touches where timeline_id = any(:ids) and status in ('queued', 'handed') and kind <> 'notice'
                         order by id for update)
           update touches t set status = 'cancelled', reason = 'timeline_ended', ended_at = l.ended_at
           from open o, timelines l where t.id = o.id and l.id = t.timeline_id and t.status in ('queued', 'handed')""",
        ids=list(timelines),
    )


def ids_due(connection: Connection, customer_id: int, now: datetime) -> list[int]:
    """Return the customer's due timelines, earliest first."""
    statement = "select id from timelines where customer_id = :customer_id and state = 'active' and due_at <= :now order by due_at, id"
    return [row.id for row in rows(connection, statement, customer_id=customer_id, now=now)]


def defer_failed(connection: Connection, timeline: int, now: datetime, error: str) -> None:
    """Put off a due timeline after a failed planning: 1, 2, 4 … minutes, an hour at most."""
    run(
        connection,
        """update timelines set attempts = least(attempts + 1, 100), waiting = 'planning_failed', detail = :error,
               due_at = cast(:now as timestamptz) + least(interval '1 minute' * power(2, least(attempts, 6)), interval '1 hour')
           where id = :timeline and state = 'active' and due_at <= :now""",
        timeline=timeline,
        now=now,
        error=error[:300],
    )
