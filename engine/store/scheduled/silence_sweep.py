"""Silence as the sweep sees it: who crosses a threshold now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import rows, run, scalar

Place = tuple[datetime, int, str]
"""Where in the order of crossings a clock stands: when it is due, customer, name."""


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the clocks that are due."""

    due: int
    last: Place | None
    """The last one's place, where there may be more behind it."""
    silent: list[str] = field(default_factory=list)
    """Customers who now have a silence event."""
    waiting: list[str] = field(default_factory=list)
    """Customers left alone, because their events come first."""


def insert_crossings(connection: Connection, now: datetime, limit: int, after: Place | None = None) -> Page:
    """Insert a silence event for each of the `limit` crossings due first behind `after`.

    Customers with waiting events are left alone: an accepted reply is never overtaken. The event's id is a function of customer,
    clock, threshold and last activity, so that no crossing makes two. Costs what is due, not what exists.

    Parameters:
        now: crossings up to this moment are due
        limit: how many at most
        after: where the page before ended
    """
    # The limit stands in the text: sessions plan for any parameter, and for a limit not known they would scan every customer.
    behind = "and (k.next_at, k.customer_id, k.clock) > (:at, :customer, :clock)" if after else ""
    found = rows(
        connection,
        f"""with due as materialized (
                select c.ref, k.customer_id, k.clock, k.next_days, k.next_at,
                       to_char(k.last_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as last,
                       exists (select 1 from events e where e.subject = c.ref and e.matched_at is null) as waits
                from (select * from customer_clocks k where k.next_at <= :now {behind}
                      order by k.next_at, k.customer_id, k.clock limit {int(limit)}) k
                join customers c on c.id = k.customer_id),
            made as (
                insert into events (source, event_id, type, subject, time, received_at, data, body_hash, cause)
                select 'engine', 'silent:' || ref || ':' || clock || ':' || next_days || ':' || last, 'engine.silent', ref, next_at, :now,
                       jsonb_build_object('clock', clock, 'days', next_days, 'last_at', last), '',
                       jsonb_build_object('clock', clock)
                from due where not waits order by next_at, customer_id, clock on conflict do nothing returning subject)
            select d.ref, d.customer_id, d.clock, d.next_at, d.waits, m.subject is not null as made
            from due d left join (select distinct subject from made) m on m.subject = d.ref
            order by d.next_at, d.customer_id, d.clock""",  # noqa: S608 - joins constants of this module; values are bound
        now=now,
        **(dict(zip(("at", "customer", "clock"), after, strict=True)) if after else {}),
    )
    last = (found[-1].next_at, found[-1].customer_id, found[-1].clock) if len(found) == limit else None
    silent = [row.ref for row in found if row.made]
    return Page(
        len(found), last, list(dict.fromkeys(silent)), list(dict.fromkeys(row.ref for row in found if row.waits))
    )


def last_slot(connection: Connection, now: datetime) -> datetime:
    """Return up to which slot sweeping is done; the first time that is now."""
    run(connection, "insert into crons (name, last_slot) values ('sweep', :now) on conflict do nothing", now=now)
    found: datetime = scalar(connection, "select last_slot from crons where name = 'sweep'")
    return found


def end_slot(connection: Connection, slot: datetime) -> None:
    """Note that everything due at this slot was found."""
    run(connection, "update crons set last_slot = :slot where name = 'sweep' and last_slot < :slot", slot=slot)
