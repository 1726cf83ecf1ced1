"""What the inbox has seen: event types, tags, values of dimensions. Looked for in the newest events and in what is known of customers."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.store.database import rows, scalar

NEWEST = 200_000
"""So many of the newest events are looked through."""


def any_event(connection: Connection) -> bool:
    """Return whether an event ever came in."""
    return bool(scalar(connection, "select exists (select 1 from events where source <> 'engine')"))


def seen(connection: Connection) -> dict[str, set[str]]:
    """Return the names seen by kind: `event` (types), `tag`, and each dimension's name (its values)."""
    found: dict[str, set[str]] = {"event": set(), "tag": set()}
    for kind, name in [*_recent(connection), *_known(connection)]:
        if name is not None:
            found.setdefault(kind, set()).add(name)
    return found


def _recent(connection: Connection) -> list[tuple[str, str | None]]:
    statement = """
        with recent as materialized (select type, data from events order by id desc limit :newest)
        select 'event', type from recent group by type
        union all
        select 'tag', data->>'tag' from recent where type in ('tag.added', 'tag.removed') group by 2
        union all
        select coalesce(data->>'dimension', 'stage'), data->>'value' from recent where type = 'stage.changed' group by 1, 2
    """
    return [(row[0], row[1]) for row in rows(connection, statement, newest=NEWEST)]


def _known(connection: Connection) -> list[tuple[str, str]]:
    """What customers have, from older events too. Tags are hopped through on their index, one step for each."""
    statement = """
        with recursive tags as (
            (select tag from customer_tags where present order by tag limit 1)
            union all
            select (select c.tag from customer_tags c where c.present and c.tag > t.tag order by c.tag limit 1)
            from tags t where t.tag is not null
        )
        select 'tag', tag from tags where tag is not null
        union all
        select dimension, value from (select dimension, value from customer_dimensions limit :newest) as known group by 1, 2
        union all
        select 'event', type from (select type from activities limit :newest) as known group by 2
    """
    return [(row[0], row[1]) for row in rows(connection, statement, newest=NEWEST)]
