"""What is told of the installation as a whole: its id, its processes' heartbeats."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import rows, run, scalar


def installation_id(connection: Connection) -> str:
    """Return the id that goes into every touch's key."""
    return str(scalar(connection, "select id from installation"))


def beat(connection: Connection, name: str, at: datetime) -> None:
    """Note that a process was alive at `at` (wall clock)."""
    run(
        connection,
        "insert into heartbeats (name, at) values (:name, :at) on conflict (name) do update set at = excluded.at",
        name=name,
        at=at,
    )


def heartbeats(connection: Connection) -> dict[str, datetime]:
    """Return when each process was last known to be alive."""
    return {row.name: row.at for row in rows(connection, "select name, at from heartbeats")}
