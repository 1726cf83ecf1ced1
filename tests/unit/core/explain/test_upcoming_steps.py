"""The steps to come: when each goes out, and what becomes of it if nothing else happens."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from engine.core.customers.customer import Customer
from engine.core.definitions import Sop
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.explain.story import StepEntry, Taken
from engine.core.explain.upcoming_steps import Outlook, steps_to_come, upcoming_steps
from engine.core.time.days_off import DaysOff
from tests.support.builders import NOON, a_customer, a_sop, a_timeline, an_engine, at, definitions

PLAIN = """
steps:
  - {id: d1, day: 1, message: {text: a}}
  - {id: d3, day: 3, message: {text: b}}
"""
BREAK = DaysOff(frozenset({date(2026, 3, 2), date(2026, 3, 3)}))


def in_sops(*sops: Sop) -> Customer:
    """A customer at the first step of each of these."""
    customer = a_customer()
    for number, sop in enumerate(sops, 1):
        first = at("2026-03-02 10:00")
        customer.timelines.append(a_timeline(sop, id=number, next_step=sop.steps[0].id, step_due=first, due_at=first))
    return customer


def told(
    customer: Customer, known: Definitions, now: datetime = NOON, sop: str = "lead", **more: Any
) -> dict[str, StepEntry]:
    """The steps to come of one timeline, by step."""
    outlook = Outlook(customer, known, now, foreseen=upcoming_steps(customer, DecisionContext(known, now)), **more)
    (timeline,) = [each for each in customer.timelines if each.sop == sop]
    return {each.step: each for each in steps_to_come(timeline, outlook)}


def test_where_nothing_holds_a_step_it_is_expected_at_its_time() -> None:
    sop = a_sop(PLAIN)
    steps = told(in_sops(sop), definitions(sop))
    assert [(each.status, each.expected == each.due_at, each.moved_by) for each in steps.values()] == [
        ("planned", True, [])
    ] * 2


def test_days_off_move_a_step_and_the_break_leaves_only_the_last_of_several() -> None:
    sop = a_sop("steps: [{id: d1, day: 1, message: {text: a}}, {id: d2, day: 2, message: {text: b}}]")
    known = replace(definitions(sop), days_off=BREAK)
    steps = told(in_sops(sop), known)
    after = at("2026-03-04 10:00")
    assert (steps["d1"].skip, steps["d1"].skip_detail) == ("expired", "holiday")
    assert (steps["d2"].expected, steps["d2"].moved_by, steps["d2"].skip) == (after, ["holiday"], None)


def test_quiet_hours_move_a_step_to_their_end() -> None:
    sop = a_sop("steps: [{id: late, day: 1, at: '22:30', message: {text: a}}]")
    known = definitions(sop, engine=an_engine(quiet_hours=["21:00", "09:00"]))
    late = told(in_sops(sop), known)["late"]
    assert (late.expected, late.moved_by) == (at("2026-03-03 09:00"), ["quiet_hours"])


def test_a_cap_lets_the_higher_priority_go_first() -> None:
    high, low = a_sop(PLAIN, sop="high", priority=90), a_sop(PLAIN)
    known = definitions(high, low, engine=an_engine(caps=[{"max": 1, "per": "1d"}]))
    customer = in_sops(high, low)
    assert told(customer, known, sop="high")["d1"].expected == at("2026-03-02 10:00")
    low_d1 = told(customer, known)["d1"]
    assert (low_d1.expected, low_d1.moved_by) == (at("2026-03-03 10:00"), ["cap"])


def test_a_condition_that_does_not_hold_now_says_that_it_will_be_skipped() -> None:
    sop = a_sop("steps: [{id: d1, day: 1, when: [{tag: vip}], message: {text: a}}]")
    step = told(in_sops(sop), definitions(sop))["d1"]
    assert (step.status, step.skip, [each.path for each in step.deciding]) == (
        "planned",
        "condition",
        ["steps/d1/when/0/tag"],
    )


def test_the_variant_that_falls_to_the_customer_is_told() -> None:
    sop = a_sop("steps: [{id: d1, day: 1, variants: [{id: a, weight: 1, message: {text: x}}]}]")
    assert told(in_sops(sop), definitions(sop))["d1"].variant == "a"


def test_what_a_cap_holds_now_names_the_messages_that_took_the_room() -> None:
    sop = a_sop(PLAIN)
    known = definitions(sop, engine=an_engine(caps=[{"max": 1, "per": "1d"}]))
    customer = in_sops(sop)
    timeline = customer.timelines[0]
    timeline.waiting, timeline.detail, timeline.due_at = "cap", "1/1d", at("2026-03-03 10:00")
    customer.counted[(date(2026, 3, 2), "log")] = 1
    counted = [Taken("vip", "old", "log", date(2026, 3, 1)), Taken("vip", "hi", "log", date(2026, 3, 2))]
    step = told(customer, known, at("2026-03-02 11:00"), counted=counted)["d1"]
    assert (step.status, step.reason, step.until) == ("held", "cap", at("2026-03-03 10:00"))
    assert [each.step for each in step.room] == ["hi"]


def test_paused_and_waiting_for_events_are_told_before_anything_else() -> None:
    sop = a_sop(PLAIN)
    customer, known = in_sops(sop), definitions(sop)
    assert told(customer, known, paused={"lead"})["d1"].reason == "paused"
    assert told(customer, known, paused={"*"})["d3"].reason == "paused"
    due = told(customer, known, at("2026-03-02 10:00"), events_wait=True)["d1"]
    assert (due.status, due.reason) == ("due", "unmatched_events")


def test_foreseeing_changes_nobody() -> None:
    sop = a_sop(PLAIN)
    customer, known = in_sops(sop), definitions(sop)
    before = copy.deepcopy(customer)
    assert {step for _, step in upcoming_steps(customer, DecisionContext(known, NOON))} == {"d1", "d3"}
    assert customer == before


def test_an_sop_no_longer_defined_has_no_steps_to_come() -> None:
    sop = a_sop(PLAIN)
    customer = in_sops(sop)
    assert told(customer, definitions()) == {}
