"""Touches and timelines as operators change them: recalled, sent again, confirmed, cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from engine.core.sentence import Sentence
from engine.core.stored_sentence import packed
from engine.store.database import Row, rows, run
from engine.store.fragments import sql
from engine.store.touch_states import DOUBTFUL, RECALLABLE


def recall(connection: Connection, sop: str, step: str, now: datetime) -> dict[str, int]:
    """Cancel the touches of a step that are queued or handed, by ascending id; return how many of each.

    Parameters:
        sop: id of the SOP
        step: id of the step
        now: when it is called back
    """
    found = rows(
        connection,
        sql(
            """with open as (
               select id, status from touches where sop = :sop and step = :step and status in {recallable}
               order by id for update),
           done as (
               update touches t set status = 'cancelled', reason = 'recalled', ended_at = :now, lease_until = null
               from open o where t.id = o.id and t.status in {recallable} returning o.status)
           select status, count(*) as n from done group by status""",
            recallable=RECALLABLE,
        ),
        sop=sop,
        step=step,
        now=now,
    )
    return {row.status: row.n for row in found}


def by_status(connection: Connection, sop: str, step: str, statuses: Sequence[str]) -> dict[str, int]:
    """Return how many touches of a step are in each of these states.

    Parameters:
        sop: id of the SOP
        step: id of the step
        statuses: the states to count
    """
    found = rows(
        connection,
        """select status, count(*) as n from touches where sop = :sop and step = :step and status = any(:statuses)
           group by status""",
        sop=sop,
        step=step,
        statuses=list(statuses),
    )
    return {row.status: row.n for row in found}


def steps_had(connection: Connection, sop: str) -> list[str]:
    """Return the steps of which an SOP ever had touches, those of earlier versions too."""
    found = rows(connection, "select distinct step from touches where sop = :sop order by step", sop=sop)
    return [row.step for row in found]


def customers_of(connection: Connection, touches: Sequence[int]) -> list[int]:
    """Return the ids of the customers of these touches."""
    found = rows(connection, "select distinct customer_id from touches where id = any(:ids)", ids=list(touches))
    return sorted(row.customer_id for row in found)


def lock(connection: Connection, touches: Sequence[int]) -> list[Row]:
    """Lock touches by ascending id and return what decides about them, with the state of their timeline."""
    run(connection, "select id from touches where id = any(:ids) order by id for update", ids=list(touches))
    return rows(
        connection,
        """select t.id, t.sop, t.step, t.kind, t.channel, t.status, t.limit_at, c.ref as customer,
                  l.id as timeline, l.state as timeline_state
           from touches t join timelines l on l.id = t.timeline_id join customers c on c.id = t.customer_id
           where t.id = any(:ids) order by t.id""",
        ids=list(touches),
    )


def queue_again(connection: Connection, touches: Sequence[int], now: datetime) -> int:
    """Put held touches that failed, or whose outcome is unknown, back into the queue: same key, tries counted anew."""
    return run(
        connection,
        sql(
            """update touches set status = 'queued', reason = null, detail = null, ended_at = null, attempt = 0, ready_at = :now
           where id = any(:ids) and status in {doubtful}""",
            doubtful=DOUBTFUL,
        ),
        ids=list(touches),
        now=now,
    )


_CONFIRMED = Sentence("confirmed by hand")


def mark_sent(connection: Connection, touches: Sequence[int], now: datetime) -> int:
    """Note of held touches of unknown outcome that a person knows them to be sent."""
    return run(
        connection,
        """update touches set status = 'sent', reason = null, detail = :detail, sent_at = :now, ended_at = :now
           where id = any(:ids) and status = 'unknown'""",
        ids=list(touches),
        now=now,
        detail=packed(_CONFIRMED),
    )


# ── timelines ────────────────────────────────────────────────────────────────────────────────────────────────


def timeline(connection: Connection, id_: int) -> Row | None:
    """Return id, customer_id, ref, sop and state of a timeline, None where no timeline has this id."""
    found = rows(
        connection,
        """select t.id, t.customer_id, c.ref, t.sop, t.state from timelines t join customers c on c.id = t.customer_id
           where t.id = :id""",
        id=id_,
    )
    return found[0] if found else None


def active_timelines(connection: Connection, customer: int) -> list[Row]:
    """Return id, sop, key and anchor of a customer's active timelines."""
    return rows(
        connection,
        "select id, sop, key, anchor from timelines where customer_id = :customer and state = 'active' order by id",
        customer=customer,
    )


def open_touches(connection: Connection, timeline_: int) -> int:
    """Return how many touches of a timeline wait to be sent or confirmed."""
    statement = sql(
        "select count(*) as n from touches where timeline_id = :timeline and status in {recallable}",
        recallable=RECALLABLE,
    )
    return int(rows(connection, statement, timeline=timeline_)[0].n)
