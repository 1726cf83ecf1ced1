"""Setting clocks anew when their definition has changed: in the background, in batches, under the customers' locks.

Thresholds already past are crossed quietly: nobody starts anything by that, but the lifecycle is right afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from engine.core.customers.silence import bring_in_line
from engine.runtime import Runtime
from engine.store.database import retrying, transaction
from engine.store.scheduled import clock_rebase as store
from engine.store.state import concurrency, customers

log = structlog.get_logger()

Progress = Callable[[int, int], None]
"""Told after each batch: customers up to this id are done, of this highest id."""


@dataclass(slots=True)
class Rethresholded:
    """What one run did."""

    customers: int = 0
    finished: bool = True
    """Every clock is as defined."""


class ClockRebaser:
    """Brings clocks in line with the definitions in force."""

    def __init__(self, runtime: Runtime, batch: int = 1_000) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._current, self._batch = runtime.definitions, batch

    def run(self, seconds: float | None = None, progress: Progress = lambda done, last: None) -> Rethresholded:
        """Set clocks anew until all are as defined, for `seconds` at most. One process does it at a time; another goes on after it."""
        done, end = Rethresholded(), None if seconds is None else time.monotonic() + seconds
        with concurrency.limit(self._engine, "rethreshold", 1) as mine:
            if not mine:
                return Rethresholded(finished=False)
            last = self._last_customer()
            while last is not None and (part := retrying(self._engine, self._do_batch)) is not None:
                number, cursor = part
                done.customers += number
                progress(cursor, max(last, cursor))
                if end is not None and time.monotonic() > end:
                    done.finished = False
                    break
        if done.customers:
            log.info("rethreshold.done" if done.finished else "rethreshold.under_way", customers=done.customers)
        return done

    def _last_customer(self) -> int | None:
        """Return the highest id to come to, None where there is nothing to do."""
        with transaction(self._engine) as connection:
            return store.last_customer(connection) if store.under_way(connection) is not None else None

    def _do_batch(self, connection: Connection) -> tuple[int, int] | None:
        """Set the next customers' clocks anew; return how many and the last id, None where all are done."""
        before = store.under_way(connection)
        if before is None:
            return None
        now = self._clock.now()
        ids = store.customers_after(connection, before, self._batch)
        if not ids:
            store.finish(connection, before, now)
            return 0, before
        locked = customers.lock_by_id(connection, ids)
        definitions = self._current.read(connection)
        known = store.load(connection, locked)
        for customer in known.values():
            bring_in_line(customer, definitions, now)
        customers.write(connection, known.values())
        store.drop_undefined(connection, locked, definitions)
        store.advance(connection, before, ids[-1])
        return len(locked), ids[-1]
