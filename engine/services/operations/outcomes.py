"""Waiting for what the matcher makes of an event."""

from __future__ import annotations

import time

from sqlalchemy import Engine

from engine.store.database import Row, transaction
from engine.store.state import events

_FIRST_LOOK, _SLOWEST_LOOK = 0.02, 0.5


class EventOutcomes:
    """Tells what events led to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def wait(self, event: int, seconds: float) -> Row | None:
        """Return the event (by its place in the inbox) once it is matched; None where it is not within `seconds`."""
        end, pause = time.monotonic() + seconds, _FIRST_LOOK
        while True:
            with transaction(self._engine) as connection:
                (row,) = events.outcomes(connection, [event])
            if row.matched_at is not None:
                return row
            if (left := end - time.monotonic()) <= 0:
                return None
            time.sleep(min(pause, left))
            pause = min(2 * pause, _SLOWEST_LOOK)
