"""The audit: who did what, append-only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import run, to_json


def add(connection: Connection, at: datetime, who: str, action: str, detail: Mapping[str, object]) -> None:
    """Write one line."""
    run(
        connection,
        "insert into audit (at, who, action, detail) values (:at, :who, :action, cast(:detail as jsonb))",
        at=at,
        who=who,
        action=action,
        detail=to_json(dict(detail)),
    )
