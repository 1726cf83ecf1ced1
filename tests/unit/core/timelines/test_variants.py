"""Variants and holdouts: who gets which, always the same."""

from __future__ import annotations

from collections import Counter

from engine.core.conditions.evaluate import Context
from engine.core.conditions.trace import Trace
from engine.core.definitions import Sop
from engine.core.timelines.holdout import held_out
from engine.core.timelines.variants import choose
from tests.support.builders import NOON, a_customer, a_sop, definitions

WEIGHTED = """
steps:
  - {id: d1, day: 1, variants: [{id: a, weight: 3, message: {text: A}}, {id: b, message: {text: B}}]}
  - {id: d2, day: 2, variants: [{id: a, weight: 3, message: {text: A}}, {id: b, message: {text: B}}]}
"""
CONDITIONAL = """
steps:
  - id: d1
    day: 1
    variants:
      - {id: vip, when: [{tag: VIP}], message: {text: 尊}}
      - {id: rich, when: [{attr: {budget: {gte: 100}}}], message: {text: 富}}
"""


def chosen(sop: Sop, ref: str = "c-1", step: int = 0, **customer: object) -> str | None:
    context = Context(a_customer(ref=ref, **customer), definitions(sop), NOON, {})  # type: ignore[arg-type]  # fields of Customer
    variant, _ = choose(sop.steps[step], sop, context, Trace())
    return variant.id if variant else None


def test_weights_divide_customers_as_written_and_the_same_way_each_time() -> None:
    sop = a_sop(WEIGHTED)
    first = [chosen(sop, f"c{n}") for n in range(4000)]
    assert first == [chosen(sop, f"c{n}") for n in range(4000)]
    assert 2850 < Counter(first)["a"] < 3150  # 3000 expected, five standard deviations


def test_steps_are_drawn_apart_unless_arms_are_the_sops() -> None:
    apart, together = a_sop(WEIGHTED), a_sop(WEIGHTED, arms="sop")
    refs = [f"c{n}" for n in range(500)]
    assert any(chosen(apart, ref) != chosen(apart, ref, 1) for ref in refs)
    assert all(chosen(together, ref) == chosen(together, ref, 1) for ref in refs)


def test_the_first_whose_condition_holds_is_taken() -> None:
    sop = a_sop(CONDITIONAL)
    assert chosen(sop, attributes={"budget": 200}) == "rich"


def test_none_holds_and_nobody_knows_are_told_apart() -> None:
    sop = a_sop(CONDITIONAL)
    for attributes, wanted in (({"budget": 1}, False), ({}, None)):
        context = Context(a_customer(attributes=attributes), definitions(sop), NOON, {})
        assert choose(sop.steps[0], sop, context, Trace()) == (None, wanted)


def test_a_holdout_is_a_share_of_customers_and_the_same_for_each() -> None:
    sop = a_sop(holdout="10%")
    held = [held_out(sop, f"c{n}") for n in range(10_000)]
    assert held == [held_out(sop, f"c{n}") for n in range(10_000)]
    assert 850 < sum(held) < 1150


def test_all_and_nobody() -> None:
    assert all(held_out(a_sop(holdout="100%"), f"c{n}") for n in range(200))
    assert not any(held_out(a_sop(holdout="0%"), f"c{n}") for n in range(200))
