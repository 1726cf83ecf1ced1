"""Reconciling: what a crash or an emptied Redis left lying is found again in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection

from engine.clocks import LeaseClock
from engine.core.reasons import Reason
from engine.core.sentence import Sentence
from engine.core.timelines.touch import MAX_TRIES
from engine.definitions_in_force import CurrentChannels
from engine.runtime import Runtime
from engine.store.database import Row, retrying, transaction
from engine.store.reports import invariants as checks
from engine.store.state import inbox, staff_tasks, touches
from engine.store.state.touches import Result

log = structlog.get_logger()

_MOST_HINTS = 1_000
_SHORT = 1_000
"""Hints are written anew only while the stream is shorter than this: a long one needs no more of them."""
_MOST_LEASES = 500


@dataclass(slots=True)
class Reconciled:
    """What one run found and mended."""

    hinted: int = 0
    taken_back: int = 0
    unknown: int = 0
    called_back: int = 0
    violations: dict[str, int] = field(default_factory=dict)


class Reconciler:
    """Finds lost hints, ended leases and broken invariants."""

    def __init__(
        self,
        runtime: Runtime,
        leases: LeaseClock,
        channels: CurrentChannels,
    ) -> None:
        self._engine, self._clock, self._leases, self._hints = runtime.engine, runtime.clock, leases, runtime.hints
        self._channels, self._current = channels, runtime.definitions

    def run_once(self) -> Reconciled:
        """Mend what can be mended, count what must not be."""
        done = Reconciled()
        done.hinted = self.hint_waiting()
        self._end_leases(done)
        self._drop_removed_channels()
        done.called_back = self._call_back()
        with transaction(self._engine) as connection:
            done.violations = checks.count(connection, self._clock.now())
        for name, number in done.violations.items():
            log.error("reconcile.violation", invariant=name, rows=number)
        return done

    def hint_waiting(self) -> int:
        """Hint at customers whose events wait, the longest waiting first, while the stream is short."""
        if self._hints.length() >= _SHORT:
            return 0
        with transaction(self._engine) as connection:
            subjects = inbox.long_waiting(connection, _MOST_HINTS)
        self._hints.look_at(subjects)
        return len(subjects)

    def _end_leases(self, done: Reconciled) -> None:
        """Decide what becomes of touches whose sender died between the provider's call and its record."""
        now = self._clock.now()

        def work(connection: Connection) -> list[Result]:
            keyed = {name: channel.honours_key for name, channel in self._channels.read(connection).items()}
            found = touches.abandoned(connection, self._leases(connection), _MOST_LEASES)
            results = [
                _after_death(row, keyed[row.channel], now) for row in found if row.channel in keyed
            ]  # else: wait until it can be built
            if results:
                touches.record(connection, results, now)
            return results

        results = retrying(self._engine, work)
        done.unknown = sum(each.status == "unknown" for each in results)
        done.taken_back = len(results) - done.unknown

    def _call_back(self) -> int:
        """Call back what staff was handed just as its timeline ended, or before the customer opted out."""
        now = self._clock.now()
        return retrying(self._engine, lambda connection: staff_tasks.cancel_open(connection, now, _MOST_LEASES))

    def _drop_removed_channels(self) -> None:
        now = self._clock.now()

        def work(connection: Connection) -> None:
            current = self._current.read(connection)
            if current.generation:
                touches.without_channel(connection, sorted(current.engine.channels), now)

        retrying(self._engine, work)


def _after_death(row: Row, honours_key: bool, now: datetime) -> Result:
    """On a channel that honours keys the same bytes go again under the same key; elsewhere nobody knows.

    What goes again is bounded: a touch that kills its sender each time must not do so for ever.
    """
    if honours_key and row.attempt < MAX_TRIES:
        again = Sentence("the sender died; sent again under the same key")
        return Result(row.id, row.claim_no, "queued", "lost", Reason.RETRY, again, now)
    died = Sentence("the sender died between call and record")
    return Result(row.id, row.claim_no, "unknown", "lost", Reason.OUTCOME_UNKNOWN, died)
