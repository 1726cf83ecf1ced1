"""Which variant of a step a customer gets, and who belongs to the comparison group."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace, Truth
from engine.core.definitions import Message, Sop, Step, Task, Variant
from engine.core.timelines.holdout import hash_fraction


def choose(step: Step, sop: Sop, context: Context, trace: Trace) -> tuple[Variant | None, Truth]:
    """Return the variant: the first whose `when` holds, else one of those without, by weight; and why there is none.

    None with False: no condition holds. None with None: one is unknown, so that nobody can say.

    Parameters:
        step: whose variants
        sop: for `arms`
        context: what conditions are evaluated for
        trace: collects what was evaluated
    """
    verdict: Truth = False
    for index, each in enumerate(step.variants or ()):
        if each.when is None:
            continue
        held = evaluate_all(each.when, context, f"steps/{step.id}/variants/{index}/when", trace)
        if held is True:
            return each, True
        verdict = None if held is None else verdict
    weighted = [each for each in step.variants or () if each.when is None]
    return (by_weight(weighted, sop, step, context.customer.ref), True) if weighted else (None, verdict)


def by_weight(variants: Sequence[Variant], sop: Sop, step: Step, ref: str) -> Variant:
    """Return the variant that falls to a customer: drawn for each step, or (`arms: sop`) once for the SOP.

    Parameters:
        variants: at least one
        sop: for its id and `arms`
        step: for its id
        ref: the customer's
    """
    drawn = hash_fraction(ref, sop.sop, "arm", *(() if sop.arms == "sop" else (step.id,)))
    left = drawn * sum(each.weight for each in variants)
    for each in variants:
        left -= each.weight
        if left < 0:
            return each
    return variants[-1]


def content_of(step: Step, variant: Variant | None) -> Message | Task:
    """Return the message or task of a step, of its variant where it has some."""
    owner: Step | Variant = variant or step
    content = owner.message or owner.task
    assert content is not None
    return content
