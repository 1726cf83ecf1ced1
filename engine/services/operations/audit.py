"""Reading the audit."""

from __future__ import annotations

from sqlalchemy import Engine

from engine.store.database import Row, transaction
from engine.store.operations import audit


class AuditLog:
    """What was done by hand, by whom."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, limit: int = 50, *, before: int | None = None, action: str | None = None) -> list[Row]:
        """Return the newest lines (id, at, who, action, detail), newest first.

        Parameters:
            before: below this id only.
            action: of this action only.
        """
        with transaction(self._engine) as connection:
            return audit.listed(connection, limit, before, action)
