"""Intervals and comparisons against published examples, and what they tell of small numbers."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.adapters.proportions import compare, rate
from engine.core.explain.results import Rate

NEWCOMBE = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
"""R. G. Newcombe, Two-sided confidence intervals for the single proportion: comparison of seven methods, Statistics in Medicine 17
(1998), 857-872, table I, method 3 (score interval of Wilson, without continuity correction)."""


@pytest.mark.parametrize(("converted", "customers", "low", "high"), NEWCOMBE)
def test_intervals_of_shares_are_those_published(converted: int, customers: int, low: float, high: float) -> None:
    found = rate(converted, customers)
    assert found.rate == converted / customers
    assert (round(found.low or 0, 4), round(found.high or 0, 4)) == (low, high)


def test_nobody_has_no_share() -> None:
    assert rate(0, 0) == Rate(0, 0, None, None, None)


def test_ratio_and_interval_are_those_published() -> None:
    """H. Sahai, A. Khurshid, Statistics in Epidemiology (1996), example 3.1: catecholamine and heart disease."""
    found = compare(rate(27, 122), rate(44, 487))
    assert found is not None
    assert found.ratio == pytest.approx(2.45, abs=0.005)
    assert (found.low, found.high) == (pytest.approx(1.58, abs=0.005), pytest.approx(3.79, abs=0.005))
    assert found.verdict == "more"


def test_the_exact_p_value_is_that_published() -> None:
    """R. A. Fisher, The Design of Experiments (1935): three of four cups told right; two-sided 34/70."""
    found = compare(rate(3, 4), rate(1, 4))
    assert found is not None
    assert found.p_value == pytest.approx(34 / 70)


# ── what is told, and what is not ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ((60, 500), (30, 500), "more"),
        ((30, 500), (60, 500), "fewer"),
        ((40, 500), (30, 500), "within_chance"),
        ((30, 500), (30, 500), "within_chance"),
        ((4, 20), (0, 20), "not_enough"),
        ((8, 8), (0, 8), "not_enough"),
        ((60, 500), (0, 500), "more"),
        ((0, 500), (60, 500), "fewer"),
        ((0, 500), (0, 500), "not_enough"),
        ((500, 500), (500, 500), "not_enough"),
    ],
)
def test_a_difference_is_told_only_where_there_is_one_and_enough_to_tell(
    one: tuple[int, int], other: tuple[int, int], verdict: str
) -> None:
    found = compare(rate(*one), rate(*other))
    assert found is not None
    assert found.verdict == verdict


def test_many_comparisons_ask_for_more() -> None:
    one, other = rate(57, 500), rate(35, 500)
    alone, among_five = compare(one, other), compare(one, other, comparisons=5)
    assert alone is not None
    assert among_five is not None
    assert (alone.verdict, among_five.verdict) == ("more", "within_chance")
    assert alone.p_value == among_five.p_value


def test_without_a_conversion_on_one_side_the_ratio_has_no_interval() -> None:
    found = compare(rate(60, 500), rate(0, 500))
    assert found is not None
    assert (found.ratio, found.low, found.high) == (None, None, None)


def test_with_nobody_on_one_side_there_is_no_comparison() -> None:
    assert compare(rate(3, 10), rate(0, 0)) is None


@st.composite
def groups(draw: st.DrawFn) -> Rate:
    customers = draw(st.integers(1, 2_000))
    return rate(draw(st.integers(0, customers)), customers)


@given(groups(), groups())
def test_swapping_the_groups_swaps_the_verdict(one: Rate, other: Rate) -> None:
    there, back = compare(one, other), compare(other, one)
    assert there is not None
    assert back is not None
    assert there.verdict == {"more": "fewer", "fewer": "more"}.get(back.verdict, back.verdict)


@given(groups())
def test_the_interval_holds_the_share(one: Rate) -> None:
    assert one.rate is not None
    assert one.low is not None
    assert one.high is not None
    assert 0 <= one.low <= one.rate + 1e-12
    assert one.rate - 1e-12 <= one.high <= 1


# ── what it costs ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("module", ["engine.cli.app", "engine.cli.operate.results", "engine.api.app", "engine.wiring"])
def test_nothing_loads_scipy_before_it_is_needed(module: str) -> None:
    more = "sys.modules['engine.cli.app'].build();" if module == "engine.cli.app" else ""
    program = f"import sys, {module}; {more} print([name for name in ('scipy', 'numpy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
