"""Matching on real servers: what of an event ends up in the database."""

from __future__ import annotations

from datetime import timedelta

from tests.support.pipeline import LEAD, START, Pipeline

BOOKING = """
sop: booking
title: 预约
trigger: [{tag_added: 预约}]
defaults: {channel: log}
steps: [{id: confirm, after: 1m, message: {text: 已预约}}]
"""


def test_an_event_leaves_its_facts_a_timeline_and_an_outcome(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    row = pipeline.post("c1", "tag.added", tag="vip")
    assert pipeline.match_all() == 1
    (tag,) = pipeline.rows("select * from customer_tags")
    timeline = pipeline.timeline()
    assert (tag.tag, tag.present, tag.changed_at, tag.set_by) == ("vip", True, START, "crm")
    assert (timeline.ref, timeline.sop, timeline.anchor, timeline.next_step) == ("c1", "lead", START, "d1")
    assert timeline.due_at == START + timedelta(days=1)
    assert pipeline.event(row).matched_at == START
    assert pipeline.event(row).outcome["started"] == [
        {"sop": "lead", "key": "", "path": "trigger/0/tag_added", "version": 1}
    ]


def test_everything_an_event_can_write_is_read_back_by_the_next_one(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    data = {
        "attributes": {"name": "王芳", "budget": 3},
        "timezone": "Asia/Tokyo",
        "staff": {"owner": "li"},
        "addresses": {"sms": "+86"},
    }
    for _ in range(2):
        pipeline.post("c1", "customer.created", **data)
        pipeline.post("c1", "stage.changed", value="意向客户")
        pipeline.post("c1", "friend.added", staff="li", state="qr1")
        pipeline.post("c1", "message.opted_out", channel="sms")
    pipeline.match_all()
    reasons = [row.outcome.get("reason") for row in pipeline.rows("select outcome from events order by id")]
    assert reasons == [None] * 4 + ["no_change"] * 4
    (customer,) = pipeline.rows("select * from customers")
    assert customer.attributes == {"name": "王芳", "budget": 3}
    assert (customer.timezone, customer.staff) == ("Asia/Tokyo", {"owner": "li"})
    assert (customer.friends, customer.opt_outs) == ({"li": "qr1"}, ["sms"])
    history = pipeline.rows("select value_before, value_after from dimension_history")
    assert [tuple(each) for each in history] == [(None, "意向客户")]


def test_activities_are_counted_whatever_order_they_come_in(pipeline: Pipeline) -> None:
    for hours in (0, -2, -1):
        pipeline.post("c1", "visit", at=START + timedelta(hours=hours))
        pipeline.match_all()
    (visits,) = pipeline.rows("select * from activities")
    assert (visits.first_at, visits.last_at, visits.times) == (START - timedelta(hours=2), START, 3)


def test_an_exit_ends_the_timeline_calls_back_what_is_queued_and_starts_what_follows(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD.replace("as: 预约}", "as: 预约, do: [{add_tag: 预约}]}"), BOOKING)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.plan()
    pipeline.post("c1", "message.received", text="想预约")
    pipeline.match_all()
    assert [(each.sop, each.state, each.reason, each.detail) for each in pipeline.timelines()] == [
        ("lead", "exited", "exit", "预约"),
        ("booking", "active", None, None),
    ]
    assert pipeline.told() == [("d1", "cancelled", "timeline_ended")]
    pipeline.wait(minutes=1)
    pipeline.work()
    assert pipeline.log.steps == [("c1", "confirm")]


def test_one_that_starts_in_the_group_of_another_takes_its_place(pipeline: Pipeline) -> None:
    second = LEAD.replace("sop: lead", "sop: second").replace("vip", "gold")
    pipeline.apply(LEAD + "group: 培育\n", second + "group: 培育\n")
    pipeline.tag("c1")
    pipeline.tag("c1", tag="gold")
    assert [(each.sop, each.state, each.reason) for each in pipeline.timelines()] == [
        ("lead", "exited", "replaced"),
        ("second", "active", None),
    ]


def test_sops_that_set_each_other_off_are_cut_and_the_loop_is_named(pipeline: Pipeline) -> None:
    def starting(sop: str, other: str) -> str:
        return f"sop: {sop}\ntitle: {sop}\ntrigger: [{{tag_added: {sop}}}]\nsteps: [{{id: go, after: 1m, do: [{{start: {other}}}]}}]\n"

    pipeline.apply(starting("ping", "pong"), starting("pong", "ping"))
    pipeline.tag("c1", tag="ping")
    for _ in range(12):
        pipeline.wait(minutes=1)
        pipeline.work()
    (letter,) = pipeline.dead_letters()
    assert (letter.kind, letter.subject) == ("cascade", "c1")
    assert "ping → pong → ping" in letter.error
    assert [each.sop for each in pipeline.timelines()] == ["ping", "pong"] * 4 + ["ping"]
    assert {each.state for each in pipeline.timelines()} == {"completed"}
    assert max(row.depth for row in pipeline.rows("select depth from events")) == 8


def test_engine_made_events_carry_ids_that_make_doing_it_twice_doing_it_once(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD.replace("steps:", "steps:\n  - {id: mark, after: 1m, do: [{add_tag: [a, b]}]}"))
    pipeline.tag("c1")
    pipeline.wait(minutes=1)
    pipeline.plan()
    pipeline.run("delete from touches")
    pipeline.run("update timelines set due_at = :now, next_step = 'mark', step_due = :now", now=pipeline.clock.at)
    pipeline.match_all()
    pipeline.plan()
    made = pipeline.rows("select event_id, type, data, cause from events where source = 'engine' order by id")
    assert [each.event_id for each in made] == ["lead::crm/e1:c1:steps/mark:0", "lead::crm/e1:c1:steps/mark:1"]
    assert made[0].cause == {"sop": "lead", "place": "steps/mark", "path": ["lead"]}


def test_a_hint_for_nobody_and_a_hint_for_due_work_are_forgotten(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.wiring.hints.look_at(["nobody"])
    pipeline.wiring.hints.look_for_due()
    done = pipeline.match()
    assert done is not None
    assert (done.events, done.due) == (0, True)
    assert pipeline.wiring.hints.length() == 0
    assert pipeline.rows("select 1 from customers") == []


def test_a_step_due_at_once_is_told_so_that_nobody_waits_for_the_next_tick(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD.replace("day: 1,", "day: 0,"))
    pipeline.post("c1", "tag.added", tag="vip")
    done = pipeline.match()
    assert done is not None
    assert done.due


def test_hints_doubled_change_nothing(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.post("c1", "tag.added", tag="vip")
    pipeline.wiring.hints.look_at(["c1", "c1", "c1"])
    assert pipeline.match_all() == 1
    assert len(pipeline.timelines()) == 1
