"""All there is about one customer, read for a person: events, timelines, touches, pauses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection

from engine.core.customers.customer import Timeline
from engine.core.errors import nearest
from engine.core.stored_sentence import unpacked
from engine.store.database import Row, rows, run, scalar, to_json
from engine.store.fragments import sql
from engine.store.sentences import told
from engine.store.touch_states import COUNTED


def begin_snapshot(connection: Connection) -> None:
    """Make this transaction see one state of the database throughout, and write nothing. Must come first in it."""
    run(connection, "set transaction isolation level repeatable read, read only")


def customer_id(connection: Connection, ref: str) -> int | None:
    """Return the customer's id, None for one the matcher has not met."""
    found: int | None = scalar(connection, "select id from customers where ref = :ref", ref=ref)
    return found


def nearest_ref(connection: Connection, ref: str) -> str | None:
    """Return the ref of a customer most like this one, of those that are its neighbours in order."""
    found = rows(
        connection,
        """(select ref from customers where ref >= :ref order by ref limit 20)
           union all (select ref from customers where ref < :ref order by ref desc limit 20)""",
        ref=ref,
    )
    return nearest(ref, [row.ref for row in found])


def events(connection: Connection, ref: str, sop: str | None, limit: int) -> list[Row]:
    """Return the customer's newest events, oldest first; with `sop` those only that concern it, and those that wait.

    One more than `limit` tells that there are older ones.

    Parameters:
        ref: the customer's
        sop: id; None: every event
        limit: how many at most
    """
    concerns = """and (matched_at is null or jsonb_path_exists(outcome, cast(
                  '$.keyvalue() ? (@.key == "started" || @.key == "refused" || @.key == "exits").value[*] ? (@.sop == $sop)' as jsonpath),
                  jsonb_build_object('sop', cast(:sop as text))))"""
    values = {"ref": ref, "limit": limit + 1, **({"sop": sop} if sop else {})}
    found = rows(
        connection,
        f"""select id, source, event_id, type, time, received_at, data, cause, matched_at, outcome from events
            where subject = :ref {concerns if sop else ""} order by id desc limit :limit""",  # noqa: S608 - joins constants of this module; values are bound
        **values,
    )
    return told(found[::-1], "outcome")


def events_of(connection: Connection, ref: str, types: Sequence[str], limit: int) -> list[Row]:
    """Return the customer's newest events of these types, oldest first: what they were, and what came of them.

    Parameters:
        ref: the customer's
        types: of events
        limit: how many at most
    """
    found = rows(
        connection,
        """select id, type, time, data, matched_at, outcome from events
           where subject = :ref and type = any(:types) order by id desc limit :limit""",
        ref=ref,
        types=list(types),
        limit=limit,
    )
    return found[::-1]


def events_wait(connection: Connection, ref: str) -> bool:
    """Return whether events of the customer are not matched yet."""
    return bool(rows(connection, "select 1 from events where subject = :ref and matched_at is null limit 1", ref=ref))


def rejected(connection: Connection, ref: str) -> int:
    """Return how many kept rejected events name this customer as their subject."""
    return int(
        scalar(
            connection,
            "select count(*) from rejected_events where position(:compact in body) > 0 or position(:spaced in body) > 0",
            compact=f'"subject":{to_json(ref)}',
            spaced=f'"subject": {to_json(ref)}',
        )
    )


def timelines(connection: Connection, customer: int, sop: str | None) -> list[Timeline]:
    """Return the customer's timelines (of one SOP), ended ones too, in order of their start; the newest 200."""
    found = rows(
        connection,
        f"""select id, sop, version, key, group_name, priority, anchor, start_id, event, depth, state, reason, detail, ended_at,
                   next_step, step_due, due_at, waiting, started_at, holdout, goal_until, converted_at
            from timelines where customer_id = :customer {"and sop = :sop" if sop else ""} order by anchor desc, id desc limit 200""",  # noqa: S608 - joins constants of this module; values are bound
        **{"customer": customer, **({"sop": sop} if sop else {})},
    )
    return [
        Timeline(
            row.sop, row.version, row.key, row.group_name, row.priority, row.anchor, row.start_id, row.event, row.depth, row.state,
            row.reason, unpacked(row.detail), row.ended_at, row.next_step, row.step_due, row.due_at, row.waiting, row.id,
            started_at=row.started_at, holdout=row.holdout, goal_until=row.goal_until, converted_at=row.converted_at,
        )
        for row in reversed(found)
    ]  # fmt: skip


def counted(connection: Connection, customer: int, since: date) -> list[Row]:
    """Return the customer's messages that count under caps on dates from `since` on: SOP, step, channel, date."""
    return rows(
        connection,
        sql(
            """select sop, step, channel, counted_on from touches
           where customer_id = :customer and counted_on >= :since and counted_on is not null
             and status in {counted} order by counted_on, id""",
            counted=COUNTED,
        ),
        customer=customer,
        since=since,
    )


def touches(connection: Connection, timelines: Sequence[int]) -> dict[int, list[Row]]:
    """Return the touches of these timelines in order of their due time, by timeline."""
    found = rows(
        connection,
        """select timeline_id, sop, step, kind, channel, status, reason, detail, due_at, planned_at, ready_at, limit_at, attempt,
                  sent_at, ended_at, trace, waited, variant, fallback
           from touches where timeline_id = any(:timelines) order by due_at, id""",
        timelines=list(timelines),
    )
    by_timeline: dict[int, list[Row]] = {}
    for row in told(found, "detail"):
        by_timeline.setdefault(row.timeline_id, []).append(row)
    return by_timeline


def pauses(connection: Connection) -> dict[str, set[str]]:
    """Return what is paused, by kind: sop, channel, all."""
    found: dict[str, set[str]] = {"sop": set(), "channel": set(), "all": set()}
    for row in rows(connection, "select kind, name from pauses"):
        found[row.kind].add(row.name)
    return found
