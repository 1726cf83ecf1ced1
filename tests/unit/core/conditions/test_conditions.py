"""Conditions hold, do not hold, or are unknown; every evaluation is traced by its path in the YAML."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from engine.core.conditions.compare import compare
from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace, Truth
from engine.core.customers.customer import Activity, Customer
from engine.core.definitions import Comparison
from tests.support.builders import (
    NOON,
    SHANGHAI,
    a_customer,
    a_sop,
    a_timeline,
    at,
    definitions,
    hours,
    some_conditions,
)

KNOWN = definitions()
# one condition of each truth
TRUE, FALSE, UNKNOWN = "{tag: A}", "{tag: B}", "{attr: {budget: {gt: 0}}}"
TRUTHS: dict[str, Truth] = {TRUE: True, FALSE: False, UNKNOWN: None}


def truth_of(text: str, customer: Customer | None = None, trace: Trace | None = None, **context: Any) -> Truth:
    plain: dict[str, Any] = {"event": {}, "now": NOON, "definitions": KNOWN, "start": NOON - timedelta(days=3)}
    context = plain | context | {"customer": customer or a_customer(["A"])}
    return evaluate_all(some_conditions(text), Context(**context), "when", trace or Trace())


class TestThreeValuedLogic:
    """and/or/not are three-valued: unknown only where it would decide."""

    @pytest.mark.parametrize(("a", "b"), list(itertools.product(TRUTHS, repeat=2)))
    def test_all_is_kleenes_and(self, a: str, b: str) -> None:
        truths = {TRUTHS[a], TRUTHS[b]}
        wanted = False if False in truths else None if None in truths else True
        assert truth_of(f"[{{all: [{a}, {b}]}}]") is wanted
        assert truth_of(f"[{a}, {b}]") is wanted  # a list of conditions is an `all`

    @pytest.mark.parametrize(("a", "b"), list(itertools.product(TRUTHS, repeat=2)))
    def test_any_is_kleenes_or(self, a: str, b: str) -> None:
        truths = {TRUTHS[a], TRUTHS[b]}
        wanted = True if True in truths else None if None in truths else False
        assert truth_of(f"[{{any: [{a}, {b}]}}]") is wanted

    @pytest.mark.parametrize(("inner", "wanted"), [(TRUE, False), (FALSE, True), (UNKNOWN, None)])
    def test_not_leaves_unknown_unknown(self, inner: str, wanted: Truth) -> None:
        assert truth_of(f"[{{not: {inner}}}]") is wanted

    def test_no_conditions_hold(self) -> None:
        assert evaluate_all(None, Context(a_customer(), KNOWN, NOON, {}), "when", Trace()) is True


class TestUnknown:
    """A missing attribute without a declared default is unknown, not false. Tags, dimensions, memberships never are."""

    def test_a_missing_attribute_is_unknown_and_named(self) -> None:
        trace = Trace()
        assert truth_of("[{attr: {budget: {gte: 1}}}]", trace=trace) is None
        assert trace.unknown == "customer.attributes.budget"

    def test_a_declared_default_makes_it_known(self) -> None:
        assert truth_of("[{attr: {vip: false}}]") is True
        assert truth_of("[{attr: {vip: true}}]") is False
        assert truth_of("[{attr: {vip: true}}]", a_customer(attributes={"vip": True})) is True

    def test_a_missing_field_of_the_event_is_unknown_and_named(self) -> None:
        trace = Trace()
        assert truth_of("[{event: {order.amount: {gte: 1}}}]", trace=trace, event={"order": {}}) is None
        assert trace.unknown == "event.data.order.amount"

    @pytest.mark.parametrize(
        "text", ["tag: X", "is: {stage: 意向客户}", "in_sop: lead", "seen: {type: purchase}", "touched: {sop: lead}"]
    )
    def test_what_never_was_is_false_not_unknown(self, text: str) -> None:
        assert truth_of(f"[{text}]", a_customer()) is False

    def test_a_value_that_another_condition_made_irrelevant_is_not_the_one_named(self) -> None:
        trace = Trace()
        assert (
            truth_of("[{any: [{attr: {budget: 1}}, {tag: A}]}, {attr: {due: {gt: 2026-01-01}}}]", trace=trace) is None
        )
        assert trace.unknown == "customer.attributes.due"

    def test_a_value_of_another_kind_is_unknown_and_shown(self) -> None:
        trace = Trace()
        assert truth_of("[{attr: {budget: {gte: 1}}}]", a_customer(attributes={"budget": "a lot"}), trace) is None
        assert (trace.unknown, trace.entries[0]["actual"]) == ("customer.attributes.budget", "a lot")


class TestTrace:
    """Every condition by its path in the YAML, wanted and actual."""

    def test_each_evaluation_has_path_wanted_actual_and_truth(self) -> None:
        customer, trace = a_customer(["A"], stage="新加好友", attributes={"budget": 5}), Trace()
        truth_of(
            "[{tag: [A, B]}, {any: [{is: {stage: 意向客户}}, {not: {attr: {budget: {gte: 9}}}}]}]", customer, trace
        )
        assert trace.entries == [
            {"path": "when/0/tag", "wanted": ["A", "B"], "actual": ["A"], "holds": True},
            {"path": "when/1/any/0/is/stage", "wanted": ["意向客户"], "actual": "新加好友", "holds": False},
            {"path": "when/1/any/1/not/attr/budget", "wanted": {"gte": 9}, "actual": 5, "holds": False},
        ]

    def test_what_can_no_longer_decide_is_not_evaluated(self) -> None:
        trace = Trace()
        truth_of("[{tag: B}, {tag: A}]", trace=trace)
        assert [each["path"] for each in trace.entries] == ["when/0/tag"]
        assert trace.decided_at == "when/0/tag"


class TestFacts:
    def test_lists_mean_any(self) -> None:
        customer = a_customer(["A"], stage="到店客户")
        assert truth_of("[{tag: [X, A]}, {is: {stage: [新加好友, 到店客户]}}]", customer) is True
        assert truth_of("[{is: {stage: [新加好友, 意向客户]}}]", customer) is False

    def test_several_dimensions_or_attributes_must_all_compare(self) -> None:
        customer = a_customer(stage="意向客户", attributes={"budget": 5, "name": "王"})
        assert truth_of("[{attr: {budget: 5, name: 王}}]", customer) is True
        assert truth_of("[{attr: {budget: 5, name: 李}}]", customer) is False
        assert truth_of("[{is: {stage: 意向客户, tier: 金卡}}]", customer) is False

    def test_in_sop_asks_for_active_timelines(self) -> None:
        running, over = a_timeline(a_sop(sop="running")), a_timeline(a_sop(sop="over"), state="completed")
        customer = a_customer(timelines=[running, over])
        assert truth_of("[{in_sop: [other, running]}]", customer) is True
        assert truth_of("[{in_sop: over}]", customer) is False


class TestSince:
    """`seen` and `touched` look back to the timeline's start, over a duration, or over all time."""

    start = at("2026-02-26 12:00")

    @pytest.mark.parametrize("what", ["seen: {type: purchase", "touched: {sop: lead"])
    @pytest.mark.parametrize(
        ("since", "last", "wanted"),
        [
            ("", "2020-01-01 00:00", True),
            (", since: start", "2026-02-26 12:00", True),
            (", since: start", "2026-02-26 11:59", False),
            (", since: 7d", "2026-02-22 12:00", True),
            (", since: 7d", "2026-02-22 11:59", False),
        ],
    )
    def test_how_far_back(self, what: str, since: str, last: str, wanted: bool) -> None:
        done = at(last)
        customer = a_customer(activities={"purchase": Activity(done, done, 1)}, touched={"lead": done})
        assert truth_of(f"[{what}{since}}}]", customer, start=self.start) is wanted

    def test_the_latest_time_counts(self) -> None:
        customer = a_customer(activities={"purchase": Activity(NOON - timedelta(days=100), NOON - hours(1), 2)})
        assert truth_of("[{seen: {type: purchase, since: 2h}}]", customer) is True

    def test_only_this_type_and_this_sop_count(self) -> None:
        customer = a_customer(activities={"visit": Activity(NOON, NOON, 1)}, touched={"other": NOON})
        assert truth_of("[{seen: {type: purchase}}]", customer) is False
        assert truth_of("[{touched: {sop: lead}}]", customer) is False


def comparison(plain: Any, value: Any) -> Truth:
    return compare(Comparison.model_validate(plain), value, SHANGHAI)


@pytest.mark.parametrize(
    ("wanted", "value", "truth"),
    [
        (5, 5.0, True), (5, 6, False), ("a", "a", True), ("a", "b", False), (True, True, True), (True, False, False),
        # a number is no truth value, a text no number
        (True, 1, None), (1, True, None), (0, False, None), (5, "5", None), ("5", 5, None), ("a", ["a"], None),
        ([1, 2], 2, True), ([1, 2], 3, False), (["a", "b"], "b", True), ([1, 2], "a", None), ([1, "a"], "a", True),
        ({"gt": 5}, 5, False), ({"gte": 5}, 5, True), ({"lt": 5}, 5, False), ({"lte": 5}, 5.0, True), ({"gt": 5}, 5.1, True),
        ({"gt": 5}, "6", None), ({"gte": 1}, True, None), ({"gt": 5}, [6], None), ({"gt": 5}, None, None),
        ({"gte": 5, "lt": 9}, 8, True), ({"gte": 5, "lt": 9}, 9, False),
        ({"exists": True}, None, False), ({"exists": False}, None, True), ({"exists": True}, 0, True), ({"exists": False}, "", False),
        ({"exists": True, "gte": 5}, None, False),
        ({"contains": "约"}, "想预约", True), ({"contains": "约"}, "您好", False), ({"contains": "a"}, ["a", "b"], True),
        ({"contains": "a"}, ["ab"], False), ({"contains": "1"}, 1, None),
        ({"matches": "^1[3-9]"}, "138", True), ({"matches": "8$"}, "139", False), ({"matches": "1"}, 1, None),
    ],
)  # fmt: skip
def test_comparisons(wanted: Any, value: Any, truth: Truth) -> None:
    assert comparison(wanted, value) is truth


@pytest.mark.parametrize(
    ("wanted", "value", "truth"),
    [
        # a date is its first moment in the customer's zone
        ({"gte": "2026-03-01"}, "2026-03-01", True),
        ({"gt": "2026-03-01"}, "2026-03-01", False),
        ({"lt": "2026-03-02"}, "2026-03-01T23:59:59+08:00", True),
        ({"lt": "2026-03-01"}, "2026-02-28T15:59:59Z", True),
        ({"gte": "2026-03-01"}, "2026-02-28T16:00:00Z", True),
        ({"gte": "2026-03-01T00:00:00Z"}, "2026-03-01T07:59:00+08:00", False),
        ({"gte": "2026-03-01T00:00:00Z"}, "2026-03-01T07:59:00", False),  # without an offset: the customer's clocks
        ({"gte": "2026-03-01T00:00:00Z"}, "2026-03-01T08:00:00", True),
        ({"gt": "2026-03-01"}, "9999-12-31", True),
        ({"gt": "2026-03-01"}, "0001-01-01", None),  # before all moments that can be told
        ({"gt": "2026-03-01"}, "soon", None),
        ({"gt": "2026-03-01"}, 20260302, None),
        ({"gt": "2026-03-01"}, True, None),
    ],
)
def test_comparisons_of_times(wanted: dict[str, str], value: Any, truth: Truth) -> None:
    (text,) = some_conditions(f"[{{attr: {{due: {{{next(iter(wanted))}: {next(iter(wanted.values()))}}}}}}}]")
    assert text.attr is not None
    assert compare(text.attr["due"], value, SHANGHAI) is truth


def test_dates_and_moments_may_be_equal() -> None:
    (condition,) = some_conditions("[{attr: {due: 2026-03-01}}]")
    assert condition.attr is not None
    wanted = condition.attr["due"]
    assert compare(wanted, "2026-03-01", SHANGHAI) is True
    assert compare(wanted, "2026-02-28T16:00:00Z", SHANGHAI) is True
    assert compare(wanted, "2026-03-02", SHANGHAI) is False


def test_moments_in_a_fold_are_equal_to_themselves() -> None:
    (condition,) = some_conditions("[{attr: {seen_at: 2026-11-01T05:30:00Z}}]")
    assert condition.attr is not None
    assert compare(condition.attr["seen_at"], "2026-11-01T01:30:00", "America/New_York") is True
