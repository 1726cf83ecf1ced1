"""What a pause kept from going out, and letting a timeline go on after it."""

from __future__ import annotations

from engine.core.definitions.catalog import DecisionContext
from engine.core.delivery.resume import look_again, missed, skip
from engine.core.reasons import Reason
from engine.core.time.arithmetic import FOREVER
from tests.support.builders import INSTALLATION, a_customer, a_sop, a_timeline, at, definitions

SOP = a_sop("""
defaults: {at: "10:00", channel: log, expires: 5d}
steps:
  - {id: d1, day: 1, message: {text: a}}
  - {id: d3, day: 3, do: [{add_tag: x}]}
  - {id: d8, day: 8, message: {text: b}}
  - {id: d20, day: 20, message: {text: c}}
""")
KNOWN = definitions(SOP)
DAY_12 = at("2026-03-13 10:00")
DAY_13 = at("2026-03-14 12:00")


def parked(**fields):  # type: ignore[no-untyped-def]  # as a_timeline
    timeline = a_timeline(SOP, **fields)
    timeline.park(Reason.PAUSED)
    return timeline


def test_of_what_came_due_some_is_in_time_and_some_is_late() -> None:
    found = missed(parked(), a_customer(), DecisionContext(KNOWN, DAY_12))
    assert [each.step.id for each in found.in_time] == ["d8"]
    assert [each.step.id for each in found.late] == ["d1", "d3"]
    assert [each.step.id for each in missed(parked(), a_customer(), DecisionContext(KNOWN, DAY_13)).late] == [
        "d1",
        "d3",
        "d8",
    ]


def test_what_was_had_or_lies_before_the_start_was_not_missed() -> None:
    found = missed(parked(had={"d1"}, started_at=at("2026-03-05 12:00")), a_customer(), DecisionContext(KNOWN, DAY_12))
    assert [each.step.id for each in (*found.in_time, *found.late)] == ["d8"]


def test_an_sop_that_is_no_longer_defined_has_missed_nothing_and_is_left_to_the_planner() -> None:
    timeline = parked()
    assert missed(timeline, a_customer(), DecisionContext(definitions(), DAY_12)).steps == []
    assert skip(timeline, a_customer(), DecisionContext(definitions(), DAY_12, INSTALLATION)) == []
    assert (timeline.due_at, timeline.active) == (DAY_12, True)


def test_what_is_skipped_says_why_and_the_timeline_goes_on_with_what_lies_ahead() -> None:
    timeline = parked()
    skipped = skip(timeline, a_customer(), DecisionContext(KNOWN, DAY_12, INSTALLATION))
    assert [(each.step, each.kind, each.status, each.reason) for each in skipped] == [
        ("d1", "message", "skipped", "paused"),
        ("d3", "do", "skipped", "paused"),
        ("d8", "message", "skipped", "paused"),
    ]
    assert (timeline.next_step, timeline.due_at, timeline.waiting) == ("d20", at("2026-03-21 10:00"), None)


def test_with_nothing_ahead_the_planner_finishes_it() -> None:
    timeline = parked()
    late = at("2026-04-01 10:00")
    assert len(skip(timeline, a_customer(), DecisionContext(KNOWN, late, INSTALLATION))) == 4
    assert timeline.due_at == late


def test_handed_back_it_is_due_at_once_and_still_says_what_held_it() -> None:
    timeline = parked()
    assert timeline.due_at == FOREVER
    look_again(timeline, DAY_12)
    assert (timeline.due_at, timeline.waiting, timeline.changed) == (DAY_12, Reason.PAUSED, True)
