"""Receipts: staff has sent what they were handed, or gave it up; told by the touch's key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Engine

from engine.ports import Clock
from engine.store.database import retrying
from engine.store.state import staff_tasks


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one touch."""

    key: str
    outcome: Literal["sent", "failed"]
    at: datetime | None = None
    """When; absent: now."""
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the receipts."""

    taken: int
    ignored: list[str]
    """Keys of no touch that waits for staff: unknown, confirmed before, or gone over another channel; nothing changed."""


class ReceiptRecorder:
    """Writes down what staff did."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def take(self, told: Sequence[Told]) -> Taken:
        """Take receipts, all in one transaction; repeating one changes nothing."""
        now = self._clock.now()
        rows = [(each.key, each.outcome, min(each.at or now, now), each.detail) for each in told]
        changed = retrying(self._engine, lambda connection: staff_tasks.confirm(connection, rows, now))
        return Taken(len(changed), [each.key for each in told if each.key not in changed])
