"""The plan: what applying definitions would do to the customers as they are, worked out without writing anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import BaseModel
from sqlalchemy import Connection

from engine import definitions_yaml
from engine.core.customers import silence
from engine.core.customers.customer import Customer
from engine.core.definitions import EngineConfig, Model, Sop, StartExisting
from engine.core.definitions.catalog import Definitions
from engine.core.errors import DefinitionError, NotFound
from engine.core.rollout.basis import Basis, digest
from engine.core.rollout.diff import Difference, Version, differences
from engine.core.rollout.forecast import VolumeForecast, forecast_volume, self_starting
from engine.core.rollout.impact import (
    ExistingForecast,
    SopForecast,
    changes_of_customers,
    meeting,
    step_forecasts,
)
from engine.core.rollout.sample import CustomerSample, RolloutInput
from engine.core.sentence import Sentence
from engine.definitions_in_force import assembled
from engine.definitions_yaml import Loaded
from engine.definitions_yaml.loading import SEGMENTS_FILE
from engine.runtime import Runtime
from engine.store.database import Row, transaction
from engine.store.installation import installation_id
from engine.store.reports import plan_apply as store
from engine.store.scheduled import clock_rebase
from engine.store.state import definitions as definitions_store
from engine.store.state import inbox
from engine.store.state.loading import Needs, load

_BATCH = 500
_AS_A_PLANNER = Needs.TOUCHED | Needs.METRICS | Needs.STEPS | Needs.CAPS
Tell = Callable[[Sentence], None]
Sources = Mapping[str, tuple[str | None, str]]
"""File → the id of its SOP, None for what all share, and its text."""


@dataclass(frozen=True, slots=True)
class Target:
    """Definitions that may be applied."""

    sources: Sources
    loaded: Loaded
    back_to: int | None = None
    """The earlier generation they are those of; None: a folder's."""


@dataclass(slots=True)
class Plan:
    """What applying would do."""

    now: datetime
    zone: str
    basis: Basis
    differences: list[Difference]
    sops: list[SopForecast] = field(default_factory=list)
    """Of what is changed or removed and has timelines in flight."""
    existing: list[ExistingForecast] = field(default_factory=list)
    """Of what is new."""
    ahead: VolumeForecast | None = None
    """None where it was not asked for."""
    engine: EngineConfig = field(default_factory=EngineConfig)
    """As it would be."""

    @property
    def ending(self) -> int:
        """How many timelines end."""
        return sum(number for each in self.sops for number in each.ends.values())


@dataclass(slots=True)
class _Sides:
    """What is in force and what is to be, read in one snapshot."""

    generation: int
    before: Definitions
    after: Definitions
    in_force: list[Row]
    differences: list[Difference]
    clocks_differ: bool


class ApplyPlanner:
    """Works out what definitions would change. Writes nothing."""

    def __init__(self, runtime: Runtime, channel_types: Mapping[str, type[BaseModel]]) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._current, self._channel_types = runtime.definitions, channel_types

    def generation(self, number: int) -> Target:
        """Return the definitions of an earlier generation.

        Raises NotFound where there is none, DefinitionError where this version of the engine cannot apply them.
        """
        with transaction(self._engine) as connection:
            found, newest = definitions_store.in_force(connection, number), definitions_store.generation(connection)
        if not found:
            raise _no_generation(number, newest)
        loaded = definitions_yaml.load_sources({row.name: row.body for row in found}, self._channel_types)
        if loaded.errors:
            said = Sentence("generation {number} cannot be applied by this version of the engine:\n{problems}")
            problems = definitions_yaml.render_problems(loaded.errors)
            raise DefinitionError(said.with_values(number=number, problems=problems))
        return Target({row.name: (row.sop, row.body) for row in found}, loaded, number)

    def diff(self, target: Target) -> list[Difference]:
        """Return what differs between what is in force and the target."""
        with transaction(self._engine) as connection:
            store.pin_snapshot(connection)
            return self._sides(connection, target).differences

    def basis(self, target: Target) -> Basis:
        """Return what applying the target now would be based on."""
        with transaction(self._engine) as connection:
            store.pin_snapshot(connection)
            return _basis(self._sides(connection, target), target, store.in_flight(connection))

    def plan(self, target: Target, days: int | None = 14, sample: int = 2_000, tell: Tell = lambda said: None) -> Plan:
        """Return what applying the target would do.

        Parameters:
            days: what goes out is worked out for so many days ahead; None: not at all.
            sample: customers looked at for each SOP and for what goes out; where there are more, numbers are scaled up.
            tell: is told what is being worked out, which can take a while.
        """
        now = self._clock.now()
        with transaction(self._engine) as connection:
            store.pin_snapshot(connection)
            sides = self._sides(connection, target)
            waiting = store.in_flight(connection)
            engine, basis = sides.after.engine, _basis(sides, target, waiting)
            plan = Plan(now, engine.timezone, basis, sides.differences, engine=engine)
            samples = _Samples(connection, sides, now, sample)
            tell(Sentence("reading customers"))
            samples.take(waiting, days is not None and bool(sides.differences))
            change = samples.change()
        tell(Sentence("timelines in flight"))
        known = changes_of_customers({id_ for each in samples.of_sop.values() for id_ in each.ids}, change)
        plan.sops = [step_forecasts(sop, each, waiting[sop], known, change) for sop, each in samples.of_sop.items()]
        plan.existing = [
            meeting(sides.after.sops[sop].sop, mode, out, each, change)
            for sop, (mode, out, each) in samples.meeting.items()
        ]
        if days is not None and sides.differences:
            tell(Sentence("what goes out"))
            plan.ahead = forecast_volume(samples.playing, samples.joining(), change, now + timedelta(days=days))
        return plan

    def _sides(self, connection: Connection, target: Target) -> _Sides:
        generation = definitions_store.generation(connection)
        found = definitions_store.in_force(connection, generation)
        before = self._before(connection, generation)
        versions = _versions(target.sources, found)
        since, stored = clock_rebase.defined_since(connection), store.threshold_basis(connection)
        after = assembled(target.loaded, generation + 1, versions, {})
        after = replace(after, defined_since=silence.defined_since(after, stored, {**since}, self._clock.now()))
        wanted = silence.basis(after)
        differ = stored != wanted and bool(stored["clocks"] or wanted["clocks"])
        return _Sides(generation, before, after, found, _differences(found, before, target), differ)

    def _before(self, connection: Connection, generation: int) -> Definitions:
        """Return what is in force; where its engine.yaml cannot be read, nothing of it can."""
        try:
            return self._current.load(connection, generation) if generation else Definitions(0, EngineConfig())
        except DefinitionError:
            ids = frozenset(row.sop for row in definitions_store.in_force(connection, generation) if row.sop)
            return Definitions(generation, EngineConfig(), broken=ids)


class _Samples:
    """Who is looked at: of each SOP concerned, of who meets the trigger of a new one, of who gets something in the days ahead."""

    def __init__(self, connection: Connection, sides: _Sides, now: datetime, most: int) -> None:
        self._connection, self._sides, self._now, self._most = connection, sides, now, most
        self.of_sop: dict[str, CustomerSample] = {}
        self.meeting: dict[str, tuple[str, int, CustomerSample]] = {}
        """New SOP → what `existing` does, how many are kept out by conditions, the others."""
        self.playing: list[CustomerSample] = []

    def take(self, waiting: Mapping[str, object], playing: bool) -> None:
        """Take the samples."""
        for sop in _concerned(self._sides, waiting):
            self.of_sop[sop] = CustomerSample(*store.customers_in(self._connection, sop, self._most))
        new = [
            each.name
            for each in self._sides.differences
            if each.kind == "added" and each.name in self._sides.after.sops
        ]
        known = definitions_store.ever_applied(self._connection, new)
        for name in new:
            new_sop = self._sides.after.sops[name].sop
            number, held, ids = store.customers_meeting(
                self._connection, new_sop, self._sides.after, self._now, self._most
            )
            self.meeting[name] = (
                "again" if name in known else _mode(new_sop),
                number - held,
                CustomerSample(held, ids),
            )
        if playing:
            self.playing.append(CustomerSample(*store.customers_in_flight(self._connection, self._most)))
            if self_starting(self._sides.before) or self_starting(self._sides.after):
                self.playing.append(CustomerSample(*store.customers_at_rest(self._connection, self._most)))

    def joining(self) -> dict[str, CustomerSample]:
        """Return those whom `existing` takes in."""
        return {sop: each for sop, (mode, _, each) in self.meeting.items() if mode in ("join", "start")}

    def change(self) -> RolloutInput:
        """Read everybody taken, and return the change with them."""
        sides, connection = self._sides, self._connection
        taken = [*self.of_sop.values(), *(each for _, _, each in self.meeting.values()), *self.playing]
        ids = sorted({id_ for each in taken for id_ in each.ids})
        known: dict[int, Customer] = {}
        waiting: set[str] = set()
        for begin in range(0, len(ids), _BATCH):
            some = ids[begin : begin + _BATCH]
            part = load(connection, some, _AS_A_PLANNER, sides.before, sides.after, now=self._now)
            waiting |= inbox.subjects_waiting(connection, [each.ref for each in part.values()])
            known |= part
        return RolloutInput(
            sides.before,
            sides.after,
            self._now,
            installation_id(connection),
            known,
            frozenset(waiting),
            sides.clocks_differ,
        )


def _concerned(sides: _Sides, waiting: Iterable[str]) -> list[str]:
    """Return the SOPs with timelines in flight that the change may do something to."""
    kinds = {each.name: each.kind for each in sides.differences}
    everybody = any(name.endswith(".yaml") and kind != "text" for name, kind in kinds.items())
    watching = sides.after.membership_watchers if "removed" in kinds.values() else frozenset()
    return [sop for sop in waiting if everybody or sop in watching or kinds.get(sop, "text") not in ("text", "added")]


def _mode(sop: Sop) -> str:
    return "start" if isinstance(sop.existing, StartExisting) else str(sop.existing)


def _versions(sources: Sources, in_force: Iterable[Row]) -> dict[str, int]:
    """Return the version each SOP would have: the one in force where its text is the same, else the next."""
    now = {row.sop: row for row in in_force if row.sop}
    return {
        sop: now[sop].version + (now[sop].hash != digest(text)) if sop in now else 1
        for sop, text in sources.values()
        if sop
    }


def _differences(in_force: Iterable[Row], before: Definitions, target: Target) -> list[Difference]:
    old = {row.sop or row.name: Version(row.name, row.body, _model(before, row.sop, row.name)) for row in in_force}
    loaded = target.loaded
    new = {
        sop or name: Version(name, text, loaded.sops.get(sop) if sop else _shared(name, loaded))
        for name, (sop, text) in target.sources.items()
    }
    return differences(old, new)


def _model(definitions: Definitions, sop: str | None, name: str) -> Model | None:
    if sop:
        return definitions.sop(sop)
    return definitions.segments if name == SEGMENTS_FILE else definitions.engine


def _shared(name: str, loaded: Loaded) -> Model | None:
    return loaded.segments if name == SEGMENTS_FILE else loaded.engine


def _basis(sides: _Sides, target: Target, waiting: Mapping[str, Mapping[str | None, int]]) -> Basis:
    return Basis(
        generation=sides.generation,
        in_force={row.name: row.hash for row in sides.in_force},
        planned={name: digest(text) for name, (_, text) in target.sources.items()},
        in_flight={sop: sum(steps.values()) for sop, steps in waiting.items()},
        back_to=target.back_to,
    )


def _no_generation(number: int, newest: int) -> NotFound:
    there = Sentence("there are 1 to {newest}", newest=newest) if newest else Sentence("nothing was applied yet")
    return NotFound(Sentence("no generation {number}; {there}, `sop versions` lists them", number=number, there=there))
