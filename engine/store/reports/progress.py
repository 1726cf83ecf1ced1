"""How far the work has come, for whoever drives a stepped clock, and all that came out, for whoever checks it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from engine.core.events.event import Event
from engine.store.database import Row, rows
from engine.store.sentences import told


def is_idle(connection: Connection, now: datetime) -> bool:
    """Return whether nothing is left to do at this moment: no event waits, no timeline is due, no touch is ready or being sent."""
    return bool(
        rows(
            connection,
            """select 1 where not exists (select 1 from events where matched_at is null)
                 and not exists (select 1 from customer_clocks where next_at <= :now)
                 and not exists (select 1 from crons where next_at <= :now)
                 and not exists (select 1 from timelines where state = 'active' and due_at <= :now)
                 and not exists (select 1 from touches where status = 'sending' or (status = 'queued' and ready_at <= :now))""",
            now=now,
        )
    )


def due_work(connection: Connection, now: datetime) -> list[str]:
    """Return what is due besides planning: sweep (a silence), slots (a date or schedule), refresh (numbers and computed dimensions)."""
    (due,) = rows(
        connection,
        """select exists (select 1 from customer_clocks where next_at <= :now) as sweep,
                  exists (select 1 from crons where next_at <= :now and split_part(name, ':', 1) in ('date', 'schedule')) as slots,
                  exists (select 1 from crons where next_at <= :now and split_part(name, ':', 1) in ('metrics', 'dimension')) as refresh""",
        now=now,
    )
    return [name for name, is_due in due._mapping.items() if is_due]


def next_moment(connection: Connection) -> datetime | None:
    """Return the next moment at which a timeline is due or a touch is ready, None where nothing is to come."""
    found: datetime | None = rows(
        connection,
        """select least((select due_at from timelines where state = 'active' order by due_at, id limit 1),
                        (select min(next_at) from customer_clocks where next_at is not null),
                        (select min(next_at) from crons),
                        (select min(ready_at) from touches where status = 'queued'),
                        (select min(fallback_at) from touches where status = 'handed')) as at""",
    )[0].at
    return found


def touches(connection: Connection) -> list[Row]:
    """Return every touch with its timeline's identity, in order of planning."""
    return rows(
        connection,
        """select c.ref, t.sop, l.key as timeline_key, l.start_id, t.step, t.kind, t.status, t.reason, t.channel, t.due_at, t.planned_at,
                  t.sent_at, t.key, t.body, t.id, t.attempt
           from touches t join timelines l on l.id = t.timeline_id join customers c on c.id = t.customer_id order by t.id""",
    )


def touches_after(connection: Connection, after: int) -> list[Row]:
    """Return the touches with an id above `after`, briefly."""
    return rows(
        connection,
        """select t.id, c.ref, t.sop, t.step, t.kind, t.status, t.reason, t.sent_at, t.planned_at, t.body, l.start_id
           from touches t join timelines l on l.id = t.timeline_id join customers c on c.id = t.customer_id
           where t.id > :after order by t.id""",
        after=after,
    )


def timelines(connection: Connection) -> list[Row]:
    """Return how every timeline stands."""
    found = rows(
        connection,
        """select c.ref, l.sop, l.key, l.start_id, l.state, l.reason, l.detail
           from timelines l join customers c on c.id = l.customer_id order by l.id""",
    )
    return told(found, "detail")


def refreshed(connection: Connection) -> list[Event]:
    """Return the moves between the values of computed dimensions, in inbox order."""
    found = rows(
        connection,
        """select source, event_id, type, subject, time, received_at, data, backfill, depth, cause from events
           where source = 'engine' and cause ? 'refresh' order by id""",
    )
    return [Event(*row) for row in found]


def event_outcomes(connection: Connection) -> list[Row]:
    """Return, for every event not made by the engine, whether it is matched and what came of it."""
    found = rows(
        connection, "select source, event_id, matched_at, outcome from events where source <> 'engine' order by id"
    )
    return told(found, "outcome")
