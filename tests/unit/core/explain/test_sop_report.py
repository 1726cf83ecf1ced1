"""What an SOP did over a time: counted groups become causes, told by the conditions that decided."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace
from engine.core.customers.customer import Activity
from engine.core.explain.sop_report import (
    Example,
    Group,
    OutcomeGroup,
    Sample,
    SopReport,
    StepReport,
    narrowed,
    outcome_groups,
)
from engine.core.explain.step_report import step_reports, step_time
from tests.support.builders import NOON, a_customer, a_sop, definitions, some_conditions


def a_trace(conditions: str, now: datetime = NOON, **customer: Any) -> list[dict[str, Any]]:
    """What asking these conditions of this customer records."""
    trace = Trace()
    evaluate_all(some_conditions(conditions), Context(a_customer(**customer), definitions(), now, {}), "when", trace)
    return trace.entries


def refused(number: int, trace: list[dict[str, Any]], reason: str = "condition", *customers: str) -> Group:
    examples = [
        Example(ref, NOON + timedelta(minutes=place), None, trace) for place, ref in enumerate(customers or ("c-1",))
    ]
    return Group("refused", reason, None, number, examples)


BUDGET = "[{attr: {budget: {gte: 100000}}}]"


def test_not_met_and_not_known_are_one_cause_that_says_how_many_were_not_known() -> None:
    (one,) = outcome_groups(
        [
            refused(272, a_trace(BUDGET, attributes={"budget": 5}), "condition", "poor"),
            refused(40, a_trace(BUDGET), "unknown", "silent"),
        ],
        3,
    )
    assert (one.number, one.unknown, one.reason) == (312, 40, "condition")
    assert [(each.path, each.wanted) for each in one.wanted] == [("when/0/attr/budget", {"gte": 100000})]
    assert sorted((each.customer, each.actual) for each in one.samples) == [("poor", [5]), ("silent", [None])]


def test_another_condition_is_another_cause_and_the_most_frequent_comes_first() -> None:
    told = outcome_groups([refused(2, a_trace("[{tag: a}]")), refused(5, a_trace(BUDGET, attributes={"budget": 1}))], 3)
    assert [(each.number, each.wanted[0].kind) for each in told] == [(5, "attr"), (2, "tag")]


def test_another_version_that_wants_something_else_is_another_cause() -> None:
    told = outcome_groups([refused(2, a_trace("[{tag: a}]")), refused(5, a_trace("[{tag: b}]"))], 3)
    assert [each.wanted[0].wanted for each in told] == [["b"], ["a"]]


def test_a_moment_that_is_different_for_everybody_does_not_split_a_cause() -> None:
    seen = "[{seen: {type: visit, since: 1d}}]"
    activities = {"visit": Activity(NOON - timedelta(days=9), NOON - timedelta(days=9), 1)}
    told = outcome_groups(
        [refused(1, a_trace(seen)), refused(1, a_trace(seen, NOON + timedelta(hours=1), activities=activities))], 3
    )
    assert [(each.number, each.wanted[0].wanted) for each in told] == [(2, "visit")]


def test_samples_are_the_newest_each_customer_once() -> None:
    trace = a_trace("[{tag: a}]")
    (one,) = outcome_groups(
        [refused(2, trace, "condition", "a", "b"), refused(3, trace, "condition", "a", "c", "d")], 2
    )
    assert [each.customer for each in one.samples] == ["d", "b"]


def test_what_waited_and_what_did_not_are_told_apart() -> None:
    told = outcome_groups([Group("sent", None, None, 3), Group("sent", None, None, 2, waited="cap")], 3)
    assert [(each.number, each.waited) for each in told] == [(3, None), (2, "cap")]


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_step_times_read_as_they_are_written() -> None:
    sop = a_sop(
        """
        defaults: {at: "10:00", channel: log}
        steps:
          - {id: a, day: 1, message: {text: x}}
          - {id: b, day: 2, at: "18:30", message: {text: x}}
          - {id: c, after: 90m, message: {text: x}}
          - {id: d, after: 2h, message: {text: x}}
          - {id: e, day: -3, from: attr.due, message: {text: x}}
          - {id: f, day: 3, window: "10:00-11:30", message: {text: x}}
        """
    )
    assert [step_time(each, sop) for each in sop.steps] == [
        *("day 1 10:00", "day 2 18:30", "after 90m", "after 2h", "day -3 10:00 from attr.due", "day 3 10:00-11:30"),
    ]  # fmt: skip


def test_steps_come_in_the_sops_order_then_notices_and_those_that_are_gone() -> None:
    sop = a_sop("steps: [{id: b, day: 2, do: [{notify: {to: owner, text: x}}]}, {id: a, day: 1, message: {text: x}}]")
    touches = {name: [OutcomeGroup("sent", 1)] for name in ("a", "old", "b.notify1")}
    told = step_reports(sop, {}, touches, {}, {"old": "message", "b.notify1": "notice"})
    assert [(each.step, each.when) for each in told] == [
        *(("b", "day 2 10:00"), ("a", "day 1 10:00"), ("b.notify1", "notice of b"), ("old", None)),
    ]  # fmt: skip


def test_skipped_because_it_waited_too_long_counts_as_expired() -> None:
    step = StepReport(
        "d1",
        "message",
        None,
        [],
        [
            OutcomeGroup("skipped", 2, "expired", "cap"),
            OutcomeGroup("skipped", 1, "condition"),
            OutcomeGroup("expired", 4),
        ],
    )
    assert (step.number("expired"), step.number("skipped")) == (6, 1)


# ── narrowing ────────────────────────────────────────────────────────────────────────────────────────────────


def a_why(**fields: Any) -> SopReport:
    plain: dict[str, Any] = {
        "sop": "lead", "title": "培育", "version": 2, "since": NOON - timedelta(days=7), "until": NOON, "now": NOON,
        "timezone": "Asia/Shanghai", "in_force_since": NOON, "first_in_force": NOON, "paused": [], "accepting": True,
        "triggered": 3, "started": 1, "holdout": 0, "has_goal": False, "converted": 0, "refused": [], "in_flight": 0, "finishing": 0,
        "ended": [],
        "steps": [], "awaits": [],
    }  # fmt: skip
    return SopReport(**(plain | fields))


def test_narrowed_to_a_reason_only_what_has_it_is_left() -> None:
    why = a_why(
        refused=[OutcomeGroup("refused", 2, "cooldown"), OutcomeGroup("refused", 3, "condition", unknown=1)],
        ended=[OutcomeGroup("exited", 1, "exit")],
        steps=[
            StepReport("a", "message", None, [], [OutcomeGroup("sent", 1)]),
            StepReport("b", "message", None, [OutcomeGroup("held", 1, "cap")], []),
        ],
    )
    assert [each.reason for each in narrowed(why, "cooldown", None).refused] == ["cooldown"]
    assert [each.number for each in narrowed(why, "unknown", None).refused] == [3]
    held = narrowed(why, "cap", None)
    assert (held.refused, held.ended, [each.step for each in held.steps]) == ([], [], ["b"])


def test_narrowed_to_a_step_nothing_else_is_left() -> None:
    why = a_why(
        refused=[OutcomeGroup("refused", 2, "cooldown", samples=[Sample("c")])],
        steps=[StepReport("a", "message", None), StepReport("b", "task", None)],
    )
    told = narrowed(why, None, "b")
    assert (told.refused, [each.step for each in told.steps]) == ([], ["b"])
