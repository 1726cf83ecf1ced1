"""Taking slots: when a date or a schedule's time has come, whom it concerns is found. Only inserts events; the matcher applies them.

Customers are looked at in batches by id; how far a slot has come is committed with each batch's events, whose ids are functions of
SOP, slot and customer: whoever crashes or runs beside, each customer enters at most once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine

from engine.core.conditions.portable_regex import NotPortable
from engine.core.definitions import DateMoment
from engine.core.definitions.catalog import Definitions, nested
from engine.core.events.event import Event
from engine.core.matching import schedules
from engine.core.matching.schedules import CAUGHT_UP, DateOrCronTrigger
from engine.core.time import cron
from engine.core.time.arithmetic import day_shift, local_date
from engine.core.timelines.schedule import as_date
from engine.definitions_in_force import CurrentDefinitions
from engine.ports import Clock, HintQueue
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

    def __init__(
        self, engine: Engine, clock: Clock, hints: HintQueue, current: CurrentDefinitions, batch: int = 5_000
    ) -> None:
        self._engine, self._clock, self._hints, self._current, self._batch = engine, clock, hints, current, batch

    def run(self, seconds: float = 20.0) -> Taken:
        """Take every slot that is due, for `seconds` at most; the rest is taken by the next run, from where this one stopped."""
        done, end = Taken(), time.monotonic() + seconds
        for source in retrying(self._engine, self._sources):
            while time.monotonic() < end and (found := self.run_once(source)) is not None:
                done.events += found
                done.batches += 1
        return done

    def run_once(self, source: DateOrCronTrigger) -> int | None:
        """Take one batch of a source's slot, and hint at its customers once it is committed.

        Return how many enter, None where nothing is due or somebody else is at it.
        """
        subjects = retrying(self._engine, lambda connection: self._step(connection, source))
        if subjects is None:
            return None
        self._hints.look_at(subjects)
        return len(subjects)

    def _sources(self, connection: Connection) -> list[DateOrCronTrigger]:
        definitions = self._current.read(connection)
        found = schedules.sources(definitions)
        store.keep(connection, [source.name for source in found], definitions.generation)
        return found

    def _step(self, connection: Connection, source: DateOrCronTrigger) -> list[str] | None:
        definitions = self._current.read(connection)
        held = store.lock(connection, source.name)
        if held is None:
            return None
        now = self._clock.now()
        zones = self._zones(connection, source)
        slot, following = (held.slot, None) if held.slot is not None else _due(source, held.last_slot, now, zones)
        if slot is None:
            store.rest(connection, source.name, following)
            return None
        last = store.batch_end(connection, held.cursor, self._batch)
        if last is None:
            store.finish(connection, source.name, slot)
            return []
        part = _part(source, definitions, held.cursor, last, now)
        events = _entering(connection, source, definitions, slot, zones, part, now)
        subjects = inbox.add_made(connection, events, now)
        store.advance(connection, source.name, slot, last)
        if events:
            log.info("slot.taken", sop=source.sop, slot=slot.isoformat(), customers=len(events))
        return sorted(subjects)

    @staticmethod
    def _zones(connection: Connection, source: DateOrCronTrigger) -> list[str]:
        return sorted({source.zone_name, *store.zones(connection)}) if source.date is not None else []


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


def _entering(
    connection: Connection,
    source: DateOrCronTrigger,
    definitions: Definitions,
    slot: datetime,
    zones: Sequence[str],
    part: Part,
    now: datetime,
) -> list[Event]:
    """Return the starts of those of the customers whom the slot concerns."""
    if source.date is not None:
        return _by_date(connection, source, source.date, definitions, slot, zones, part, now)
    named = cron.newest(source.schedule.cron, source.zone_name, slot)
    assert named is not None
    return [schedules.schedule_event(source, ref, named, now) for ref in store.refs(connection, part)]


def _by_date(
    connection: Connection,
    source: DateOrCronTrigger,
    moment: DateMoment,
    definitions: Definitions,
    slot: datetime,
    zones: Sequence[str],
    part: Part,
    now: datetime,
) -> list[Event]:
    """Return the starts of those whose date is met `lead` days after the day that begins at this moment where they live."""
    meant = schedules.midnights(zones, slot - schedules.ONE_TICK, slot).get(slot, [])
    days = {zone_name: day_shift(local_date(slot, zone_name), source.lead) for zone_name in meant}
    declared = definitions.engine.attributes.get(moment.attribute)
    default = str(declared.default) if declared and declared.default is not None else None
    near = schedules.month_days_around(days.values())
    events = []
    search = store.DateSearch(moment.attribute, default, meant, definitions.engine.timezone, near)
    for row in store.with_date(connection, part, search):
        zone_name = definitions.zone_of(row.timezone)
        named, day = as_date(row.value, zone_name), days[zone_name]
        if named is not None and schedules.is_met(named, day, moment.every):
            events.append(schedules.date_event(source, row.ref, day, zone_name, now))
    return events


def _part(source: DateOrCronTrigger, definitions: Definitions, after: int, last: int, now: datetime) -> Part:
    """Return the customers of a batch for whom the SOP's `when` holds; all of them where SQL cannot ask: the matcher decides anyway."""
    sop = definitions.sop(source.sop)
    when = sop.when if sop else None
    if any(each.event for each in nested(when)):
        return Part(after, last, TRUE)
    try:
        return Part(after, last, select_sql(when, definitions, now))
    except NotPortable:
        return Part(after, last, TRUE)
