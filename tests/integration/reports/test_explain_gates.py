"""What holds a step, moves it, or becomes of it: each as it happens in the real pipeline, and as the story tells it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from engine.core.explain.story import StepEntry, Story
from engine.messages.story import StoryFormatter
from engine.ports import Receipt
from engine.services.reports.explain import CustomerExplainer
from tests.support.pipeline import AT_ONCE, ENGINE, LEAD, START, Pipeline

QUIET = ENGINE + 'quiet_hours: ["21:00", "09:00"]\n'
CAPPED = ENGINE + "caps: [{max: 1, per: 1d}]\n"
OFF = ENGINE + "calendar: {country: CN, skip: [public_holiday], also: [2026-03-02, 2026-03-03]}\n"


@pytest.fixture
def explaining(pipeline: Pipeline) -> CustomerExplainer:
    return CustomerExplainer(pipeline.wiring.runtime)


def one_step(name: str, step: str, *more: str, priority: int = 50) -> str:
    """An SOP of one step, and further lines."""
    return "\n".join(
        [
            f"sop: {name}\ntitle: {name}\npriority: {priority}",
            "trigger: [{tag_added: vip}]\ndefaults: {at: '10:00', channel: log}",
            *more,
            f"steps: [{{id: s, {step}}}]",
        ]
    )


HI = "message: {text: hi}"


def told(story: Story, sop: str, step: str = "s") -> list[StepEntry]:
    return [each for timeline in story.timelines if timeline.sop == sop for each in timeline.steps if each.step == step]


def said(story: Story, sop: str, step: str = "s") -> str:
    """What the story says of a step in English."""
    words = StoryFormatter("en", story.timezone)
    return " | ".join(words.step(each) for each in told(story, sop, step))


def test_quiet_hours_are_foreseen_then_hold_then_are_told_of_what_went_out(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.apply(one_step("late", f"after: 12h, {HI}"), engine=QUIET)
    pipeline.tag("c1")
    assert said(explaining.explain("c1"), "late") == (
        "planned for 2026-03-01 22:00; because of quiet hours it goes out 2026-03-02 09:00"
    )
    pipeline.wait_until(0, "22:00")
    pipeline.work()
    assert said(explaining.explain("c1"), "late") == (
        "due 2026-03-01 22:00, held back: quiet hours; it waits for their end; it goes out 2026-03-02 09:00"
    )
    pipeline.wait_until(1, "09:00")
    pipeline.work()
    assert said(explaining.explain("c1"), "late").startswith(
        "sent 2026-03-02 09:00 over log (was due 2026-03-01 22:00, waited for quiet hours)"
    )


def test_days_off_are_foreseen_and_told(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    pipeline.apply(one_step("lead", f"day: 1, {HI}"), engine=OFF)
    pipeline.tag("c1")
    assert said(explaining.explain("c1"), "lead") == (
        "planned for 2026-03-02 10:00; because of days off it goes out 2026-03-04 10:00"
    )
    pipeline.wait_until(3)
    pipeline.work()
    assert told(explaining.explain("c1"), "lead")[0].waited == "holiday"


def test_a_cap_names_its_limit_and_the_message_that_took_the_room(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.apply(
        one_step("high", f"day: 1, {HI}", priority=90), one_step("low", f"day: 1, {HI}", priority=10), engine=CAPPED
    )
    pipeline.tag("c1")
    assert told(explaining.explain("c1"), "low")[0].expected == START + timedelta(days=2)
    pipeline.wait_until(1)
    pipeline.work()
    assert said(explaining.explain("c1"), "low") == (
        "due 2026-03-02 10:00, held back: the cap is reached; it waits for a day with room (1 a day at most); "
        "the room was taken by high s (03-02); it goes out 2026-03-03 10:00"
    )


def test_a_cap_names_the_sop_of_higher_priority_that_comes_later_that_day(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    evening = one_step("high", f'day: 1, at: "18:00", {HI}', priority=90)
    pipeline.apply(evening, one_step("low", f"day: 1, {HI}", priority=10), engine=CAPPED)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.work()
    assert "1 a day at most; high, of higher priority, comes first later that day" in said(
        explaining.explain("c1"), "low"
    )


def test_what_expired_says_what_held_it(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    pipeline.apply(one_step("late", f"after: 12h, expires: 1h, {HI}"), engine=QUIET)
    pipeline.tag("c1")
    pipeline.wait_until(0, "22:00")
    pipeline.work()
    assert said(explaining.explain("c1"), "late").endswith("it has expired (held by quiet hours)")


def test_the_variant_is_told_before_and_after(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    pipeline.apply(one_step("lead", "day: 1, variants: [{id: b, weight: 1, message: {text: hi}}]"))
    pipeline.tag("c1")
    assert told(explaining.explain("c1"), "lead")[0].variant == "b"
    pipeline.wait_until(1)
    pipeline.work()
    assert ", variant b" in said(explaining.explain("c1"), "lead")


def test_no_variant_names_the_conditions_of_all(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    variants = "[{id: a, when: [{tag: x}], message: {text: a}}, {id: b, when: [{tag: y}], message: {text: b}}]"
    pipeline.apply(one_step("lead", f"day: 1, variants: {variants}"))
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.work()
    assert said(explaining.explain("c1"), "lead") == (
        "skipped, due 2026-03-02 10:00: no variant's conditions hold: lacks the tag x (steps/s/variants/0/when/0/tag); "
        "lacks the tag y (steps/s/variants/1/when/0/tag)"
    )


def test_the_comparison_group_is_told_and_what_it_will_not_get(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.apply(one_step("lead", f"day: 1, {HI}", 'holdout: "100%"'))
    pipeline.tag("c1")
    story = explaining.explain("c1")
    assert (story.timelines[0].holdout, told(story, "lead")[0].skip) == (True, "holdout")
    pipeline.wait_until(1)
    pipeline.work()
    assert said(explaining.explain("c1"), "lead").endswith("in the holdout group; nothing is sent")


def test_a_goal_reached_after_the_end_is_told_with_the_event_and_the_timeline(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.apply(one_step("lead", f"day: 1, {HI}", "goal: {event: {type: purchase}, within: 30d}"))
    pipeline.tag("c1")
    for hour in ("10:00", "11:00"):
        pipeline.wait_until(1, hour)
        pipeline.work()
    (before,) = explaining.explain("c1").timelines
    assert (before.state, before.converted_at, before.goal_until) == ("completed", None, START + timedelta(days=30))
    pipeline.post("c1", "purchase", order="A", amount=1)
    pipeline.match_all()
    story = explaining.explain("c1")
    assert (story.timelines[0].state, story.timelines[0].converted_at) == ("completed", pipeline.clock.at)
    assert [(each.what, each.sop) for each in story.events[-1].decisions] == [("converted", "lead")]


def test_paused_timelines_and_queued_touches_say_so(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.run("insert into pauses (kind, name, since) values ('sop', 'lead', :at)", at=START)
    pipeline.wait_until(1)
    pipeline.work()
    assert pipeline.timeline().waiting == "paused"
    assert (
        said(explaining.explain("c1"), "lead", "d1")
        == "due 2026-03-02 10:00, held back: paused, until 2026-03-03 22:00"
    )
    assert said(explaining.explain("c1"), "lead", "d3") == "planned for 2026-03-04 10:00: paused"


def test_a_fallback_is_told_beside_the_channel_it_stands_for(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    pipeline.apply(one_step("lead", f"day: 1, channel: [log, second], fallback_after: 24h, expires: 5d, {HI}"))
    pipeline.log.answers = [Receipt("handed")]
    pipeline.tag("c1")
    for day in (1, 2):
        pipeline.wait_until(day)
        pipeline.work()
    first, then = told(explaining.explain("c1"), "lead")
    assert (first.status, first.reason, first.channel) == ("expired", "fallback", "log")
    assert (then.status, then.fallback, then.channel) == ("sent", 1, "second")
    assert ", channel number 2" in said(explaining.explain("c1"), "lead")


def test_a_notice_is_told_as_one(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    pipeline.apply(one_step("lead", "day: 1, do: [{notify: {to: owner, text: look}}]"))
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.work()
    assert said(explaining.explain("c1"), "lead", "s.notify1").startswith("staff was told 2026-03-02 10:00 over log")


def test_an_sop_that_takes_nobody_new_says_so_and_would_still_not_start(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.apply(one_step("lead", f"day: 1, {HI}", "accept: false"))
    pipeline.tag("c1")
    story = explaining.explain("c1", sop="lead", why_not=True)
    assert [(each.what, each.reason) for each in story.events[0].decisions] == [("refused", "not_accepting")]
    assert story.why_not
    assert (story.why_not.would_start.reason, story.why_not.closest[0].hits) == ("not_accepting", 1)


def test_what_is_foreseen_is_what_happens(pipeline: Pipeline, explaining: CustomerExplainer) -> None:
    """Every step to come, foreseen at the start, against the touches that came out of the real pipeline."""
    engine = ENGINE + 'quiet_hours: ["21:00", "09:00"]\ncaps: [{max: 1, per: 1d}]\n' + OFF.removeprefix(ENGINE)
    low = one_step("low", f"day: 1, {HI}", priority=10).replace("low", "low-one")
    pipeline.apply(LEAD, low, one_step("night", f"after: 35h, {HI}", priority=70), engine=engine)
    pipeline.tag("c1")
    story = explaining.explain("c1")
    foreseen = {
        (timeline.sop, each.step): (each.expected, each.skip) for timeline in story.timelines for each in timeline.steps
    }
    for hour in range(24 * 8):
        pipeline.clock.at = START + timedelta(hours=hour)
        pipeline.work()
    happened = {(row.sop, row.step): (row.sent_at or row.ended_at, row.reason) for row in pipeline.touches()}
    assert len(happened) == 4
    assert happened == foreseen


# ── why an SOP did not start ─────────────────────────────────────────────────────────────────────────────────


def test_an_sop_never_triggered_tells_what_came_closest_and_whether_it_would_start(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.apply(LEAD, AT_ONCE)
    pipeline.tag("c1", tag="vlp")
    why_not = explaining.explain("c1", sop="lead").why_not
    assert why_not
    ((miss,),) = [each.events for each in why_not.closest]
    assert (miss.kind, miss.actual, miss.wanted) == ("other", "vlp", ["vip"])
    assert (why_not.would_start.starts, why_not.applied_at) == (True, START)


def test_a_tag_set_before_the_sop_was_applied_and_again_after_says_both(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.tag("c1")
    pipeline.wait(hours=1)
    pipeline.apply(LEAD)
    pipeline.wait(hours=1)
    pipeline.tag("c1")
    why_not = explaining.explain("c1", sop="lead").why_not
    assert why_not
    assert [(each.kind, each.reason) for each in why_not.closest[0].events] == [
        ("nothing", "no_change"),
        ("before", None),
    ]


def test_a_start_refused_by_a_condition_says_with_why_not_what_holds_now(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.apply(one_step("lead", f"day: 1, {HI}", "when: [{is: {stage: 意向客户}}, {attr: {budget: {gte: 9}}}]"))
    pipeline.tag("c1")
    pipeline.post("c1", "stage.changed", value="意向客户")
    pipeline.match_all()
    why_not = explaining.explain("c1", sop="lead", why_not=True).why_not
    assert why_not
    assert [(each.path, each.holds) for each in why_not.would_start.conditions] == [("when/0", True), ("when/1", None)]
    assert (why_not.would_start.starts, why_not.would_start.reason) == (False, "unknown")


def test_of_a_customer_nobody_has_matched_yet_the_event_waits(
    pipeline: Pipeline, explaining: CustomerExplainer
) -> None:
    pipeline.apply(LEAD)
    pipeline.post("new", "tag.added", tag="vip")
    why_not = explaining.explain("new", sop="lead").why_not
    assert why_not
    assert [each.kind for each in why_not.closest[0].events] == ["unmatched"]
    assert re.search(
        "waits for the matcher", StoryFormatter("en", None).closest(why_not.closest[0], why_not.applied_at)[0]
    )
