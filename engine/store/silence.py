"""Silence as the sweep sees it: who crosses a threshold now, and clocks whose thresholds changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import rows, scalar


def insert_crossings(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Insert a silence event for the `limit` crossings due first; return their subjects, in order.

    Customers with waiting events are left alone: an accepted reply is never overtaken. What is inserted waits itself, so no
    crossing is found twice; its id is a function of customer, clock, threshold and last activity. Costs what is due.
    """
    found = rows(
        connection,
        """with due as (
               select c.ref, k.clock, k.next_days, k.next_at,
                      to_char(k.last_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as last
               from customer_clocks k join customers c on c.id = k.customer_id
               where k.next_at <= :now
                 and not exists (select 1 from events e where e.subject = c.ref and e.matched_at is null)
               order by k.next_at, k.customer_id limit :limit)
           insert into events (source, event_id, type, subject, time, received_at, data, body_hash)
           select 'engine', 'silent:' || ref || ':' || clock || ':' || next_days || ':' || last, 'engine.silent', ref, next_at, :now,
                  jsonb_build_object('clock', clock, 'days', next_days, 'last_at', last), ''
           from due order by next_at, ref on conflict do nothing returning subject""",
        now=now,
        limit=limit,
    )
    return list(dict.fromkeys(row.subject for row in found))


def next_crossing(connection: Connection) -> datetime | None:
    """Return when the next threshold is crossed."""
    found: datetime | None = scalar(connection, "select min(next_at) from customer_clocks where next_at is not null")
    return found
