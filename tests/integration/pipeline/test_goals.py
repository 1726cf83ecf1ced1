"""Goals through the real pipeline: when one counts, and what reaching it does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.goals import GOAL, THANKS, buy, complete, days, ends, lead
from tests.support.pipeline import START, Pipeline
from tests.support.silent_customers import CLOCKS, WAKE

# ── when it counts ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_goal_ends_the_timeline_as_converted_and_calls_back_what_is_queued(pipeline: Pipeline) -> None:
    pipeline.apply(lead())
    pipeline.tag("c1")
    pipeline.wait_until(1)
    assert pipeline.plan() == 1
    bought = buy(pipeline)
    assert ends(pipeline) == [("converted", "goal", days(1))]
    assert pipeline.timeline().converted_by == f"crm/{bought.event_id}"
    assert bought.outcome["goals"] == [{"sop": "lead", "key": "", "path": "goal"}]
    assert pipeline.told() == [("d1", "cancelled", "timeline_ended")]
    pipeline.wait_until(3)
    pipeline.work()
    assert pipeline.log.delivered == []


@pytest.mark.parametrize(
    ("after", "counts"),
    [(timedelta(days=30), True), (timedelta(days=30, microseconds=1), False)],
    ids=["the last moment", "too late"],
)
def test_after_its_end_a_timeline_keeps_its_state_and_converts_within_the_goals_time(
    pipeline: Pipeline, after: timedelta, counts: bool
) -> None:
    pipeline.apply(lead())
    pipeline.tag("c1")
    complete(pipeline)
    pipeline.clock.at = START + after
    buy(pipeline)
    assert ends(pipeline) == [("completed", None, START + after if counts else None)]


def test_without_a_time_the_goal_counts_only_while_the_timeline_runs(pipeline: Pipeline) -> None:
    pipeline.apply(lead("{event: {type: purchase}}"))
    pipeline.tag("c1", "c2")
    buy(pipeline, subject="c2")
    for day in (1, 3):
        pipeline.wait_until(day)
        pipeline.work()
    pipeline.wait(hours=2)
    pipeline.work()
    buy(pipeline)
    assert ends(pipeline) == [("completed", None, None), ("converted", "goal", START)]


@pytest.mark.parametrize(("seconds", "counts"), [(-1, False), (0, True)])
def test_what_happened_before_the_start_is_no_conversion(pipeline: Pipeline, seconds: int, counts: bool) -> None:
    pipeline.apply(lead())
    pipeline.tag("c1")
    buy(pipeline, at=START + timedelta(seconds=seconds))
    assert (pipeline.timeline().converted_at is not None) is counts


def test_the_event_that_starts_a_timeline_is_not_its_goal(pipeline: Pipeline) -> None:
    pipeline.apply(lead().replace("tag_added: vip", "event: {type: purchase}"))
    buy(pipeline)
    assert ends(pipeline) == [("active", None, None)]
    pipeline.wait(hours=1)
    buy(pipeline, order="B")
    converted, again = ends(pipeline)
    assert converted == ("converted", "goal", START + timedelta(hours=1))
    assert again == ("active", None, None)


def test_only_the_first_conversion_is_kept(pipeline: Pipeline) -> None:
    pipeline.apply(lead())
    pipeline.tag("c1")
    first = buy(pipeline, at=days(0))
    pipeline.wait_until(2)
    second = buy(pipeline, order="B")
    assert (pipeline.timeline().converted_at, pipeline.timeline().converted_by) == (START, f"crm/{first.event_id}")
    assert "goals" not in second.outcome


def test_of_two_matched_together_the_first_in_the_inbox_is_kept(pipeline: Pipeline) -> None:
    pipeline.apply(lead())
    pipeline.tag("c1")
    pipeline.wait_until(2)
    pipeline.post("c1", "purchase", at=days(1), order="A", amount=1)
    pipeline.post("c1", "purchase", order="B", amount=1)
    pipeline.match_all()
    assert ends(pipeline) == [("converted", "goal", days(1))]


def test_a_late_event_counts_beside_a_newer_one_matched_together(pipeline: Pipeline) -> None:
    pipeline.apply(lead())
    pipeline.tag("c1")
    complete(pipeline)
    pipeline.wait_until(45)
    pipeline.post("c1", "purchase", order="too late", amount=1)
    pipeline.post("c1", "purchase", at=days(29), order="late", amount=1)
    pipeline.match_all()
    assert ends(pipeline) == [("completed", None, days(29))]


def test_a_late_event_counts_by_when_it_happened(pipeline: Pipeline) -> None:
    pipeline.apply(lead())
    pipeline.tag("c1")
    complete(pipeline)
    pipeline.wait_until(45)
    buy(pipeline, at=days(31), order="late and too late")
    assert pipeline.timeline().converted_at is None
    buy(pipeline, at=days(29), order="late")
    assert ends(pipeline) == [("completed", None, days(29))]


def test_backfilled_events_convert_too_since_they_are_facts(pipeline: Pipeline) -> None:
    pipeline.apply(lead())
    pipeline.tag("c1")
    pipeline.wait_until(10)
    raw = {
        "source": "crm",
        "id": "import-1",
        "type": "purchase",
        "subject": "c1",
        "time": days(0.5).isoformat(),
        "data": {"order": "A", "amount": 1},
    }
    assert pipeline.wiring.ingest.accept([(0, raw)], backfill=True).rejected == []
    pipeline.match_all()
    assert ends(pipeline) == [("converted", "goal", days(0.5))]


# ── beside exits ─────────────────────────────────────────────────────────────────────────────────────────────

BESIDE = """
sop: beside
title: 陪伴
trigger: [{tag_added: vip}]
while: [{in_sop: lead}]
steps: [{id: b, day: 5, at: "10:00", channel: log, message: {text: 您好}}]
"""


@pytest.mark.parametrize("goal", [GOAL, "{event: {type: purchase}}"], ids=["with a time", "while it runs"])
def test_an_exit_on_the_same_event_ends_it_with_its_follow_up_and_the_goal_still_counts(
    pipeline: Pipeline, goal: str
) -> None:
    pipeline.apply(lead(goal, "exit: [{event: {type: purchase}, as: 成交, do: [{start: thanks}]}]"), THANKS)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    assert pipeline.plan() == 1
    buy(pipeline)
    assert ends(pipeline) == [("exited", "exit", days(1)), ("active", None, None)]
    assert pipeline.told() == [("d1", "cancelled", "timeline_ended")]
    assert [each.sop for each in pipeline.timelines()] == ["lead", "thanks"]


def test_a_goal_after_an_exit_counts_within_its_time_and_changes_no_state(pipeline: Pipeline) -> None:
    pipeline.apply(lead(GOAL, "exit: [{replied: {contains: 不要}}]"))
    pipeline.tag("c1")
    pipeline.post("c1", "message.received", text="不要了")
    pipeline.wait_until(20)
    buy(pipeline)
    assert ends(pipeline) == [("exited", "exit", days(20))]


def test_a_goal_that_ends_what_another_sop_asks_for_ends_that_one_too(pipeline: Pipeline) -> None:
    pipeline.apply(lead(GOAL, "priority: 90"), BESIDE)
    pipeline.tag("c1")
    assert [each.state for each in pipeline.timelines()] == ["active", "active"]
    buy(pipeline)
    assert [(each.sop, each.state, each.reason) for each in pipeline.timelines()] == [
        ("lead", "converted", "goal"),
        ("beside", "exited", "while_ended"),
    ]


# ── silence ──────────────────────────────────────────────────────────────────────────────────────────────────


def sweep_at(pipeline: Pipeline, day: int) -> None:
    pipeline.wait_until(day, "00:00")
    pipeline.wiring.silence_sweeper.run()
    pipeline.match_all()


def test_what_wakes_a_silent_customer_ends_the_episode_and_is_the_goal_as_well(pipeline: Pipeline) -> None:
    pipeline.apply(WAKE + "goal: {replied: {}, within: 14d}\n", engine=CLOCKS)
    pipeline.post("c1", "visit")
    pipeline.match_all()
    sweep_at(pipeline, 30)
    assert [each.sop for each in pipeline.timelines()] == ["wake"]
    pipeline.wait_until(31)
    pipeline.post("c1", "message.received", text="在的")
    pipeline.match_all()
    assert ends(pipeline) == [("exited", "active_again", days(31))]


def test_silence_can_be_a_goal(pipeline: Pipeline) -> None:
    pipeline.apply(lead("{silent: {clock: any, days: 7}, within: 30d}"), engine=CLOCKS)
    pipeline.tag("c1")
    pipeline.post("c1", "visit")
    pipeline.match_all()
    complete(pipeline)
    sweep_at(pipeline, 7)
    midnight = days(7) - timedelta(hours=10)
    assert ends(pipeline) == [("completed", None, midnight)]
