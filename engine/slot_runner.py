"""Going through the slots of dates, schedules and refreshes, a batch of customers at a time.

How far a slot has come is committed with each batch's events: whoever crashes goes on there, and whoever runs beside leaves it alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from engine.runtime import Runtime
from engine.store.database import retrying
from engine.store.scheduled import schedules


@dataclass(frozen=True, slots=True)
class SlotBatch:
    """The customers above id `after` up to `last`, in one slot."""

    slot: datetime
    after: int
    last: int
    last_slot: datetime
    """The slot done last, or the moment since when there are slots."""
    now: datetime


class SlotTask(Protocol):
    """What is done at the slots of one name."""

    @property
    def name(self) -> str:
        """What it is called in the table crons."""

    def due(self, last: datetime, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return the slot to do after `last`, and where none is due when the next one is (None: never)."""

    def do(self, batch: SlotBatch) -> list[str]:
        """Insert the events of a batch, and return the refs of the customers they are about."""

    def finished(self, slot: datetime) -> None:
        """Hear that all customers were looked at."""


Begin = Callable[[Connection], SlotTask | None]
"""Returns the task as it is defined now, within the transaction of a batch; None where it is defined no longer."""


class SlotRunner:
    """Does what is due at slots.

    Parameters:
        batch: so many customers in one transaction.
    """

    def __init__(self, runtime: Runtime, batch: int) -> None:
        self._engine, self._clock, self._hints, self._batch = runtime.engine, runtime.clock, runtime.hints, batch

    def run(self, tasks: Iterable[Begin], end: float) -> Iterator[int]:
        """Do one task after the other until nothing is due or `end` (monotonic seconds); yield how many customers each batch met."""
        for begin in tasks:
            while time.monotonic() < end and (customers := self.run_once(begin)) is not None:
                yield customers

    def run_once(self, begin: Begin) -> int | None:
        """Do one batch of a slot, and hint at its customers once it is committed.

        Return how many it met, None where nothing is due or somebody else is at it.
        """
        subjects = retrying(self._engine, lambda connection: self._step(connection, begin))
        if subjects is None:
            return None
        self._hints.look_at(subjects)
        return len(subjects)

    def _step(self, connection: Connection, begin: Begin) -> list[str] | None:
        task = begin(connection)
        cron = schedules.lock(connection, task.name) if task is not None else None
        if task is None or cron is None:
            return None
        now = self._clock.now()
        slot, following = (cron.slot, None) if cron.slot is not None else task.due(cron.last_slot, now)
        if slot is None:
            schedules.rest(connection, task.name, following)
            return None
        last = schedules.batch_end(connection, cron.cursor, self._batch)
        if last is None:
            schedules.finish(connection, task.name, slot)
            task.finished(slot)
            return []
        subjects = task.do(SlotBatch(slot, cron.cursor, last, cron.last_slot, now))
        schedules.advance(connection, task.name, slot, last)
        return subjects
