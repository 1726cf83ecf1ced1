"""Starting an SOP for a customer by hand: an event that the matcher decides about like about any start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from engine.core.definitions import lookup
from engine.core.errors import SopError
from engine.core.events.event import ENGINE_SOURCE, START, Event
from engine.core.sentence import Sentence, codes
from engine.runtime import Runtime
from engine.store.database import retrying, transaction
from engine.store.operations import audit, manual_events

log = structlog.get_logger()

_RESERVED = ("sop", "anchor", "trigger", "existing", "clock")
"""Keys of a start's data that mean something to the matcher."""


@dataclass(frozen=True, slots=True)
class ManualStart:
    """A start that is asked for."""

    sop: str
    ref: str
    """The customer's."""
    anchor: datetime | None = None
    """The moment that days are counted from, aware; now without it."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What the starting event would bring: for `key`, conditions and texts."""
    key: str | None = None
    """The same start asked for again under this key, by the same person, is the same."""


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

    def start(self, wanted: ManualStart, who: str) -> Asked:
        """Ask for a start, audited; `when`, `while`, `reentry`, `group` and `accept` decide as for any other.

        Raises NotFound for an SOP that is not in force and for a customer nobody ever named, SopError for data it cannot take.
        """
        sop, ref, anchor = wanted.sop, wanted.ref, wanted.anchor
        taken = next((name for name in _RESERVED if name in wanted.data), None)
        if taken is not None:
            raise SopError(
                Sentence(
                    "data.{name} cannot be given by hand: the engine uses {reserved} itself",
                    name=taken,
                    reserved=codes(_RESERVED),
                )
            )
        with transaction(self._engine) as connection:
            lookup.defined_sop(self._current.read(connection), sop)
            manual_events.check_known(connection, ref)
        now = self._clock.now()
        about = {"sop": sop, **({"anchor": anchor.isoformat()} if anchor else {})}
        identity = f"by_hand:{sop}:{ref}:{who}:{wanted.key if wanted.key is not None else now.isoformat()}"
        event = Event(ENGINE_SOURCE, identity, START, ref, now, now, {**wanted.data, **about}, cause={"by": who})
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
