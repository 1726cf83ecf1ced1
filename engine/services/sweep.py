"""Sweeping: whoever has become silent is found when they do. Only inserts events; the matcher applies them like any other."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Engine

from engine.ports import Clock, HintQueue
from engine.store import silence
from engine.store.database import retrying


@dataclass(slots=True)
class Swept:
    """What one sweep found."""

    crossings: int = 0
    batches: int = 0


class Sweeping:
    """Finds crossings of silence thresholds."""

    def __init__(self, engine: Engine, clock: Clock, hints: HintQueue, batch: int = 2_000) -> None:
        self._engine, self._clock, self._hints, self._batch = engine, clock, hints, batch

    def run(self, seconds: float = 20.0) -> Swept:
        """Insert events until no crossing is due, for `seconds` at most."""
        done, end = Swept(), time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.run_once()
            done.crossings += found
            done.batches += 1
            if found < self._batch:
                break
        return done

    def run_once(self) -> int:
        """Insert one batch, and hint at its customers once it is committed; return how many."""
        now = self._clock.now()
        subjects = retrying(self._engine, lambda connection: silence.insert_crossings(connection, now, self._batch))
        self._hints.look_at(subjects)
        return len(subjects)
