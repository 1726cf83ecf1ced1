"""What an SOP did over a time, as values: how many were started, refused, sent, skipped, each with its reason and some customers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from engine.core.conditions.deciding import Evaluation, decisive_evaluations, happening
from engine.core.reasons import Reason
from engine.core.sentence import Sentence


@dataclass(frozen=True, slots=True)
class Sample:
    """One customer of whom this is so; `sop explain` tells the rest."""

    customer: str
    at: datetime | None = None
    detail: str | Mapping[str, Any] | None = None
    actual: list[Any] = field(default_factory=list)
    """What each of the deciding conditions found, in their order; null: not set, or not known."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A condition that decided, as the definition has it."""

    path: str
    kind: str
    name: str | None
    wanted: Any
    negated: bool


@dataclass(frozen=True, slots=True)
class OutcomeGroup:
    """So many of one kind, for one reason."""

    what: str
    """refused; a timeline's state; a touch's status; of timelines in flight: planned, due, held."""
    number: int
    reason: str | None = None
    detail: str | None = None
    unknown: int = 0
    """So many of them because a value was not known."""
    waited: str | None = None
    """Of touches that were carried out: what delayed them before."""
    wanted: list[Wanted] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    first: datetime | None = None
    """Of timelines in flight: when the first of them is looked at next."""


def _status(cause: OutcomeGroup) -> str:
    """Return a touch's status as it is counted: what was skipped because it waited too long has expired."""
    return "expired" if cause.what == "skipped" and cause.reason == Reason.EXPIRED else cause.what


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step: how many stand before it, and what became of those who came to it."""

    step: str
    kind: str
    when: Sentence | None
    """As written: `day 1 10:00`, `after 2h`; None where the SOP has no such step any more."""
    in_flight: list[OutcomeGroup] = field(default_factory=list)
    touches: list[OutcomeGroup] = field(default_factory=list)
    variants: dict[str, int] = field(default_factory=dict)
    """Touches not skipped, by variant."""

    def number(self, *statuses: str) -> int:
        """Return how many touches have one of these statuses."""
        return sum(each.number for each in self.touches if _status(each) in statuses)


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """What came in like that which a trigger waits for."""

    name: str
    number: int
    idle: int = 0
    """So many of them changed nothing, so they were no moment."""
    last: datetime | None = None
    samples: list[str] = field(default_factory=list)
    """Customers."""


@dataclass(frozen=True, slots=True)
class UntriggeredTrigger:
    """A trigger nobody hit: what it waits for, what like it came in, who meets it from before."""

    trigger: Sentence
    path: str
    seen: list[SeenEvent] = field(default_factory=list)
    """Events with a name it waits for, in the time."""
    near: list[SeenEvent] = field(default_factory=list)
    """Others of its kind: those spelled most like it first."""
    already: int | None = None
    """So many customers have the tag, stand in the value or are past the threshold now; None: nothing that lasts."""


@dataclass(frozen=True, slots=True)
class SopReport:
    """All there is to tell about one SOP over a time."""

    sop: str
    title: str
    version: int
    since: datetime
    until: datetime
    now: datetime
    timezone: str
    in_force_since: datetime | None
    """When this version was first applied."""
    first_in_force: datetime | None
    """When the SOP was first applied."""
    paused: list[str]
    """Pauses that hold it: `sop`, `all`, or `channel <name>` of a channel it uses."""
    accepting: bool
    triggered: int
    started: int
    holdout: int
    """So many of those started are in the comparison group."""
    has_goal: bool
    converted: int
    """So often the goal was reached in the time."""
    refused: list[OutcomeGroup]
    in_flight: int
    finishing: int
    """Of those in flight: so many have had every step and wait for their last touches to come to an end."""
    ended: list[OutcomeGroup]
    steps: list[StepReport]
    awaits: list[UntriggeredTrigger]
    """Where nobody triggered it in the time: what it waits for."""
    asked_reason: str | None = None
    asked_step: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One recorded case of a group."""

    customer: str
    at: datetime | None
    detail: str | Mapping[str, Any] | None
    trace: Sequence[dict[str, Any]] | None


@dataclass(frozen=True, slots=True)
class Group:
    """What the database counted together; its examples all decided by the same conditions."""

    what: str
    reason: str | None
    detail: str | None
    number: int
    examples: Sequence[Example] = ()
    waited: str | None = None


def outcome_groups(groups: Iterable[Group], samples: int) -> list[OutcomeGroup]:
    """Return groups that share reason and deciding conditions as one, the most frequent first.

    A condition that did not hold and one that was not known are one cause; how many were not known stands beside.
    """
    grouped: dict[Any, OutcomeGroup] = {}
    for group in groups:
        one = _cause(group)
        key = (one.what, one.reason, one.detail, one.waited, repr(one.wanted))
        known = grouped.get(key)
        grouped[key] = one if known is None else _together(known, one)
    shortened = (replace(each, samples=_newest(each.samples, samples)) for each in grouped.values())
    return sorted(shortened, key=lambda each: (-each.number, each.what, each.reason or ""))


def _cause(group: Group) -> OutcomeGroup:
    decided = [decisive_evaluations(each.trace) for each in group.examples]
    wanted = [_wanted(each) for each in decided[0]] if decided else []
    unknown = group.number if group.reason == Reason.UNKNOWN else 0
    by_condition = unknown and wanted
    return OutcomeGroup(
        group.what,
        group.number,
        Reason.CONDITION if by_condition else group.reason,
        None if by_condition else group.detail,
        unknown,
        group.waited,
        wanted,
        [_sample(*each) for each in zip(group.examples, decided, strict=True)],
    )


def _wanted(one: Evaluation) -> Wanted:
    wanted = one.wanted
    if one.kind in ("seen", "touched"):  # from when on it counts is another moment for everybody
        wanted, _ = happening(wanted)
    return Wanted(one.path, one.kind, one.name, wanted, one.negated)


def _sample(example: Example, decided: Sequence[Evaluation]) -> Sample:
    return Sample(example.customer, example.at, example.detail, [each.actual for each in decided])


def _together(one: OutcomeGroup, other: OutcomeGroup) -> OutcomeGroup:
    return replace(
        one,
        number=one.number + other.number,
        unknown=one.unknown + other.unknown,
        samples=[*one.samples, *other.samples],
    )


def _newest(samples: list[Sample], most: int) -> list[Sample]:
    """Return the newest samples, each customer once."""
    once: dict[str, Sample] = {}
    for each in sorted(samples, key=lambda each: each.at.timestamp() if each.at else 0.0, reverse=True):
        once.setdefault(each.customer, each)
    return list(once.values())[:most]


def narrowed(why: SopReport, reason: str | None, step: str | None) -> SopReport:
    """Return only what has this reason, and of the steps only this one."""
    steps = [each for each in why.steps if step in (None, each.step)]
    if step is not None:
        why = replace(why, refused=[], ended=[])
    if step is not None or reason is not None:
        why = replace(why, awaits=[])
    if reason is not None:
        why = replace(why, refused=_with(why.refused, reason), ended=_with(why.ended, reason))
        steps = [
            replace(each, touches=_with(each.touches, reason), in_flight=_with(each.in_flight, reason))
            for each in steps
        ]
        steps = [each for each in steps if each.touches or each.in_flight]
    return replace(why, steps=steps, asked_reason=reason, asked_step=step)


def _with(causes_: list[OutcomeGroup], reason: str) -> list[OutcomeGroup]:
    unknown = reason == Reason.UNKNOWN
    return [each for each in causes_ if each.reason == reason or (unknown and each.unknown)]
