"""A customer's story: what the database recorded, told with its reasons and with what is still to come."""

from __future__ import annotations

import pytest

from engine.core.errors import NotFound
from engine.core.explain.story import StepEntry, Story
from engine.ports import Receipt
from engine.services.reports.explain import CustomerExplainer
from tests.support.pipeline import AT_ONCE, LEAD, START, Pipeline

PICKY = """
sop: picky
title: 挑剔
trigger: [{tag_added: vip}]
when: [{is: {stage: 意向客户}}]
defaults: {at: "10:00", channel: log}
steps:
  - {id: d1, day: 1, message: {text: a}, when: [{not: {tag: 已预约}}]}
  - {id: d2, day: 2, message: {text: "{{ customer.name }}"}}
  - {id: due, day: 0, from: attr.budget, message: {text: c}}
"""


@pytest.fixture
def explaining(pipeline: Pipeline) -> CustomerExplainer:
    return CustomerExplainer(pipeline.wiring.runtime)


def step(story: Story, name: str) -> StepEntry:
    (one,) = [each for timeline in story.timelines for each in timeline.steps if each.step == name]
    return one


def test_a_started_timeline_is_told_with_its_steps_at_their_planned_times(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    story = explaining.explain("c1")
    assert [(each.what, each.sop, each.path) for each in story.events[0].decisions] == [
        ("started", "lead", "trigger/0/tag_added")
    ]
    (timeline,) = story.timelines
    assert (timeline.state, timeline.title, timeline.anchor) == ("active", "培育", START)
    assert [(each.step, each.status, f"{each.due_at:%d %H:%M}") for each in timeline.steps] == [
        ("d1", "planned", "02 02:00"),
        ("d3", "planned", "04 02:00"),
    ]
    assert story.tags == ["vip"]


def test_a_sent_step_says_when_and_the_rest_what_an_exit_left_of_it(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1, "10:05")
    pipeline.work()
    pipeline.post("c1", "message.received", text="我要预约")
    pipeline.work()
    story = explaining.explain("c1")
    assert (step(story, "d1").status, step(story, "d1").at) == ("sent", pipeline.clock.at)
    assert step(story, "d3").status == "unreached"
    assert (story.timelines[0].reason, story.timelines[0].detail) == ("exit", "预约")
    assert [(each.what, each.reason) for each in story.events[1].decisions] == [("ended", "exit")]


def test_a_refusal_names_the_condition_that_decided(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    pipeline.apply(PICKY.replace("attr.budget", "event.data.due"))
    pipeline.tag("c1")
    (refused,) = explaining.explain("c1").events[0].decisions
    (one,) = refused.deciding
    assert (refused.what, refused.reason) == ("refused", "condition")
    assert (one.path, one.wanted, one.actual) == ("when/0/is/stage", ["意向客户"], None)


def test_steps_skipped_held_back_and_without_a_date_say_why(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    pipeline.apply(PICKY.replace("attr.budget", "event.data.due"))
    pipeline.post("c1", "stage.changed", value="意向客户")
    pipeline.post("c1", "tag.added", tag="已预约")
    pipeline.tag("c1")
    for day in (1, 2):
        pipeline.wait_until(day, "10:05")
        pipeline.work()
    story = explaining.explain("c1")
    skipped, held, undated = step(story, "d1"), step(story, "d2"), step(story, "due")
    assert (skipped.status, skipped.reason) == ("skipped", "condition")
    assert [each.path for each in skipped.deciding] == ["steps/d1/when/0/not/tag"]
    assert (held.status, held.reason) == ("held", "missing_value")
    assert held.detail and "customer.name" in held.detail
    assert held.until and held.until > pipeline.clock.at
    assert (undated.status, undated.detail) == ("undated", "event.data.due")


def test_a_retry_says_when_it_is_tried_again(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.log.answers = [Receipt("retry", "503")]
    pipeline.plan()
    pipeline.send()
    told = step(explaining.explain("c1"), "d1")
    assert (told.status, told.reason, told.detail, told.attempt) == ("queued", "retry", "503", 1)
    assert told.until and told.until > pipeline.clock.at


def test_what_is_paused_says_so_queued_or_still_to_come(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.plan()
    pipeline.run("insert into pauses (kind, name, since) values ('sop', 'lead', now())")
    story = explaining.explain("c1")
    assert [(each.step, each.status, each.reason) for each in story.timelines[0].steps] == [
        ("d1", "queued", "paused"),
        ("d3", "planned", "paused"),
    ]


def test_a_due_step_waits_for_events_that_are_not_matched_yet(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.post("c1", "visit")
    story = explaining.explain("c1")
    assert (step(story, "d1").status, step(story, "d1").reason) == ("due", "unmatched_events")
    assert story.events[-1].matched_at is None


def test_an_event_of_a_customer_nobody_has_matched_yet_is_told(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.post("new", "visit")
    story = explaining.explain("new")
    assert ([each.type for each in story.events], story.timelines) == (["visit"], [])


def test_asked_about_one_sop_only_what_concerns_it_is_told(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    pipeline.apply(LEAD, AT_ONCE)
    pipeline.post("c1", "visit")
    pipeline.tag("c1")
    pipeline.tag("c1", tag="new")
    story = explaining.explain("c1", sop="hello")
    assert ([each.data for each in story.events], [each.sop for each in story.timelines]) == (
        [{"tag": "new"}],
        ["hello"],
    )
    assert story.waits_for == []


def test_an_sop_that_nothing_triggered_tells_what_it_waits_for(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.apply(LEAD, AT_ONCE)
    pipeline.tag("c1")
    assert explaining.explain("c1", sop="hello").waits_for == ["tag_added: new"]


def test_older_events_than_asked_for_are_left_out_and_that_is_said(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    for number in range(3):
        pipeline.post("c1", "visit", number=number)
    story = explaining.explain("c1", events=2)
    assert ([each.data["number"] for each in story.events], story.earlier_events) == ([1, 2], True)
    assert explaining.explain("c1", events=3).earlier_events is False


def test_nobody_and_no_such_sop_are_told_with_the_nearest(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("customer-42")
    with pytest.raises(NotFound, match="Did you mean `customer-42`"):
        explaining.explain("customer-4")
    with pytest.raises(NotFound, match="Did you mean `lead`"):
        explaining.explain("customer-42", sop="leed")
