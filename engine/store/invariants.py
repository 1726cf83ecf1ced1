"""What must never be so, as counts: each is 0 in a sound installation."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.store.database import rows

_CHECKS = {
    "matched_event_without_outcome": "select count(*) as n from events where matched_at is not null and outcome is null and id > ("
    "select coalesce(max(id), 0) - 10000 from events)",
    "touch_sent_before_due": "select count(*) as n from touches where sent_at < due_at and kind <> 'do' and id > ("
    "select coalesce(max(id), 0) - 10000 from touches)",
    "open_touch_of_ended_timeline": "select count(*) as n from touches t join timelines l on l.id = t.timeline_id "
    "where t.status in ('queued', 'handed') and l.state in ('exited', 'converted', 'cancelled') and t.claim_no = 0",
}


def count(connection: Connection) -> dict[str, int]:
    """Return the invariants that are broken, with how many rows break them (the newest 10,000 are looked at)."""
    found = {name: rows(connection, statement)[0].n for name, statement in _CHECKS.items()}
    return {name: number for name, number in found.items() if number}
