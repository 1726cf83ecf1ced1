"""Sweeping: whoever has become silent is found when they do. Only inserts events; the matcher applies them like any other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

import structlog

from engine.core.time import cron
from engine.runtime import Runtime
from engine.store.database import retrying, transaction
from engine.store.scheduled import silence_sweep
from engine.store.state import concurrency

log = structlog.get_logger()


@dataclass(slots=True)
class Swept:
    """What one sweep found."""

    crossings: int = 0
    """Customers who crossed a threshold, counted once a batch."""
    batches: int = 0
    finished: bool = False
    """Everything that was due has been looked at."""


class SilenceSweeper:
    """Finds crossings of silence thresholds.

    Parameters:
        expression: a cron expression; sweeps at its slots in the engine's zone, else whenever asked.
        batch: so many clocks in one transaction.
    """

    def __init__(
        self,
        runtime: Runtime,
        expression: str | None = None,
        batch: int = 2_000,
    ) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._hints, self._current = runtime.hints, runtime.definitions
        self._expression, self._batch = expression, batch

    def run(self, seconds: float = 20.0) -> Swept:
        """Insert events for everything due, for `seconds` at most; with a cron expression once for each slot that has come.

        A slot is done by one worker at a time and ends with the last of what is due: a worker that dies leaves it to the next.
        """
        if self._expression is None:
            return self._sweep(seconds)
        with concurrency.limit(self._engine, "sweep", 1) as mine:
            slot = self._slot_due(self._expression) if mine else None
            if slot is None:
                return Swept(finished=True)
            done = self._sweep(seconds)
            if done.finished:
                retrying(self._engine, lambda connection: silence_sweep.end_slot(connection, slot))
            return done

    def _slot_due(self, expression: str) -> datetime | None:
        """Return the newest slot that has come since the last one done, None where none has."""
        now = self._clock.now()
        with transaction(self._engine) as connection:
            zone_name = self._current.read(connection).engine.timezone
            done = silence_sweep.last_slot(connection, now)
        slot = cron.newest(expression, zone_name, now)
        return slot.at if slot is not None and slot.at > done else None

    def _sweep(self, seconds: float) -> Swept:
        """Go once through what is due, in order; what a batch left alone does not keep the next from being found."""
        done, after, end = Swept(), None, time.monotonic() + seconds
        while not done.finished and time.monotonic() < end:
            page = self.run_once(after)
            done.crossings += len(page.silent)
            done.batches += 1
            done.finished, after = page.last is None, page.last
        if done.crossings:
            log.info("sweep.found", crossings=done.crossings, batches=done.batches)
        return done

    def run_once(self, after: silence_sweep.Place | None = None) -> silence_sweep.Page:
        """Insert one batch, of those due behind `after`, and hint at its customers once it is committed."""
        now = self._clock.now()
        page = retrying(
            self._engine, lambda connection: silence_sweep.insert_crossings(connection, now, self._batch, after)
        )
        self._hints.look_at(page.silent if after else [*page.silent, *page.waiting])
        return page
