"""Pausing an SOP, a channel or all: nothing more is claimed, and what falls due waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from engine.core.definitions import lookup
from engine.runtime import Runtime
from engine.store.database import Row, retrying, transaction
from engine.store.operations import audit
from engine.store.state import pauses
from engine.store.state.definitions import await_deciders
from engine.store.state.pauses import Scope

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Paused:
    """A pause, and what it holds."""

    scope: Scope
    changed: bool
    """False: it was paused already, nothing was changed."""
    since: datetime
    who: str | None
    reason: str | None
    timelines: int
    """Active timelines kept from their next step; none for a channel."""
    touches: int
    """Touches that wait to be sent and do not go out."""
    sending: int
    """Touches that were being sent already: these go out."""


class Pauser:
    """Pauses, and tells what is paused."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock, self._current = runtime.engine, runtime.clock, runtime.definitions

    def pause(self, scope: Scope, who: str, reason: str | None = None) -> Paused:
        """Pause, audited. Pausing what is paused changes nothing.

        Raises NotFound for an SOP or channel that is not in force.
        """
        with transaction(self._engine) as connection:
            lookup.check_pausable(scope.kind, scope.name, self._current.read(connection))
        row, changed, touches = retrying(self._engine, lambda connection: self._pause(connection, scope, who, reason))
        with transaction(self._engine) as connection:
            timelines = pauses.timelines_held(connection, scope)
        if changed:
            log.info("pause.began", kind=scope.kind, name=scope.name, timelines=timelines, touches=touches.queued)
        held = touches.queued + touches.late
        return Paused(scope, changed, row.since, row.who, row.reason, timelines, held, touches.sending)

    def _pause(self, connection: Connection, scope: Scope, who: str, reason: str | None) -> tuple[Row, bool, Row]:
        """Pause; return the pause, whether it is new, and which touches it finds."""
        await_deciders(connection)
        now = self._clock.now()
        changed = pauses.add(connection, scope, now, who, reason)
        if changed:
            audit.add(connection, now, who, "pause", {"kind": scope.kind, "name": scope.name, "reason": reason})
        return pauses.find(connection, scope), changed, pauses.touches_held(connection, scope, now)

    def pauses(self) -> list[Row]:
        """Return every pause (kind, name, since, who, reason), the oldest first."""
        with transaction(self._engine) as connection:
            return pauses.listed(connection)
