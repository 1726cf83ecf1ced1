"""Deciding under customers' locks: all at once, one by one where that fails, and the one at fault put off or set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy import Connection, Engine

from engine.core.customers.customer import Customer
from engine.core.definitions.catalog import Definitions
from engine.core.delivery.reschedule import Queued
from engine.runtime import Runtime
from engine.store.database import DatabaseUnavailable, Row, retrying, transaction
from engine.store.state import customers
from engine.store.state.loading import Needs, load

log = structlog.get_logger()

T = TypeVar("T")
F = TypeVar("F")

_LATER = timedelta(minutes=1)
"""So long a touch is left alone about which nothing could be decided."""


def attempt(engine: Engine, work: Callable[[Connection], T], failed: Callable[[Exception], F]) -> T | F:
    """Run `work` in a transaction, again after a deadlock; where it fails, return what `failed` makes of the error.

    Raises DatabaseUnavailable where the database is away: then nothing is at fault, and nothing is put off or set aside.
    """
    try:
        return retrying(engine, work)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        failure = error
    return failed(failure)


def all_or_each(
    engine: Engine,
    together: Callable[[Connection], T],
    singly: Callable[[], Iterable[T]],
    event: str,
    **about: object,
) -> list[T]:
    """Do all in one transaction; if that fails, each on its own, so that one cannot hold up the others. Return what each came to.

    Parameters:
        together: does all; one result.
        singly: does one after the other, each with a transaction and an answer to its failure of its own (`attempt`).
        event: is logged, with `about`, where not all could be done together.

    Raises DatabaseUnavailable where the database is away.
    """

    def one_by_one(error: Exception) -> list[T]:
        log.warning(event, **about, error=type(error).__name__)
        return list(singly())

    return attempt(engine, lambda connection: [together(connection)], one_by_one)


@dataclass(frozen=True, slots=True)
class LockedCustomers:
    """What is decided with: customers whose rows are locked, as they are now."""

    rows: Sequence[Row]
    """The touches looked at: id, customer_id."""
    known: Mapping[int, Customer]
    definitions: Definitions
    now: datetime

    def queued(self, row: Row) -> Queued:
        """Return a touch as gates and fallbacks see it."""
        customer = self.known[row.customer_id]
        timeline = next((each for each in customer.timelines if each.id == row.timeline_id), None)
        return Queued(
            row.id, customer, timeline, row.sop, row.step, row.kind, row.channel, row.due_at, row.limit_at, row.counted_on
        )  # fmt: skip


Decide = Callable[[Connection, LockedCustomers], int]
Postpone = Callable[[Connection, int, datetime], None]


class LockedBatch:
    """Runs decisions about touches; one that fails keeps neither the others nor the planning after it from going on."""

    def __init__(self, runtime: Runtime, name: str) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._current, self._name = runtime.definitions, name

    def run(self, touches: Sequence[Row], decide: Decide, postpone: Postpone) -> int:
        """Decide about these touches and return what `decide` counts. Raises DatabaseUnavailable where the database is away.

        Parameters:
            touches: id and customer_id of each, as they were a moment ago; `decide` reads them again.
            postpone: leaves a touch alone until a moment, where nothing could be decided.
        """
        if not touches:
            return 0

        def together(connection: Connection) -> int:
            return decide(connection, self._lock(connection, touches))

        def singly() -> Iterator[int]:
            return (self._alone(row, decide, postpone) for row in touches)

        return sum(all_or_each(self._engine, together, singly, f"{self._name}.batch_failed", touches=len(touches)))

    def _alone(self, row: Row, decide: Decide, postpone: Postpone) -> int:
        def failed(error: Exception) -> int:
            log.error(f"{self._name}.failed", touch=row.id, customer=row.customer_id, error=type(error).__name__)
            with transaction(self._engine) as connection:
                postpone(connection, row.id, self._clock.now() + _LATER)
            return 0

        return attempt(self._engine, lambda connection: decide(connection, self._lock(connection, [row])), failed)

    def _lock(self, connection: Connection, touches: Sequence[Row]) -> LockedCustomers:
        """Lock the customers' rows, then read all that decisions need."""
        now = self._clock.now()
        locked = customers.lock_by_id(connection, sorted({row.customer_id for row in touches}))
        definitions = self._current.read(connection)
        known = load(connection, locked, Needs.CAPS, definitions, now=now)
        return LockedCustomers(touches, known, definitions, now)
