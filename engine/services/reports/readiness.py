"""Whether this installation can do its work, and what is missing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from engine.core.errors import SopError
from engine.core.sentence import Sentence
from engine.ports import HintQueue
from engine.store import schema
from engine.store.database import transaction
from engine.store.reports import vitals

BEAT = "beat"
"""Name of beat's row in `heartbeats`."""

BEAT_SILENT_AFTER = 30.0
"""Seconds after which beat counts as stopped."""


class Readiness:
    """Looks at the database, its schema, Redis and beat.

    Only what intake cannot do without makes it unready: without Redis and beat events are still taken, and taking the
    API out of service would lose what it can keep.
    """

    def __init__(self, engine: Engine, hints: HintQueue) -> None:
        self._engine = engine
        self._hints = hints

    def __call__(self) -> dict[str, Any]:
        """Return `ready`, `status` (ready, degraded, unready) and one entry for each thing looked at."""
        database, beat_age = self._database()
        redis = self._redis()
        beat = "never seen" if beat_age is None else "ok" if beat_age < BEAT_SILENT_AFTER else "silent"
        ready = database["database"] == "ok" and database.get("schema") == "ok"
        fine = ready and redis == "ok" and beat == "ok"
        return {
            "ready": ready,
            "status": "ready" if fine else "degraded" if ready else "unready",
            **database,
            "redis": redis,
            "beat": {"state": beat, "age_seconds": None if beat_age is None else round(beat_age, 1)},
        }

    def _database(self) -> tuple[dict[str, str], float | None]:
        try:
            has, needs = schema.current(self._engine), schema.head()
            if has != needs:
                return {
                    "database": "ok",
                    "schema": Sentence(
                        "is {has}, this code needs {needs}; run `sop db upgrade`",
                        has=has or Sentence.within("schema", "empty"),
                        needs=needs,
                    ),
                }, None
            with transaction(self._engine) as connection:
                return {"database": "ok", "schema": "ok"}, vitals.heartbeat_age(connection, BEAT)
        except (SQLAlchemyError, SopError):
            return {"database": "away"}, None

    def _redis(self) -> str:
        try:
            self._hints.length()
        except Exception:  # whatever the queue's failure is, it is not there
            return "away"
        return "ok"
