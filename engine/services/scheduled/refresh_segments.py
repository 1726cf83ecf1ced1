"""Refreshing: at their slots, numbers are computed anew and customers moved between the values of computed dimensions.

Numbers come first, in one statement. Dimensions follow in batches of customers; how far a slot has come is committed with each
batch's events, whose ids are functions of dimension, slot and customer. Only inserts events; the matcher applies them like any other.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import Connection

from engine.core.definitions.catalog import Definitions, number_crons
from engine.core.definitions.segments import ComputedDimension
from engine.core.time import cron
from engine.runtime import Runtime
from engine.slot_runner import SlotBatch, SlotRunner
from engine.store.database import retrying
from engine.store.scheduled import schedules, segment_moves
from engine.store.state import metrics

log = structlog.get_logger()


@dataclass(slots=True)
class Refreshed:
    """What one run did."""

    numbers: int = 0
    """Customers whose numbers changed."""
    moves: int = 0
    """Customers moved from one value to another."""
    batches: int = 0


class SegmentRefresher:
    """Refreshes metrics and computed dimensions at their slots."""

    def __init__(self, runtime: Runtime, batch: int = 5_000) -> None:
        self._engine, self._clock, self._current = runtime.engine, runtime.clock, runtime.definitions
        self._slots = SlotRunner(runtime, batch)

    def run(self, seconds: float = 20.0) -> Refreshed:
        """Do what is due, for `seconds` at most; the rest is done by the next run, from where this one stopped."""
        done, end = Refreshed(), time.monotonic() + seconds
        definitions = retrying(self._engine, self._begin)
        numbers = retrying(self._engine, lambda connection: self._compute(connection, definitions))
        if numbers is None:
            return done  # somebody else computes what dimensions are to follow from
        done.numbers = numbers
        dimensions = [partial(self._task, name=name) for name in definitions.segments.dimensions]
        for moves in self._slots.run(dimensions, end):
            done.moves += moves
            done.batches += 1
        return done

    def run_once(self, name: str) -> int | None:
        """Do one batch of a dimension's slot, and hint at its customers once it is committed.

        Return how many move, None where nothing is due or somebody else is at it.
        """
        return self._slots.run_once(partial(self._task, name=name))

    def _begin(self, connection: Connection) -> Definitions:
        definitions = self._current.read(connection)
        names = [*_metrics_name(definitions), *map(_cron_name, definitions.segments.dimensions)]
        metrics.keep(connection, names, self._clock.now())
        return definitions

    def _compute(self, connection: Connection, definitions: Definitions) -> int | None:
        """Compute numbers if they are due; return how many customers' changed, None where somebody else is at it.

        The generation is not locked: this can take a while, and what was computed for an older one is only computed again.
        """
        for name in _metrics_name(definitions):
            locked = schedules.lock(connection, name)
            if locked is None:
                return None
            now, expressions = self._clock.now(), number_crons(definitions)
            slot = locked.slot or _due(expressions, definitions, locked.last_slot, now)
            if slot is None:
                schedules.rest(connection, name, _following(expressions, definitions, now))
                return 0
            changed = metrics.refresh(connection, definitions.segments.stored_metrics, slot)
            schedules.finish(connection, name, slot)
            schedules.rest(connection, name, _following(expressions, definitions, now))
            log.info("metrics.refreshed", slot=slot.isoformat(), customers=changed)
            return changed
        return 0

    def _task(self, connection: Connection, name: str) -> _DimensionTask | None:
        definitions = self._current.read(connection)
        dimension = definitions.segments.dimensions.get(name)
        return None if dimension is None else _DimensionTask(connection, definitions, name, dimension)


@dataclass(frozen=True, slots=True)
class _DimensionTask:
    """Moves customers between the values of a computed dimension."""

    connection: Connection
    definitions: Definitions
    dimension: str
    defined: ComputedDimension

    @property
    def name(self) -> str:
        return _cron_name(self.dimension)

    def due(self, last: datetime, now: datetime) -> tuple[datetime | None, datetime | None]:
        expressions = [self.defined.refresh]
        slot = _due(expressions, self.definitions, last, now)
        return slot, None if slot else _following(expressions, self.definitions, now)

    def do(self, batch: SlotBatch) -> list[str]:
        value = segment_moves.value_of(self.dimension, self.defined, self.definitions, batch.slot)
        this_refresh = segment_moves.Refresh(batch.slot, batch.now, quiet=batch.slot == batch.last_slot)
        return segment_moves.insert_moves(self.connection, value, this_refresh, batch.after, batch.last)

    def finished(self, slot: datetime) -> None:
        log.info("dimension.refreshed", dimension=self.dimension, slot=slot.isoformat())


def _cron_name(dimension: str) -> str:
    return f"dimension:{dimension}"


def _metrics_name(definitions: Definitions) -> list[str]:
    """Return the name numbers are refreshed under, made of their definition, so that new ones are computed at once; none for none."""
    stored = definitions.segments.stored_metrics
    text = repr(sorted((name, metric.model_dump_json()) for name, metric in stored.items()))
    return [f"metrics:{hashlib.sha256(text.encode()).hexdigest()[:16]}"] if stored else []


def _due(expressions: Iterable[str], definitions: Definitions, last: datetime, now: datetime) -> datetime | None:
    """Return the newest slot after `last`; of several missed ones the others are left out."""
    slots = [
        found.at
        for each in expressions
        if (found := cron.newest(each, definitions.engine.timezone, now)) and found.at > last
    ]
    return max(slots, default=None)


def _following(expressions: Iterable[str], definitions: Definitions, now: datetime) -> datetime | None:
    slots = [found.at for each in expressions if (found := cron.following(each, definitions.engine.timezone, now))]
    return min(slots, default=None)
