"""Metrics: how a customer's numbers are read, and what events say of orders."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace, Truth
from engine.core.customers import metrics
from engine.core.customers.allowed_values import undeclared
from engine.core.customers.customer import Activity, Customer
from engine.core.definitions import Metric, SegmentsConfig
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.delivery.content import template_context
from engine.core.delivery.scene import Scene
from engine.core.events.event import Event
from tests.support.builders import (
    NOON,
    a_customer,
    a_sop,
    a_timeline,
    an_engine,
    an_event,
    at,
    definitions,
    some_conditions,
)

SEGMENTS = SegmentsConfig.model_validate(
    {
        "metrics": {"spend": {"spend": "730d"}, "last_buy": {"days_since": "purchase"}, "rfm": {"rfm": "purchase"}},
        "segments": {
            "big": [{"metric": {"spend": {"gte": 1000}}}],
            "loyal": [{"segment": "big"}, {"metric": {"rfm.r": {"gte": 4}}}],
        },
        "dimensions": {"level": {"values": [{"value": "high", "when": [{"segment": "big"}]}, {"value": "low"}]}},
    }
)
KNOWN = Definitions(1, an_engine(), segments=SEGMENTS)


def holds(text: str, customer: Customer) -> Truth:
    return evaluate_all(some_conditions(text), Context(customer, KNOWN, NOON, {}), "when", Trace())


def number(customer: Customer, name: str, now: datetime) -> float | None:
    return customer.number(name, SEGMENTS, KNOWN.zone_of(customer.timezone), now)


def test_nothing_stored_is_nothing_spent_and_no_score() -> None:
    assert number(a_customer(), "spend", NOON) == 0
    assert number(a_customer(), "rfm.r", NOON) is None
    assert number(a_customer(), "last_buy", NOON) is None


def test_days_since_are_calendar_days_where_the_customer_lives() -> None:
    """Bought at 23:30, asked at 00:30: yesterday. Two zones west it is still the same day."""
    bought, asked = at("2026-03-01 23:30"), at("2026-03-02 00:30")
    shanghai = a_customer(activities={"purchase": Activity(bought, bought, 1)})
    dubai = a_customer(activities={"purchase": Activity(bought, bought, 1)}, timezone="Asia/Dubai")
    assert number(shanghai, "last_buy", asked) == 1
    assert number(dubai, "last_buy", asked) == 0


@pytest.mark.parametrize(
    ("numbers", "condition", "truth"),
    [
        ({"spend": 1000}, "[{metric: {spend: {gte: 1000}}}]", True),
        ({}, "[{metric: {spend: 0}}]", True),
        ({}, "[{metric: {rfm.r: {gte: 4}}}]", None),
        ({}, "[{metric: {rfm.r: {exists: false}}}]", True),
        ({"spend": 2000}, "[{segment: loyal}]", None),
        ({"spend": 2}, "[{segment: loyal}]", False),
        ({"spend": 2000, "rfm.r": 5}, "[{segment: loyal}]", True),
        ({"spend": 2000}, "[{segment: [loyal, big]}]", True),
        ({"spend": 2000}, "[{not: {segment: big}}]", False),
    ],
)
def test_conditions_about_numbers_and_segments(numbers: dict[str, float], condition: str, truth: Truth) -> None:
    assert holds(condition, a_customer(metrics=numbers)) is truth


def test_an_unknown_number_is_named() -> None:
    trace = Trace()
    evaluate_all(
        some_conditions("[{segment: loyal}]"),
        Context(a_customer(metrics={"spend": 2000}), KNOWN, NOON, {}),
        "when",
        trace,
    )
    assert trace.unknown == "metrics.rfm.r"
    assert trace.entries[-1]["path"] == "when/0/segment/loyal/1/metric/rfm.r"


def test_templates_show_whole_numbers_as_people_write_them() -> None:
    sop = a_sop()
    customer = a_customer(metrics={"spend": 1234.0, "rfm.r": 5.0})
    shown = template_context(Scene(a_timeline(sop), sop, customer, DecisionContext(KNOWN, NOON)), "d1")["metrics"]
    assert (repr(shown["spend"]), shown["rfm"]["r"], "last_buy" in shown) == ("1234", 5, False)


def test_metrics_are_read_only_where_something_uses_them() -> None:
    plain, asking = a_sop(), a_sop(when=[{"segment": "big"}])
    saying = a_sop(steps=[{"id": "d1", "day": 1, "message": {"text": "{{ metrics.spend }}"}}])
    used = {
        sop: Definitions(1, an_engine(), definitions(sop).sops, segments=SEGMENTS).uses_metrics
        for sop in (plain, asking, saying)
    }
    assert list(used.values()) == [False, True, True]


def test_what_is_computed_is_taken_from_a_refresh_only() -> None:
    assert "computed by segments.yaml" in (undeclared("level", "high", an_engine(), SEGMENTS) or "")
    assert undeclared("level", "high", an_engine(), SEGMENTS, refresh=True) is None
    assert "no longer a value" in (undeclared("level", "middle", an_engine(), SEGMENTS, refresh=True) or "")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"spend": "2 years"}, "not a duration"),
        ({"spend": "730d", "over": "3d"}, "`over` stands beside"),
        ({"orders": "ever", "quantiles": 3}, "`quantiles` stands beside"),
        ({"spend": "ever", "orders": "ever"}, "exactly one of"),
        ({"rfm": "visit"}, "purchase"),
        ({"rfm": "purchase", "quantiles": 10}, "less than or equal to 9"),
    ],
)
def test_a_metric_is_of_one_kind(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Metric.model_validate(wrong)


# ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────


def bought(amount: float, hour: int, order: str = "A") -> Event:
    return an_event(
        "purchase", {"order": order, "amount": amount, "currency": "CNY"}, time=NOON + timedelta(hours=hour)
    )


def refunded(amount: float, hour: int) -> Event:
    return an_event("purchase.refunded", {"order": "A", "amount": amount}, time=NOON + timedelta(hours=hour))


def test_the_same_order_again_corrects_it_in_whatever_order_it_comes() -> None:
    """It was bought when it was first bought; the amount is the one said last."""
    events = [bought(100, 0), bought(80, 2), refunded(10, 1), refunded(30, 3)]
    seen = [metrics.orders_of(each).by_order[("c-1", "A")] for each in itertools.permutations(events)]
    assert all(each == seen[0] for each in seen)
    assert (seen[0].amount, seen[0].refunded, seen[0].bought_at) == (80, 30, NOON)


def test_at_equal_times_the_later_in_the_inbox_counts() -> None:
    assert metrics.orders_of([bought(100, 0), bought(80, 0)]).by_order[("c-1", "A")].amount == 80


@given(st.floats(allow_nan=True, allow_infinity=True) | st.none() | st.text())
def test_what_is_no_amount_is_no_purchase(amount: object) -> None:
    """Whatever came in: what is kept fits numeric(18, 2)."""
    event = an_event("purchase", {"order": "A", "amount": amount})
    for order in metrics.orders_of([event]).by_order.values():
        assert order.amount is not None and abs(order.amount) < 1e15
