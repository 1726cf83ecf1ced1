"""Editing an SOP while customers are inside it: what each kind of change does to them, through the whole pipeline.

Steps not yet had come from the new version, by their id; a step whose time has passed is not sent.
"""

from __future__ import annotations

import pytest

from tests.support.pipeline import LEAD, Pipeline

FOUR = """
sop: lead
title: 培育
trigger: [{tag_added: vip}]
defaults: {at: "10:00", channel: log}
steps:
  - {id: d1, day: 1, message: {text: 第一天}}
  - {id: d3, day: 3, message: {text: 第三天}}
  - {id: d8, day: 8, message: {text: 第八天}}
  - {id: d15, day: 15, message: {text: 第十五天}}
"""


def on_day(pipeline: Pipeline, day: int, at: str = "10:00") -> None:
    """Let everything happen up to a day, tick by tick."""
    pipeline.wait_until(day, at)
    pipeline.work()


def days(pipeline: Pipeline, *between: int) -> None:
    for day in between:
        on_day(pipeline, day)


def sent(pipeline: Pipeline) -> list[tuple[str, str]]:
    """Step and text of everything that went out, in order."""
    return [(each.step, each.body["text"]) for each in pipeline.log.delivered]


def skipped(pipeline: Pipeline) -> list[tuple[str, str]]:
    return [(row.step, row.reason) for row in pipeline.touches() if row.status == "skipped"]


@pytest.fixture
def on_day_five(pipeline: Pipeline) -> Pipeline:
    """A customer who has had d1 and d3 and waits for d8."""
    pipeline.apply(FOUR)
    pipeline.tag("c1")
    days(pipeline, 1, 3, 5)
    assert [step for step, _ in sent(pipeline)] == ["d1", "d3"]
    return pipeline


def test_a_corrected_text_reaches_those_who_wait_for_it(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("第八天", "第八天，更正"))
    days(on_day_five, 8)
    assert sent(on_day_five)[-1] == ("d8", "第八天，更正")
    assert [row.version for row in on_day_five.touches()] == [1, 1, 2]


def test_what_is_queued_already_keeps_its_text(pipeline: Pipeline) -> None:
    """It has its key and its body: a retry after the correction sends the same bytes."""
    pipeline.apply(FOUR)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.plan()
    pipeline.apply(FOUR.replace("第一天", "更正"))
    pipeline.work()
    assert sent(pipeline) == [("d1", "第一天")]


def test_a_step_inserted_after_where_people_stand_reaches_them(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("  - {id: d8,", "  - {id: d6, day: 6, message: {text: 第六天}}\n  - {id: d8,"))
    days(on_day_five, 6, 8)
    assert [step for step, _ in sent(on_day_five)] == ["d1", "d3", "d6", "d8"]


def test_a_step_inserted_before_where_people_stand_is_not_sent_and_says_so(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("  - {id: d3,", "  - {id: d2, day: 2, message: {text: 第二天}}\n  - {id: d3,"))
    days(on_day_five, 6, 8)
    assert [step for step, _ in sent(on_day_five)] == ["d1", "d3", "d8"]
    assert skipped(on_day_five) == [("d2", "passed")]


def test_who_comes_after_gets_the_inserted_step(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("  - {id: d3,", "  - {id: d2, day: 2, message: {text: 第二天}}\n  - {id: d3,"))
    on_day_five.tag("c2")
    days(on_day_five, 6, 7)
    assert [(each.customer, each.step) for each in on_day_five.log.delivered if each.customer == "c2"] == [
        ("c2", "d1"),
        ("c2", "d2"),
    ]


def test_a_removed_step_is_not_sent_and_the_next_one_is(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("  - {id: d8, day: 8, message: {text: 第八天}}\n", ""))
    assert on_day_five.timeline().next_step == "d15"
    days(on_day_five, 8, 15)
    assert [step for step, _ in sent(on_day_five)] == ["d1", "d3", "d15"]


def test_with_the_last_steps_removed_the_timeline_completes(on_day_five: Pipeline) -> None:
    shorter = FOUR[: FOUR.index("  - {id: d8")]
    on_day_five.apply(shorter)
    on_day_five.work()
    assert (on_day_five.timeline().state, on_day_five.timeline().reason) == ("completed", None)


def test_a_day_moved_later_moves_those_who_wait(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("id: d8, day: 8", "id: d8, day: 10"))
    days(on_day_five, 8, 9)
    assert [step for step, _ in sent(on_day_five)] == ["d1", "d3"]
    days(on_day_five, 10)
    assert sent(on_day_five)[-1][0] == "d8"


def test_a_day_moved_earlier_but_ahead_moves_them_too(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("id: d8, day: 8", "id: d8, day: 6"))
    days(on_day_five, 6)
    assert sent(on_day_five)[-1][0] == "d8"


def test_a_day_moved_into_the_past_is_not_sent(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("id: d8, day: 8", "id: d8, day: 4"))
    days(on_day_five, 6, 8, 15)
    assert [step for step, _ in sent(on_day_five)] == ["d1", "d3", "d15"]
    assert skipped(on_day_five) == [("d8", "passed")]


def test_a_step_that_was_had_is_not_sent_again_wherever_it_moves(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("id: d3, day: 3", "id: d3, day: 7"))
    days(on_day_five, 7, 8)
    assert [step for step, _ in sent(on_day_five)] == ["d1", "d3", "d8"]


def test_a_step_with_a_new_id_is_a_new_step(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("id: d3, day: 3", "id: third, day: 7"))
    days(on_day_five, 7)
    assert sent(on_day_five)[-1][0] == "third"


def test_another_trigger_concerns_who_comes_from_now_on(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("tag_added: vip", "tag_added: gold"))
    on_day_five.tag("c2")
    on_day_five.tag("c3", tag="gold")
    days(on_day_five, 6, 8)
    assert on_day_five.log.steps[2:] == [("c3", "d1"), ("c1", "d8"), ("c3", "d3")]


def test_a_stricter_while_ends_those_it_does_not_hold_for_before_their_next_touch(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("defaults:", "while: [{tag: gold}]\ndefaults:"))
    days(on_day_five, 8)
    assert (on_day_five.timeline().state, on_day_five.timeline().reason) == ("exited", "while_ended")
    assert len(sent(on_day_five)) == 2


def test_accept_false_takes_nobody_new_and_lets_those_inside_run_out(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("defaults:", "accept: false\ndefaults:"))
    row = on_day_five.post("c2", "tag.added", tag="vip")
    days(on_day_five, 8, 15, 16)
    assert on_day_five.event(row).outcome["refused"][0]["reason"] == "not_accepting"
    assert [step for step, _ in sent(on_day_five)] == ["d1", "d3", "d8", "d15"]
    assert [each.state for each in on_day_five.timelines()] == ["completed"]


def test_with_its_file_removed_the_timelines_end_and_what_is_queued_is_called_back(pipeline: Pipeline) -> None:
    pipeline.apply(FOUR)
    pipeline.tag("c1", "c2")
    days(pipeline, 1)
    pipeline.wait_until(3)
    pipeline.plan()
    pipeline.apply(LEAD.replace("sop: lead", "sop: other"))
    pipeline.work()
    assert {(each.state, each.reason) for each in pipeline.timelines()} == {("exited", "sop_removed")}
    assert [(row.step, row.status, row.reason) for row in pipeline.touches("d3")] == [
        ("d3", "cancelled", "timeline_ended")
    ] * 2
    assert len(pipeline.log.delivered) == 2


def test_put_back_under_its_id_it_starts_anew_for_those_triggered_again(on_day_five: Pipeline) -> None:
    on_day_five.apply(LEAD.replace("sop: lead", "sop: other"))
    on_day_five.apply(FOUR)
    assert on_day_five.timelines()[0].state == "exited"
    on_day_five.post("c1", "tag.removed", tag="vip")
    on_day_five.tag("c1")
    days(on_day_five, 6)
    assert [step for step, _ in sent(on_day_five)] == ["d1", "d3", "d1"]


def test_a_changed_channel_is_where_the_next_step_goes(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("channel: log", "channel: second"))
    days(on_day_five, 8)
    assert on_day_five.second.steps == [("c1", "d8")]


def test_a_changed_goal_counts_from_the_same_anchor(on_day_five: Pipeline) -> None:
    on_day_five.apply(FOUR.replace("defaults:", "goal: {event: {type: purchase}, within: 6d}\ndefaults:"))
    on_day_five.post("c1", "purchase", order="o1", amount=1, currency="CNY")
    on_day_five.work()
    row = on_day_five.timeline()
    assert (row.state, row.reason, (row.goal_until - row.anchor).days) == ("converted", "goal", 6)
