"""What an SOP did over a time: each kind of refusal, skip, hold and end as the real pipeline makes it, counted with samples."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from engine.core.errors import NotFound, SopError
from engine.core.explain.sop_report import OutcomeGroup, SopReport, StepReport
from engine.ports import Receipt
from engine.services.reports.sop_report import Narrowing, SopReporter
from tests.support.pipeline import AT_ONCE, ENGINE, LEAD, START, Pipeline

QUIET = ENGINE + 'quiet_hours: ["21:00", "09:00"]\n'

PICKY = """
sop: picky
title: 挑剔
trigger: [{tag_added: vip}]
when: [{not: {is: {stage: 成交客户}}}, {attr: {budget: {gte: 100000}}}]
defaults: {at: "10:00", channel: log}
steps:
  - {id: d1, day: 1, message: {text: a}, when: [{not: {tag: 已预约}}]}
  - {id: d2, day: 2, message: {text: "{{ customer.name }}"}}
"""


@pytest.fixture
def telling(pipeline: Pipeline) -> SopReporter:
    return SopReporter(pipeline.wiring.runtime)


def week(telling: SopReporter, sop: str = "lead", *, samples: int = 3, **only: str) -> SopReport:
    """What the SOP did since the story began."""
    return telling.why(sop, START, only=Narrowing(**only), samples=samples)


def told(causes: list[OutcomeGroup]) -> list[tuple[str, int, str | None]]:
    return [(each.what, each.number, each.reason) for each in causes]


def step(why: SopReport, name: str) -> StepReport:
    (one,) = [each for each in why.steps if each.step == name]
    return one


# ── who entered, and who did not ─────────────────────────────────────────────────────────────────────────────


def test_refusals_are_counted_by_the_condition_that_decided_with_what_was_found(
    pipeline: Pipeline, telling: SopReporter
) -> None:
    pipeline.apply(PICKY)
    for ref, budget in (("rich", 200_000), ("poor", 5), ("poorer", 1), ("who", None)):
        if budget is not None:
            pipeline.post(ref, "customer.updated", attributes={"budget": budget})
    pipeline.post("done", "stage.changed", value="成交客户")
    pipeline.tag("rich", "poor", "poorer", "who", "done")
    why = week(telling, "picky")
    assert (why.triggered, why.started, why.in_flight) == (5, 1, 1)
    assert told(why.refused) == [("refused", 3, "condition"), ("refused", 1, "condition")]
    budget_, stage = why.refused
    assert ([each.path for each in budget_.wanted], budget_.unknown) == (["when/1/attr/budget"], 1)
    assert {each.customer: each.actual for each in budget_.samples} == {"poor": [5], "poorer": [1], "who": [None]}
    assert [(each.path, each.negated) for each in stage.wanted] == [("when/0/not/is/stage", True)]


def test_what_refuses_besides_conditions_is_counted_by_reason(pipeline: Pipeline, telling: SopReporter) -> None:
    other = LEAD.replace("sop: lead", "sop: big\ngroup: g\npriority: 90").replace("tag_added: vip", "tag_added: big")
    pipeline.apply(other, LEAD.replace("sop: lead", "sop: lead\ngroup: g\nreentry: {mode: after_end, cooldown: 9d}"))
    pipeline.tag("c1", "c2")
    pipeline.post("c1", "message.received", text="预约")
    pipeline.post("c1", "tag.removed", tag="vip")
    pipeline.tag("c1")
    pipeline.tag("c3", tag="big")
    pipeline.tag("c3")
    pipeline.post("c4", "tag.added", tag="vip", at=START - timedelta(days=3))
    pipeline.match_all()
    refused = {each.reason: each for each in week(telling).refused}
    assert {reason: each.number for reason, each in refused.items()} == {
        "cooldown": 1,
        "group_busy": 1,
        "stale_event": 1,
    }
    assert (refused["group_busy"].detail, refused["group_busy"].samples[0].customer) == ("big", "c3")
    assert refused["cooldown"].samples[0].detail == {"until": "2026-03-10T02:00:00+00:00"}


def test_an_sop_that_takes_nobody_new_says_so(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.apply(LEAD.replace("sop: lead", "sop: lead\naccept: false"))
    pipeline.tag("c1")
    why = week(telling)
    assert (why.accepting, told(why.refused)) == (False, [("refused", 1, "not_accepting")])


def test_other_sops_and_other_times_do_not_count(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.apply(LEAD, AT_ONCE)
    pipeline.tag("c1")
    pipeline.tag("c2", tag="new")
    pipeline.wait(days=1)
    pipeline.tag("c3")
    assert (week(telling).triggered, week(telling, "hello").triggered) == (2, 1)
    assert telling.why("lead", START, START + timedelta(hours=1)).triggered == 1
    assert telling.why("lead", START + timedelta(hours=1)).triggered == 1


# ── what became of those who entered ─────────────────────────────────────────────────────────────────────────


def test_steps_tell_who_is_before_them_what_was_sent_and_what_was_skipped_and_why(
    pipeline: Pipeline, telling: SopReporter
) -> None:
    pipeline.apply(PICKY)
    for ref in ("a", "b", "c"):
        pipeline.post(ref, "customer.updated", attributes={"budget": 200_000})
    pipeline.post("b", "tag.added", tag="已预约")
    pipeline.tag("a", "b", "c")
    pipeline.post("c", "message.opted_out")
    pipeline.wait_until(1)
    pipeline.work()
    why = week(telling, "picky")
    d1, d2 = step(why, "d1"), step(why, "d2")
    assert (d1.when, d1.number("sent"), d1.number("skipped")) == ("day 1 10:00", 1, 2)
    by_reason = {each.reason: each for each in d1.touches}
    assert [each.customer for each in by_reason["opted_out"].samples] == ["c"]
    assert [each.path for each in by_reason["condition"].wanted] == ["steps/d1/when/0/not/tag"]
    assert [(each.what, each.number, each.first) for each in d2.in_flight] == [
        ("planned", 3, START + timedelta(days=2))
    ]
    pipeline.wait_until(2)
    pipeline.work()
    held = step(week(telling, "picky"), "d2").in_flight
    assert [(each.what, each.number, each.reason) for each in held] == [("held", 2, "missing_value")]
    assert held[0].detail
    assert "customer.name" in held[0].detail


def test_what_waits_and_what_was_late_is_told_by_what_held_it(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.apply(LEAD.replace('"10:00"', '"22:00"'), engine=QUIET)
    pipeline.tag("c1")
    pipeline.wait_until(1, "22:00")
    pipeline.work()
    assert [(each.what, each.reason) for each in step(week(telling), "d1").in_flight] == [("held", "quiet_hours")]
    pipeline.wait_until(2, "09:00")
    pipeline.work()
    assert [(each.what, each.waited) for each in step(week(telling), "d1").touches] == [("sent", "quiet_hours")]


def test_what_waited_too_long_counts_as_expired_and_names_what_held_it(
    pipeline: Pipeline, telling: SopReporter
) -> None:
    pipeline.apply(LEAD.replace('at: "10:00"', 'at: "22:00", expires: 1h'), engine=QUIET)
    pipeline.tag("c1")
    pipeline.wait_until(1, "22:00")
    pipeline.work()
    d1 = step(week(telling), "d1")
    assert (d1.number("expired"), d1.number("skipped"), d1.touches[0].detail) == (1, 0, "quiet_hours")


def test_failures_tell_what_the_provider_said_of_each(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.apply(LEAD)
    pipeline.log.answers = [Receipt("failed", "404 nobody"), Receipt("failed", "410 gone")]
    pipeline.tag("c1", "c2")
    pipeline.wait_until(1)
    pipeline.work()
    (failed,) = step(week(telling), "d1").touches
    assert (failed.what, failed.number, failed.reason) == ("failed", 2, "refused_by_provider")
    assert {each.detail for each in failed.samples} == {"404 nobody", "410 gone"}


def test_ends_are_counted_by_how_and_why(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1", "c2", "c3")
    for ref in ("c1", "c2"):
        pipeline.post(ref, "message.received", text="我要预约")
    pipeline.match_all()
    (ended,) = week(telling).ended
    assert (ended.what, ended.number, ended.reason, ended.detail) == ("exited", 2, "exit", "预约")
    assert {each.customer for each in ended.samples} == {"c1", "c2"}


def test_goals_the_comparison_group_variants_and_notices_are_counted(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.apply(
        """
        sop: lead
        title: 培育
        trigger: [{tag_added: vip}]
        goal: {event: {type: purchase}, within: 30d}
        holdout: "40%"
        defaults: {at: "10:00", channel: log}
        steps:
          - {id: d1, day: 1, variants: [{id: a, weight: 50, message: {text: a}}, {id: b, weight: 50, message: {text: b}}]}
          - {id: tell, day: 2, do: [{notify: {to: owner, text: look}}]}
        """
    )
    refs = [f"c{number}" for number in range(20)]
    pipeline.tag(*refs)
    pipeline.wait_until(1)
    pipeline.work()
    pipeline.post("c0", "purchase", order="A", amount=1)
    pipeline.wait_until(2)
    pipeline.work()
    why = week(telling)
    d1 = step(why, "d1")
    out = sum(row.holdout for row in pipeline.timelines())
    assert (why.has_goal, why.converted, why.holdout) == (True, 1, out)
    assert {each.reason: each.number for each in d1.touches} == {"holdout": out, None: 20 - out}
    assert sum(d1.variants.values()) == 20 - out
    assert (step(why, "tell.notify1").when, step(why, "tell.notify1").kind) == ("notice of tell", "notice")


def test_pauses_that_hold_it_are_told(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.apply(LEAD)
    for kind, name in (("sop", "lead"), ("sop", "other"), ("channel", "log"), ("channel", "second")):
        pipeline.run(
            "insert into pauses (kind, name, since) values (:kind, :name, :at)", kind=kind, name=name, at=START
        )
    assert week(telling).paused == ["sop", "channel log"]


# ── narrowing ────────────────────────────────────────────────────────────────────────────────────────────────


def test_asked_for_a_reason_or_a_step_only_that_is_told(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.post("c1", "message.opted_out")
    pipeline.wait_until(1)
    pipeline.work()
    narrowed = week(telling, reason="opted_out")
    assert ([each.step for each in narrowed.steps], narrowed.refused) == (["d1"], [])
    assert [each.step for each in week(telling, step="d3").steps] == ["d3"]


def test_samples_are_as_many_as_asked_for(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.apply(LEAD.replace("sop: lead", "sop: lead\naccept: false"))
    pipeline.tag(*(f"c{number}" for number in range(6)))
    assert len(week(telling).refused[0].samples) == 3
    assert len(week(telling, samples=5).refused[0].samples) == 5
    assert week(telling, samples=0).refused[0].samples == []


def test_what_there_is_not_is_told_with_what_there_is(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.apply(LEAD)
    with pytest.raises(NotFound, match="Did you mean `lead`"):
        week(telling, "leed")
    with pytest.raises(SopError, match=r"no step `d2`.*Its steps: d1, d3"):
        week(telling, step="d2")
    with pytest.raises(SopError, match=r"no reason `cooldwn`.*Did you mean `cooldown`"):
        week(telling, reason="cooldwn")
    with pytest.raises(SopError, match="is empty"):
        telling.why("lead", START, START)
    with pytest.raises(SopError, match="is empty"):
        telling.why("lead", START + timedelta(hours=1))


# ── nobody triggered it ──────────────────────────────────────────────────────────────────────────────────────


def test_an_sop_nobody_triggered_tells_what_came_instead(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1", "c2", tag="vlp")
    why = week(telling)
    (awaited,) = why.awaits
    assert (why.triggered, awaited.path, awaited.seen, awaited.already) == (0, "trigger/0/tag_added", [], 0)
    assert [(each.name, each.number) for each in awaited.near] == [("vlp", 2)]


def test_a_tag_that_was_set_already_tells_that_it_changed_nothing(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.tag("c1")
    pipeline.wait(hours=1)
    pipeline.apply(LEAD)
    pipeline.wait(hours=1)
    pipeline.tag("c1")
    why = telling.why("lead", START + timedelta(minutes=90))
    (awaited,) = why.awaits
    assert [(each.name, each.number, each.idle) for each in awaited.seen] == [("vip", 1, 1)]
    assert (awaited.already, why.first_in_force) == (1, START + timedelta(hours=1))


def test_clocks_and_dates_tell_how_many_customers_they_concern(pipeline: Pipeline, telling: SopReporter) -> None:
    engine = ENGINE.replace("budget: number", "budget: number, due: date") + "clocks: {any: {kinds: [visit]}}\n"
    triggers = "trigger: [{silent: {clock: any, days: 3}}, {date: {attribute: due}}]"
    pipeline.apply(AT_ONCE.replace("trigger: [{tag_added: new}]", triggers), engine=engine)
    pipeline.post("c1", "customer.updated", attributes={"due": "2027-01-01"})
    pipeline.match_all()
    assert [(each.path, each.already) for each in week(telling, "hello").awaits] == [
        ("trigger/0/silent", 0),
        ("trigger/1/date", 1),
    ]


def test_what_is_in_force_since_when_is_told(pipeline: Pipeline, telling: SopReporter) -> None:
    pipeline.apply(LEAD)
    pipeline.wait(days=1)
    pipeline.apply(LEAD.replace("第一天", "改过"))
    why = week(telling)
    later: datetime = START + timedelta(days=1)
    assert (why.version, why.first_in_force, why.in_force_since) == (2, START, later)
