"""What came of an SOP: how many customers reached its goal, by arm, step and variant, as values with their intervals."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Literal

from engine.core.definitions import Goal, Sop, Step
from engine.core.explain.story import as_written
from engine.core.sentence import Sentence

CONFIDENCE = 0.95
"""Of every interval: in so many of a hundred such studies it would hold the true value."""

CHANCE = 0.05
"""A difference that chance alone would bring this often, or more often, tells nothing."""

ENOUGH = 5.0
"""Both groups together would have to bring so many customers to each cell of the table, were there no difference (Cochran's rule)."""

Interval = tuple[float | None, float | None]
"""Its two ends; None twice where there is none."""

Verdict = Literal["more", "fewer", "not_enough", "within_chance"]
"""more and fewer are said of the first of the two; the others tell nothing, for want of customers or of a difference."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many customers, and between which shares the true one lies."""

    customers: int
    converted: int
    rate: float | None = None
    """None where there are no customers."""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two groups of customers compare: how many times as many convert, and how sure that is."""

    ratio: float | None
    """The first group's rate divided by the second's; None where nobody in the second converted."""
    low: float | None
    high: float | None
    """Ends of the ratio's interval; None where one of the groups has no conversion."""
    p_value: float
    """Of Fisher's exact test, two-sided: how often chance alone would bring tables at least this unlikely."""
    expected: float
    """The least number any cell of the table would have, were there no difference."""
    comparisons: int
    """So many comparisons are made in the same question, by which the p-value is multiplied before it is judged."""
    verdict: Verdict


def judge(difference: float, interval: Interval, p: float, expected: float, of: int) -> Verdict:
    """Return what a comparison tells: a difference only with enough customers, by the test and by the interval.

    Parameters:
        difference: the first group's rate less the second's.
        interval: of the ratio.
        p: see `Comparison`, before it is multiplied.
        expected: see `Comparison`.
        of: how many comparisons the question is made of (Bonferroni).
    """
    if expected < ENOUGH:
        return "not_enough"
    low, high = interval
    holds_one = low is not None and high is not None and low <= 1 <= high
    if holds_one or p * of >= CHANCE:
        return "within_chance"
    return "more" if difference > 0 else "fewer"


@dataclass(frozen=True, slots=True)
class Arm:
    """Those treated, or those held out."""

    arm: Literal["treated", "holdout"]
    timelines: int
    converted_timelines: int
    open: int
    """Customers who have not converted and still may."""
    rate: Rate
    median_seconds: float | None
    """Of those converted: from their first start in the time to their first conversion."""


@dataclass(frozen=True, slots=True)
class VariantResult:
    """Customers who were sent one variant."""

    variant: str
    by_condition: bool
    """Chosen by its `when`, so that its customers are others than the rest and it is compared with none."""
    rate: Rate
    against_first: Comparison | None = None
    """With the first variant that is drawn by weight."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """Customers who were sent one step."""

    step: str
    defined: bool
    """Whether the SOP still has it."""
    rate: Rate
    """Converted after this step reached them."""
    variants: list[VariantResult] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know before believing the figures."""

    what: Literal[
        "removed", "no_goal", "goal_gone", "goal_changed", "holdout_changed", "variants_changed", "unreadable",
        "no_holdout", "repeated", "in_both_arms",
    ]  # fmt: skip
    at: datetime | None = None
    step: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """What came of the timelines of an SOP that started in a time, as known now."""

    sop: str
    title: str
    version: int
    since: datetime
    until: datetime
    now: datetime
    timezone: str
    goal: Sentence | None
    """As written; None where the SOP has none."""
    goal_within_seconds: float | None
    confidence: float
    arms: list[Arm]
    """Treated, then holdout."""
    against_holdout: Comparison | None
    """Treated against holdout; None where one of them has nobody."""
    arm_variants: list[VariantResult]
    """With `arms: sop`: customers by the variant they have throughout, from the first step that had one."""
    steps: list[StepResult]
    notes: list[Note]


def goal_as_written(goal: Goal | None) -> Sentence | None:
    """Return what a goal waits for, as written: `event: type order.signed`."""
    return as_written(goal) if goal is not None else None


@dataclass(frozen=True, slots=True)
class InForce:
    """A version of the SOP, and since when it was in force."""

    version: int
    since: datetime
    sop: Sop | None
    """None where this engine cannot read it."""


def changes(versions: list[InForce], since: datetime, until: datetime) -> list[Note]:
    """Return what changed between versions while the timelines looked at started, so that the figures mix two things.

    Parameters:
        versions: those in force at some time of it, oldest first.
    """
    notes: list[Note] = []
    for before, after in pairwise(versions):
        if not since < after.since < until:
            continue
        if before.sop is None or after.sop is None:
            notes.append(Note("unreadable", after.since))
            continue
        if before.sop.goal != after.sop.goal:
            notes.append(Note("goal_changed", after.since))
        if before.sop.holdout != after.sop.holdout:
            notes.append(Note("holdout_changed", after.since))
        notes += [Note("variants_changed", after.since, step) for step in _redrawn(before.sop, after.sop)]
    return notes


def _redrawn(before: Sop, after: Sop) -> list[str]:
    """Return the steps of both whose variants are others, or drawn otherwise; a corrected text is no other variant."""
    was = {step.id: step for step in before.steps}
    return [
        step.id
        for step in after.steps
        if step.id in was
        and (step.variants or was[step.id].variants)
        and (_drawing(step), after.arms) != (_drawing(was[step.id]), before.arms)
    ]


def _drawing(step: Step) -> list[tuple[str, int | None, object]]:
    return [(each.id, None if each.when else each.weight, each.when) for each in step.variants or ()]
