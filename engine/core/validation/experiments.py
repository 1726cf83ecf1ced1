"""Checks of what SOPs compare and aim at: variants, arms, goals."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.definitions import Goal, Moment
from engine.core.problems import Problem
from engine.core.sentence import Sentence
from engine.core.validation.files import SopFile


def variants_differ(subject: SopFile) -> Iterator[Problem]:
    """Variants are a choice: there are two at least, and a weight has something to divide."""
    for index, step in enumerate(subject.sop.steps):
        variants = step.variants or ()
        weighted = [number for number, each in enumerate(variants) if each.when is None]
        if len(variants) == 1 and weighted:
            message = Sentence(
                "step `{step}` has one variant, which everybody gets; add another, or write its `{kind}` itself",
                step=step.id, kind=step.kind,
            )  # fmt: skip
            yield subject.warning(("steps", index, "variants"), message, key=True)
        elif len(weighted) == 1 and "weight" in variants[weighted[0]].model_fields_set:
            message = Sentence(
                "this weight divides nothing: it is the only variant without `when`; remove it, or add another"
            )
            yield subject.warning(("steps", index, "variants", weighted[0], "weight"), message)


def arms_divide(subject: SopFile) -> Iterator[Problem]:
    """`arms: sop` needs arms."""
    weighted = [step for step in subject.sop.steps if sum(each.when is None for each in step.variants or ()) > 1]
    if subject.sop.arms == "sop" and not weighted:
        message = Sentence(
            "`arms: sop` divides nothing: no step has two variants without `when`; add them, or remove it"
        )
        yield subject.warning(("arms",), message)


def goal_lies_ahead(subject: SopFile) -> Iterator[Problem]:
    """A goal that is the trigger again is hardly what the SOP is for."""
    goal = subject.sop.goal
    if goal is None:
        return
    for index, moment in enumerate(subject.sop.trigger):
        if _same(goal, moment):
            message = Sentence(
                "the goal is the same as trigger[{number}], so it is reached by what started the SOP happening again; "
                "name what the SOP is to lead to",
                number=index,
            )
            yield subject.warning(("goal",), message)


def _same(goal: Goal, moment: Moment) -> bool:
    return goal.kind == moment.kind and getattr(goal, goal.kind) == getattr(moment, moment.kind)
