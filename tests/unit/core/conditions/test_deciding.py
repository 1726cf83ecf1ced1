"""Of everything a trace records, what decided."""

from __future__ import annotations

from engine.core.conditions.deciding import Evaluation, decisive_evaluations
from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace
from tests.support.builders import NOON, a_customer, definitions, some_conditions


def decided(conditions: str, *, path: str = "when", **customer: object) -> list[Evaluation]:
    """What decided when these conditions were asked of this customer."""
    trace = Trace()
    context = Context(a_customer(**customer), definitions(), NOON, {"amount": 5})  # type: ignore[arg-type]  # fields of Customer
    evaluate_all(some_conditions(conditions), context, path, trace)
    return decisive_evaluations(trace.entries)


def test_the_first_condition_that_fails_decided_not_those_that_held_before_it() -> None:
    (one,) = decided("[{tag: a}, {is: {stage: 意向客户}}]", tags=["a"], stage="成交客户")
    assert (one.path, one.kind, one.name) == ("when/1/is/stage", "is", "stage")
    assert (one.wanted, one.actual, one.negated, one.holds) == (["意向客户"], "成交客户", False, False)


def test_under_a_not_it_is_what_holds_that_decided() -> None:
    (one,) = decided("[{not: {tag: [a, b]}}]", tags=["b"])
    assert (one.path, one.kind, one.negated, one.actual) == ("when/0/not/tag", "tag", True, ["b"])


def test_two_nots_cancel_out() -> None:
    (one,) = decided("[{not: {not: {tag: a}}}]")
    assert one.negated is False


def test_of_an_any_all_that_failed_decided() -> None:
    assert [each.path for each in decided("[{any: [{tag: a}, {tag: b}]}]")] == ["when/0/any/0/tag", "when/0/any/1/tag"]


def test_of_an_any_under_a_not_only_what_holds_decided() -> None:
    assert [each.path for each in decided("[{not: {any: [{tag: a}, {tag: b}]}}]", tags=["b"])] == [
        "when/0/not/any/1/tag"
    ]


def test_of_an_all_the_one_that_failed_decided() -> None:
    assert [each.path for each in decided("[{all: [{tag: a}, {tag: b}]}]", tags=["a"])] == ["when/0/all/1/tag"]


def test_where_nothing_is_false_what_is_unknown_decided() -> None:
    found = decided("[{attr: {budget: {gte: 5}}}, {tag: a}]", tags=["a"])
    assert [(each.name, each.unknown, each.holds) for each in found] == [("budget", "customer.attributes.budget", None)]


def test_a_step_may_be_called_not_and_an_attribute_all() -> None:
    (one,) = decided("[{attr: {all: 1}}]", path="steps/not/when", attributes={"all": 2})
    assert (one.kind, one.name, one.negated) == ("attr", "all", False)


def test_no_trace_decides_nothing() -> None:
    assert decisive_evaluations(None) == decisive_evaluations([]) == []


def test_a_segment_is_looked_into() -> None:
    trace = [
        {"path": "when/0/not/segment/高意向/1/is/stage", "wanted": ["意向客户"], "actual": "意向客户", "holds": True}
    ]
    (one,) = decisive_evaluations(trace)
    assert (one.kind, one.name, one.negated) == ("is", "stage", True)


def test_of_variants_all_whose_conditions_failed_decided() -> None:
    trace = [
        {"path": "steps/d8/when/0/tag", "wanted": ["x"], "actual": ["x"], "holds": True},
        {"path": "steps/d8/variants/0/when/0/tag", "wanted": ["a"], "actual": [], "holds": False},
        {"path": "steps/d8/variants/1/when/0/not/tag", "wanted": ["b"], "actual": ["b"], "holds": True},
    ]
    assert [(each.kind, each.wanted, each.negated) for each in decisive_evaluations(trace)] == [
        ("tag", ["a"], False),
        ("tag", ["b"], True),
    ]
