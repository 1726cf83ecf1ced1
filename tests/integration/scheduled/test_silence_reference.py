"""The engine against a reference that knows nothing of it: 18 months of purchases, every crossing compared, episode by episode.

The reference walks through each customer's calendar day by day. The engine lives through the same months on real PostgreSQL: at
every midnight of every zone it is given what has been bought, sweeps, and matches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from engine.clocks import VirtualClock
from engine.definitions_in_force import CurrentDefinitions
from engine.ports import Hint
from engine.runtime import Runtime
from engine.services.pipeline.match import Matcher
from engine.services.rollout.apply import DefinitionApplier
from engine.services.scheduled.sweep_silence import SilenceSweeper
from engine.store.database import rows, run, transaction
from engine.wiring import CHANNEL_TYPES
from tests.support.pipeline import sources

CUSTOMERS, PURCHASES = 20_000, 60_000
BEGIN, END = datetime(2027, 9, 1, tzinfo=UTC), datetime(2029, 3, 2, tzinfo=UTC)
"""Eighteen months with a leap day and three changes of the clocks."""
LEVELS = {64: "沉默期", 127: "睡眠期", 366: "流失期"}
ZONES = ("Asia/Shanghai", "America/Santiago", "Atlantic/Azores")
"""Without summer time; with it, and days that have no midnight; with it, and midnights that come twice."""
HALF_HOUR = timedelta(minutes=30)

ENGINE = """
timezone: Asia/Shanghai
clocks: {purchase: {kinds: [purchase], lifecycle: {活跃期: 0, 沉默期: 64, 睡眠期: 127, 流失期: 366}}}
channels: {log: {type: log}}
"""
SOP = """
sop: nobody
title: 无人
trigger: [{tag_added: 无}]
steps: [{id: a, after: 1m, do: [{add_tag: 无}]}]
"""


class Purchase(NamedTuple):
    time: datetime
    customer: str


class Crossing(NamedTuple):
    customer: str
    days: int
    last: datetime
    at: datetime


def zone_of(number: int) -> str:
    """Return a customer's zone; the engine's own for most."""
    return ZONES[number % 10 if number % 10 < len(ZONES) else 0]


def purchase_log(random: Random) -> list[Purchase]:
    """Return who bought when, in order: some buy often, some rarely, some once; many at the edges of a day or of a threshold."""
    log = []
    for number in range(CUSTOMERS):
        zone, pause = ZoneInfo(zone_of(number)), random.choice([110, 190, 250, 400])
        day = BEGIN.date() + timedelta(days=1 + random.randrange(250))
        while day < END.date() - timedelta(days=1):
            clock = random.choice(
                [(0, 0, 1), (23, 59, 59), (random.randrange(24), random.randrange(60), random.randrange(60))]
            )
            log.append(
                Purchase(datetime(day.year, day.month, day.day, *clock, tzinfo=zone).astimezone(UTC), f"c{number}")
            )
            exact = random.choice([63, 64, 65, 127, 128, 366, 367])
            day += timedelta(days=exact if random.random() < 0.25 else 1 + int(random.expovariate(1 / pause)))
    return sorted(log)


# ── the reference ────────────────────────────────────────────────────────────────────────────────────────────


def first_moments(zone_name: str) -> dict[date, datetime]:
    """Return when each calendar day begins, found by looking at the zone's clocks every half hour."""
    begins: dict[date, datetime] = {}
    moment, zone = BEGIN - timedelta(days=2), ZoneInfo(zone_name)
    while moment < END + timedelta(days=2):
        begins.setdefault(moment.astimezone(zone).date(), moment)
        moment += HALF_HOUR
    return begins


def reference(
    customer: str, bought: Sequence[datetime], zone_name: str, begins: dict[date, datetime]
) -> Iterator[Crossing]:
    """Walk through the customer's calendar; a day that begins 64, 127 or 366 days after the last purchase is a crossing."""
    zone = ZoneInfo(zone_name)
    by_day: dict[date, datetime] = {}
    for moment in bought:
        by_day[moment.astimezone(zone).date()] = moment
    last, last_day, day = None, None, min(by_day)
    while begins[day] <= END:
        if last is not None and last_day is not None and (day - last_day).days in LEVELS:
            yield Crossing(customer, (day - last_day).days, last, begins[day])
        if day in by_day:
            last, last_day = by_day[day], day
        day += timedelta(days=1)


# ── the engine ───────────────────────────────────────────────────────────────────────────────────────────────


class Noted:
    """A queue of hints that lives in this process."""

    def __init__(self) -> None:
        self._subjects: dict[str, None] = {}

    def look_at(self, subjects: Sequence[str], *, careful: bool = False) -> None:
        self._subjects |= dict.fromkeys(subjects)

    def look_for_due(self) -> None:
        """Nobody waits for it here."""

    def take(self, limit: int, wait: float) -> list[Hint]:
        taken = list(self._subjects)[:limit]
        for subject in taken:
            del self._subjects[subject]
        return [Hint("", subject) for subject in taken]

    def done(self, ids: Sequence[str]) -> None:
        """Taken is done."""

    def length(self) -> int:
        return len(self._subjects)


class Life:
    """The services that live through the months."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.clock, self.hints = engine, VirtualClock(BEGIN), Noted()
        runtime = Runtime(engine, self.clock, self.hints, CurrentDefinitions(CHANNEL_TYPES))
        DefinitionApplier(runtime).apply(sources(SOP, engine=ENGINE), "somebody")
        self.matching = Matcher(runtime)
        self.sweeping = SilenceSweeper(runtime, batch=97)
        self.run("insert into customers (ref, timezone) select * from unnest(cast(:refs as text[]), cast(:zones as text[]))",
                 refs=[f"c{number}" for number in range(CUSTOMERS)],
                 zones=[None if zone_of(number) == ZONES[0] else zone_of(number) for number in range(CUSTOMERS)])  # fmt: skip

    def run(self, statement: str, **values: object) -> None:
        with transaction(self.engine) as connection:
            run(connection, statement, **values)

    def live(self, log: Sequence[Purchase], moments: Sequence[datetime], random: Random) -> None:
        """Go from moment to moment: what was bought before comes in, in any order, then the sweep, then both are matched."""
        done = 0
        for moment in moments:
            self.clock.at, begin = moment, done
            while done < len(log) and log[done].time < moment:
                done += 1
            if done > begin:
                self.buy(random.sample(range(begin, done), done - begin), log)
            self.sweeping.run()
            while hints := self.hints.take(5_000, 0):
                self.matching.run_once(hints)

    def buy(self, numbers: Sequence[int], log: Sequence[Purchase]) -> None:
        """Put purchases into the inbox, every ninth of them twice under different ids."""
        ids = [
            *((number, f"p{number}") for number in numbers),
            *((number, f"again{number}") for number in numbers if number % 7 == 0),
        ]
        self.run(
            """insert into events (source, event_id, type, subject, time, received_at, data, body_hash)
               select 'crm', v.id, 'purchase', v.subject, v.time, :now, jsonb_build_object('order', v.id, 'amount', 1), ''
               from unnest(cast(:ids as text[]), cast(:subjects as text[]), cast(:times as timestamptz[])) v(id, subject, time)""",
            now=self.clock.at,
            ids=[id_ for _, id_ in ids],
            subjects=[log[number].customer for number, _ in ids],
            times=[log[number].time for number, _ in ids],
        )
        self.hints.look_at([log[number].customer for number in numbers])

    def crossings(self) -> set[Crossing]:
        """Return every silence event, all of which must have been applied."""
        with transaction(self.engine) as connection:
            found = rows(connection, "select subject, time, data, outcome from events where type = 'engine.silent'")
        assert all(row.outcome == {} for row in found)
        return {
            Crossing(row.subject, row.data["days"], datetime.fromisoformat(row.data["last_at"]), row.time)
            for row in found
        }

    def lifecycles(self) -> dict[str, str]:
        with transaction(self.engine) as connection:
            found = rows(
                connection, "select c.ref, d.value from customer_dimensions d join customers c on c.id = d.customer_id"
            )
        return {row.ref: row.value for row in found}

    def ways(self) -> dict[str, list[str]]:
        """Return the lifecycle values each customer went through, in order."""
        statement = """select c.ref, array_agg(h.value_after order by h.id) as went
                       from dimension_history h join customers c on c.id = h.customer_id group by 1"""
        with transaction(self.engine) as connection:
            return {row.ref: row.went for row in rows(connection, statement)}


def way(bought: Sequence[datetime], crossed: Sequence[Crossing]) -> list[str]:
    """Return the values that these purchases and crossings lead through."""
    told = sorted([*((each, "活跃期") for each in bought), *((each.at, LEVELS[each.days]) for each in crossed)])
    values = [value for _, value in told]
    return [value for before, value in zip([None, *values], values, strict=False) if value != before]


def test_the_engine_and_the_reference_agree_on_every_crossing(engine: Engine) -> None:
    log = purchase_log(Random(3))
    assert len(log) >= PURCHASES
    begins = {zone_name: first_moments(zone_name) for zone_name in ZONES}
    moments = sorted({moment for each in begins.values() for moment in each.values() if BEGIN <= moment <= END} | {END})
    life = Life(engine)
    life.live(log, moments, Random(4))

    bought: dict[str, list[datetime]] = {}
    for time, customer in log:
        bought.setdefault(customer, []).append(time)
    expected: dict[str, list[Crossing]] = {}
    for number in range(CUSTOMERS):
        if (customer := f"c{number}") in bought:
            expected[customer] = list(reference(customer, bought[customer], zone_of(number), begins[zone_of(number)]))
    everything = {crossing for each in expected.values() for crossing in each}
    assert {days: sum(each.days == days for each in everything) > 500 for days in LEVELS} == dict.fromkeys(LEVELS, True)
    found = life.crossings()
    assert (sorted(found - everything)[:5], sorted(everything - found)[:5]) == ([], [])
    ways = {customer: way(bought[customer], crossed) for customer, crossed in expected.items()}
    assert life.ways() == ways
    assert life.lifecycles() == {customer: values[-1] for customer, values in ways.items()}
