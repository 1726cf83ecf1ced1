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

import structlog
from sqlalchemy import Connection, Engine

from engine.core.definitions.catalog import Definitions, number_crons
from engine.core.time import cron
from engine.definitions_in_force import CurrentDefinitions
from engine.ports import Clock, HintQueue
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

    def __init__(
        self, engine: Engine, clock: Clock, hints: HintQueue, current: CurrentDefinitions, batch: int = 5_000
    ) -> None:
        self._engine, self._clock, self._hints, self._current, self._batch = engine, clock, hints, current, batch

    def run(self, seconds: float = 20.0) -> Refreshed:
        """Do what is due, for `seconds` at most; the rest is done by the next run, from where this one stopped."""
        done, end = Refreshed(), time.monotonic() + seconds
        definitions = retrying(self._engine, self._begin)
        numbers = retrying(self._engine, lambda connection: self._compute(connection, definitions))
        if numbers is None:
            return done  # somebody else computes what dimensions are to follow from
        done.numbers = numbers
        for name in definitions.segments.dimensions:
            while time.monotonic() < end and (moves := self.run_once(name)) is not None:
                done.moves += moves
                done.batches += 1
        return done

    def run_once(self, name: str) -> int | None:
        """Do one batch of a dimension's slot, and hint at its customers once it is committed.

        Return how many move, None where nothing is due or somebody else is at it.
        """
        subjects = retrying(self._engine, lambda connection: self._step(connection, name))
        if subjects is None:
            return None
        self._hints.look_at(subjects)
        return len(subjects)

    def _begin(self, connection: Connection) -> Definitions:
        definitions = self._current.read(connection)
        names = [*_metrics_name(definitions), *map(_cron_name, definitions.segments.dimensions)]
        metrics.keep(connection, names, self._clock.now())
        return definitions

    def _compute(self, connection: Connection, definitions: Definitions) -> int | None:
        """Compute numbers if they are due; return how many customers' changed, None where somebody else is at it.

        The generation is not held: this can take a while, and what was computed for an older one is only computed again.
        """
        for name in _metrics_name(definitions):
            held = schedules.lock(connection, name)
            if held is None:
                return None
            now, expressions = self._clock.now(), number_crons(definitions)
            slot = held.slot or _due(expressions, definitions, held.last_slot, now)
            if slot is None:
                schedules.rest(connection, name, _following(expressions, definitions, now))
                return 0
            changed = metrics.refresh(connection, definitions.segments.stored_metrics, slot)
            schedules.finish(connection, name, slot)
            schedules.rest(connection, name, _following(expressions, definitions, now))
            log.info("metrics.refreshed", slot=slot.isoformat(), customers=changed)
            return changed
        return 0

    def _step(self, connection: Connection, name: str) -> list[str] | None:
        definitions = self._current.read(connection)
        dimension, held = definitions.segments.dimensions.get(name), schedules.lock(connection, _cron_name(name))
        if dimension is None or held is None:
            return None
        now = self._clock.now()
        slot = held.slot or _due([dimension.refresh], definitions, held.last_slot, now)
        if slot is None:
            schedules.rest(connection, _cron_name(name), _following([dimension.refresh], definitions, now))
            return None
        last = schedules.batch_end(connection, held.cursor, self._batch)
        if last is None:
            schedules.finish(connection, _cron_name(name), slot)
            log.info("dimension.refreshed", dimension=name, slot=slot.isoformat())
            return []
        value = segment_moves.value_of(name, dimension, definitions, slot)
        this_refresh = segment_moves.Refresh(slot, now, quiet=slot == held.last_slot)
        subjects = segment_moves.insert_moves(connection, value, this_refresh, held.cursor, last)
        schedules.advance(connection, _cron_name(name), slot, last)
        return subjects


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
