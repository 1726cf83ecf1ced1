"""What must never be so, as counts: each is 0 in a sound installation."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import rows

_CHECKS = {
    "matched_event_without_outcome": "select count(*) as n from events where matched_at is not null and outcome is null and id > ("
    "select coalesce(max(id), 0) - 10000 from events)",
    "touch_sent_before_due": "select count(*) as n from touches where sent_at < due_at and kind <> 'do' and id > ("
    "select coalesce(max(id), 0) - 10000 from touches)",
    "open_touch_of_ended_timeline": "select count(*) as n from touches t join timelines l on l.id = t.timeline_id "
    "where t.status in ('queued', 'handed') and l.state in ('exited', 'converted', 'cancelled') and t.claim_no = 0",
    # a sweep may come as seldom as once a day; what was set aside as a dead letter is known already
    "crossing_not_swept": "select count(*) as n from (select 1 from customer_clocks k join customers c on c.id = k.customer_id "
    "where k.next_at < cast(:now as timestamptz) - interval '26 hours' "
    "and not exists (select 1 from events e where e.subject = c.ref and (e.matched_at is null "
    "or (e.type = 'engine.silent' and e.outcome ->> 'reason' = 'dead_letter' and e.time = k.next_at))) "
    "order by k.next_at limit 10000) due",
}


def count(connection: Connection, now: datetime) -> dict[str, int]:
    """Return the invariants that are broken, with how many rows break them (the newest 10,000 are looked at)."""
    found = {
        name: rows(connection, statement, **({"now": now} if ":now" in statement else {}))[0].n
        for name, statement in _CHECKS.items()
    }
    return {name: number for name, number in found.items() if number}
