"""Taking slots: when a date or a schedule's time has come, whom it concerns is found. Only inserts events; the matcher applies them.

Customers are looked at in batches by id; how far a slot has come is committed with each batch's events, whose ids are functions of
SOP, slot and customer: whoever crashes or runs beside, each customer enters at most once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial

import structlog
from sqlalchemy import Connection

from engine.core.conditions.portable_regex import NotPortable
from engine.core.definitions import DateMoment
from engine.core.definitions.catalog import Definitions, nested
from engine.core.events.event import Event
from engine.core.matching import schedules
from engine.core.matching.schedules import CAUGHT_UP, DateOrCronTrigger
from engine.core.time import cron
from engine.core.time.arithmetic import ONE_TICK, day_shift, local_date
from engine.core.time.iso8601 import as_date
from engine.runtime import Runtime
from engine.slot_runner import SlotBatch, SlotRunner
from engine.store.database import retrying
from engine.store.fragments import TRUE
from engine.store.scheduled import schedules as store
from engine.store.scheduled.condition_sql import select_sql
from engine.store.scheduled.schedules import Part
from engine.store.state import inbox

log = structlog.get_logger()


@dataclass(slots=True)
class Taken:
    """What one run found."""

    events: int = 0
    batches: int = 0


class ScheduleRunner:
    """Finds who enters SOPs by a date or a schedule."""

    def __init__(self, runtime: Runtime, batch: int = 5_000) -> None:
        self._engine, self._current = runtime.engine, runtime.definitions
        self._slots = SlotRunner(runtime, batch)

    def run(self, seconds: float = 20.0) -> Taken:
        """Take every slot that is due, for `seconds` at most; the rest is taken by the next run, from where this one stopped."""
        done, end = Taken(), time.monotonic() + seconds
        tasks = [partial(self._task, source=source) for source in retrying(self._engine, self._sources)]
        for entering in self._slots.run(tasks, end):
            done.events += entering
            done.batches += 1
        return done

    def run_once(self, source: DateOrCronTrigger) -> int | None:
        """Take one batch of a source's slot, and hint at its customers once it is committed.

        Return how many enter, None where nothing is due or somebody else is at it.
        """
        return self._slots.run_once(partial(self._task, source=source))

    def _sources(self, connection: Connection) -> list[DateOrCronTrigger]:
        definitions = self._current.read(connection)
        found = schedules.sources(definitions)
        store.keep(connection, [source.name for source in found], definitions.generation)
        return found

    def _task(self, connection: Connection, source: DateOrCronTrigger) -> _EntryTask:
        return _EntryTask(connection, source, self._current.read(connection))


@dataclass
class _EntryTask:
    """Finds whom a date or a schedule concerns when its time has come."""

    connection: Connection
    source: DateOrCronTrigger
    definitions: Definitions

    @property
    def name(self) -> str:
        return self.source.name

    @cached_property
    def zones(self) -> list[str]:
        """Zones whose midnights are slots; none for a schedule, which has a zone of its own."""
        if self.source.date is None:
            return []
        return sorted({self.source.zone_name, *store.zones(self.connection)})

    def due(self, last: datetime, now: datetime) -> tuple[datetime | None, datetime | None]:
        return _due(self.source, last, now, self.zones)

    def do(self, batch: SlotBatch) -> list[str]:
        part = _part(self.source, self.definitions, batch)
        run = SlotRun(self.source, batch.slot, self.zones, part)
        events = _entering(self.connection, run, self.definitions, batch.now)
        subjects = inbox.add_made(self.connection, events, batch.now)
        if events:
            log.info("slot.taken", sop=self.source.sop, slot=batch.slot.isoformat(), customers=len(events))
        return sorted(subjects)

    def finished(self, slot: datetime) -> None:
        """Nothing more is to do."""


@dataclass(frozen=True, slots=True)
class SlotRun:
    """A source's slot for some of the customers."""

    source: DateOrCronTrigger
    slot: datetime
    zones: Sequence[str]
    part: Part


def _due(
    source: DateOrCronTrigger, last: datetime, now: datetime, zones: Sequence[str]
) -> tuple[datetime | None, datetime | None]:
    """Return the slot to take after `last`, None where none is due, and when the next one is."""
    if source.date is not None:
        due = next(iter(schedules.midnights(zones, max(last, now - CAUGHT_UP), now)), None)
        return due, None if due else schedules.next_midnight(zones, now)
    newest = cron.newest(source.schedule.cron, source.zone_name, now)
    if newest is not None and newest.at > last:
        return newest.at, None
    following = cron.following(source.schedule.cron, source.zone_name, max(last, now))
    return None, following.at if following else None


def _entering(connection: Connection, run: SlotRun, definitions: Definitions, now: datetime) -> list[Event]:
    """Return the starts of those of the customers whom the slot concerns."""
    source = run.source
    if source.date is not None:
        return _by_date(connection, run, source.date, definitions, now)
    named = cron.newest(source.schedule.cron, source.zone_name, run.slot)
    assert named is not None
    return [schedules.schedule_event(source, ref, named, now) for ref in store.refs(connection, run.part)]


def _by_date(
    connection: Connection, run: SlotRun, moment: DateMoment, definitions: Definitions, now: datetime
) -> list[Event]:
    """Return the starts of those whose date is met `lead` days after the day that begins at this moment where they live."""
    source, slot = run.source, run.slot
    meant = schedules.midnights(run.zones, slot - ONE_TICK, slot).get(slot, [])
    days = {zone_name: day_shift(local_date(slot, zone_name), source.lead) for zone_name in meant}
    declared = definitions.engine.attributes.get(moment.attribute)
    default = str(declared.default) if declared and declared.default is not None else None
    near = schedules.month_days_around(days.values())
    events = []
    search = store.DateSearch(moment.attribute, default, meant, definitions.engine.timezone, near)
    for row in store.with_date(connection, run.part, search):
        zone_name = definitions.zone_of(row.timezone)
        named, day = as_date(row.value, zone_name), days[zone_name]
        if named is not None and schedules.is_met(named, day, moment.every):
            events.append(schedules.date_event(source, row.ref, day, zone_name, now))
    return events


def _part(source: DateOrCronTrigger, definitions: Definitions, batch: SlotBatch) -> Part:
    """Return the customers of a batch for whom the SOP's `when` holds; all of them where SQL cannot ask: the matcher decides anyway."""
    sop = definitions.sop(source.sop)
    when = sop.when if sop else None
    if any(each.event for each in nested(when)):
        return Part(batch.after, batch.last, TRUE)
    try:
        return Part(batch.after, batch.last, select_sql(when, definitions, batch.now))
    except NotPortable:
        return Part(batch.after, batch.last, TRUE)
