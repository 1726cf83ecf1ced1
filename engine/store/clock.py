"""The stepped clock's row, and the server's own time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import run, scalar


def read(connection: Connection) -> datetime | None:
    """Return the stepped clock's moment, None where it was never set."""
    found: datetime | None = scalar(connection, "select at from stepped_clock")
    return found


def write(connection: Connection, at: datetime) -> None:
    """Set the stepped clock."""
    run(
        connection,
        "insert into stepped_clock (at) values (:at) on conflict (only_one) do update set at = excluded.at",
        at=at,
    )


def server_now(connection: Connection) -> datetime:
    """Return the database server's present moment (not the transaction's start)."""
    found: datetime = scalar(connection, "select clock_timestamp()")
    return found
