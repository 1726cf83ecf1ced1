"""Starting an SOP for a customer by hand: an event that the matcher decides about like about any start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from engine.core.definitions import lookup
from engine.core.errors import SopError
from engine.core.events.event import ENGINE_SOURCE, START, Event
from engine.runtime import Runtime
from engine.store.database import retrying, transaction
from engine.store.operations import audit, manual_events

log = structlog.get_logger()

_RESERVED = ("sop", "anchor", "trigger", "existing", "clock")
"""Keys of a start's data that mean something to the matcher."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A start that the matcher is to decide about."""

    event: int
    """Its place in the inbox."""
    changed: bool
    """False: it was asked for before, under the same key; nothing was done again."""


class ManualStarter:
    """Starts SOPs for customers."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._hints, self._current = runtime.hints, runtime.definitions

    def start(
        self,
        sop: str,
        ref: str,
        who: str,
        *,
        anchor: datetime | None = None,
        data: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Asked:
        """Ask for a start, audited; `when`, `while`, `reentry`, `group` and `accept` decide as for any other.

        Parameters:
            anchor: the moment that days are counted from, aware; now without it.
            data: what the starting event would bring: for `key`, conditions and texts.
            key: the same start asked for again under this key, by the same person, is the same.

        Raises NotFound for an SOP that is not in force and for a customer nobody ever named, SopError for data it cannot take.
        """
        taken = next((name for name in _RESERVED if name in (data or {})), None)
        if taken is not None:
            raise SopError(f"data.{taken} cannot be given by hand: the engine uses {', '.join(_RESERVED)} itself")
        with transaction(self._engine) as connection:
            lookup.defined_sop(self._current.read(connection), sop)
            manual_events.check_known(connection, ref)
        now = self._clock.now()
        about = {"sop": sop, **({"anchor": anchor.isoformat()} if anchor else {})}
        identity = f"by_hand:{sop}:{ref}:{who}:{key if key is not None else now.isoformat()}"
        event = Event(ENGINE_SOURCE, identity, START, ref, now, now, {**(data or {}), **about}, cause={"by": who})
        asked = retrying(self._engine, lambda connection: self._ask(connection, event, who))
        self._hints.look_at([ref])
        log.info("start.asked", sop=sop, row=asked.event, new=asked.changed)
        return asked

    @staticmethod
    def _ask(connection: Connection, event: Event, who: str) -> Asked:
        row, new = manual_events.add(connection, event)
        if new:
            audit.add(connection, event.time, who, "start", {"customer": event.subject, "event": row, **event.data})
        return Asked(row, new)
