"""All definitions together, as one generation: what matching and planning look things up in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from engine.core.definitions.conditions import Condition
from engine.core.definitions.engine import EngineConfig
from engine.core.definitions.moments import Moment
from engine.core.definitions.segments import DAILY, ComputedDimension, SegmentsConfig
from engine.core.definitions.sop import Sop
from engine.core.time.days_off import NONE_OFF, DaysOff


@dataclass(frozen=True, slots=True)
class DefinedSop:
    """An SOP as one applied version."""

    sop: Sop
    version: int


@dataclass(frozen=True)
class Definitions:
    """engine.yaml and every SOP in force, at one generation."""

    generation: int
    engine: EngineConfig
    sops: Mapping[str, DefinedSop] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    """SOPs in force that this version of the engine cannot read: nobody enters, nothing is sent, no timeline ends."""
    defined_since: Mapping[str, Mapping[int, datetime]] = field(default_factory=dict)
    """Since when each threshold of silence is defined: clock → days → moment; what was crossed before was crossed quietly."""
    segments: SegmentsConfig = field(default_factory=SegmentsConfig)
    days_off: DaysOff = NONE_OFF
    """The days that `calendar` in engine.yaml skips."""

    def sop(self, sop_id: str) -> Sop | None:
        """Return the SOP of this id, or None where it is not (or no longer) defined."""
        defined = self.sops.get(sop_id)
        return defined.sop if defined else None

    def zone_of(self, timezone: str | None) -> str:
        """Return a customer's zone: their own, else the engine's."""
        return timezone or self.engine.timezone

    @cached_property
    def triggers(self) -> dict[tuple[str, str | None], list[tuple[Sop, int]]]:
        """SOPs and the index of their trigger by what can set it off: (kind of moment, its tag, value or type)."""
        table: dict[tuple[str, str | None], list[tuple[Sop, int]]] = {}
        for defined in sorted(self.sops.values(), key=lambda each: (-each.sop.priority, each.sop.sop)):
            for index, moment in enumerate(defined.sop.trigger):
                for key in index_keys(moment):
                    table.setdefault(key, []).append((defined.sop, index))
        return table

    @cached_property
    def membership_watchers(self) -> frozenset[str]:
        """Ids of the SOPs whose `while` asks for membership: another timeline's start or end may end theirs."""
        watching = (each.sop for each in self.sops.values() if any(c.in_sop for c in self.expanded(each.sop.while_)))
        return frozenset(each.sop for each in watching)

    @cached_property
    def thresholds(self) -> dict[str, tuple[int, ...]]:
        """Days of silence at which something happens, ascending, by clock: of lifecycles, triggers, exits and `while`."""
        days: dict[str, set[int]] = {
            name: set((clock.lifecycle or {}).values()) - {0} for name, clock in self.engine.clocks.items()
        }
        for defined in self.sops.values():
            asked: Iterable[Moment | Condition] = (
                *defined.sop.trigger,
                *defined.sop.exit,
                *((defined.sop.goal,) if defined.sop.goal else ()),
                *self.expanded(defined.sop.while_),
            )
            for silent in (each.silent for each in asked if each.silent):
                if silent.clock in days:
                    days[silent.clock].add(silent.days)
        return {name: tuple(sorted(each)) for name, each in days.items()}

    def threshold_since(self, clock: str, days: int) -> datetime | None:
        """Return since when a threshold is defined, None where it always was."""
        return self.defined_since.get(clock, {}).get(days)

    @cached_property
    def clocks_by_kind(self) -> dict[str, tuple[str, ...]]:
        """Names of the clocks that an event type resets."""
        table: dict[str, tuple[str, ...]] = {}
        for name, clock in self.engine.clocks.items():
            for kind in clock.kinds:
                table[kind] = (*table.get(kind, ()), name)
        return table

    @cached_property
    def touched_sops(self) -> frozenset[str]:
        """Ids of the SOPs that some `touched` condition asks for."""
        named = (c.touched.sop for c in self._all_conditions() if c.touched)
        return frozenset(named)

    @cached_property
    def counted_days(self) -> int:
        """So many of the customer's days, today included, are counted under caps; 0 without caps."""
        return max((cap.days for cap in self.engine.caps), default=0)

    @cached_property
    def goals(self) -> bool:
        """Whether some SOP has a goal that counts after its timelines' end."""
        return any(each.sop.goal and each.sop.goal.within for each in self.sops.values())

    @cached_property
    def uses_metrics(self) -> bool:
        """Whether some condition compares a stored number, or some text may show one."""
        if not self.segments.metrics:
            return False
        return any(c.metric for c in self._all_conditions()) or any(
            "metrics" in repr(each.sop.steps) for each in self.sops.values()
        )

    def expanded(self, conditions: Iterable[Condition] | None) -> Iterable[Condition]:
        """Yield these conditions, all inside them, and all inside the segments they name."""
        for condition in nested(conditions):
            yield condition
            for name in condition.segment or ():
                yield from self.expanded(self.segments.segments.get(name))

    def _all_conditions(self) -> Iterable[Condition]:
        for defined in self.sops.values():
            yield from self.expanded(conditions_of(defined.sop))


NO_INSTALLATION = "00000000-0000-0000-0000-000000000000"
"""The installation of what is never stored."""


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """What every decision of one transaction is made with."""

    definitions: Definitions
    now: datetime
    """Business time, read once."""
    installation: str = NO_INSTALLATION
    """What the keys of touches are made of."""


def index_keys(moment: Moment) -> list[tuple[str, str | None]]:
    """Return the keys under which a moment is found: one for each tag, value or type it names, else (kind, None)."""
    kind = moment.kind
    if moment.names:
        return [(kind, name) for name in moment.names]
    if moment.silent:
        return [(kind, f"{moment.silent.clock}:{moment.silent.days}")]
    return [(kind, moment.event.type if moment.event else None)]


def conditions_of(sop: Sop) -> Iterable[Condition]:
    """Yield every condition of an SOP, nested ones too."""
    steps = [step.when for step in sop.steps]
    variants = [variant.when for step in sop.steps for variant in step.variants or ()]
    for group in (sop.when, sop.while_, *steps, *variants):
        yield from nested(group)


def nested(conditions: Iterable[Condition] | None) -> Iterable[Condition]:
    """Yield these conditions and all inside them."""
    for condition in conditions or ():
        yield condition
        yield from nested(
            (*(condition.all or ()), *(condition.any or ()), *((condition.not_,) if condition.not_ else ()))
        )


def number_crons(definitions: Definitions) -> list[str]:
    """Return when numbers are refreshed: daily, and before each dimension that asks for any."""
    asking = (each.refresh for each in definitions.segments.dimensions.values() if _asks_numbers(each, definitions))
    return list(dict.fromkeys([DAILY, *asking]))


def _asks_numbers(dimension: ComputedDimension, definitions: Definitions) -> bool:
    return any(condition.metric for condition in _conditions(dimension, definitions))


def _conditions(dimension: ComputedDimension, definitions: Definitions) -> Iterable[Condition]:
    return (condition for each in dimension.values for condition in definitions.expanded(each.when))
