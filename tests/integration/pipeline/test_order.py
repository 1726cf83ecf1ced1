"""The rules of order (5 and 6): each with a test that was seen to fail when the rule is broken."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from tests.support.interleaving import await_blocked, gate_inside_locking, in_background
from tests.support.pipeline import LEAD, START, Pipeline, many

BOOKED = "预约"


# ── 5: inbox order ───────────────────────────────────────────────────────────────────────────────────────────


def test_rule_5_events_are_matched_in_inbox_order(pipeline: Pipeline) -> None:
    """Seen failing with: `order by e.id desc` in `unmatched` (the removal comes first and ends nothing)."""
    pipeline.apply(LEAD.replace("exit: [", "exit: [{tag_removed: vip}, "))
    pipeline.post("c1", "tag.added", tag="vip")
    pipeline.post("c1", "tag.removed", tag="vip")
    pipeline.match_all()
    assert [(each.state, each.reason) for each in pipeline.timelines()] == [("exited", "exit")]


def test_rule_5_a_superseded_event_is_no_moment(pipeline: Pipeline) -> None:
    """Seen failing with: the `superseded` return taken out of `facts._tag` (the late, older tag starts a timeline)."""
    pipeline.apply(LEAD)
    pipeline.post("c1", "tag.removed", tag="vip", at=START)
    late = pipeline.post("c1", "tag.added", tag="vip", at=START - timedelta(minutes=1))
    pipeline.match_all()
    assert pipeline.event(late).outcome == {"reason": "superseded"}
    assert pipeline.timelines() == []


def test_rule_5_a_tag_that_is_set_already_is_no_moment(pipeline: Pipeline) -> None:
    """Seen failing with: the `no_change` return taken out of `facts._tag` (the second tagging restarts the SOP)."""
    pipeline.apply(LEAD + "reentry: restart\n")
    pipeline.tag("c1")
    again = pipeline.post("c1", "tag.added", tag="vip", at=START)
    pipeline.match_all()
    assert pipeline.event(again).outcome == {"reason": "no_change"}
    assert len(pipeline.timelines()) == 1


def test_rule_5_an_exit_counts_only_if_it_is_not_before_the_start(pipeline: Pipeline) -> None:
    """Seen failing with: `event.time < timeline.anchor` taken out of `match._exits` (the old reply ends the new timeline)."""
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.post("c1", "message.received", text=BOOKED, at=START - timedelta(seconds=1))
    pipeline.match_all()
    assert pipeline.timeline().state == "active"
    pipeline.post("c1", "message.received", text=BOOKED, at=START)
    pipeline.match_all()
    assert (pipeline.timeline().state, pipeline.timeline().detail) == ("exited", "预约")


def test_rule_5_an_events_age_is_measured_at_its_receipt(pipeline: Pipeline) -> None:
    """Seen failing with: `now - event.time` in `entry._check_age` (an outage makes fresh events stale)."""
    pipeline.apply(LEAD)
    fresh = pipeline.post("c1", "tag.added", tag="vip", at=START - timedelta(hours=47))
    old = pipeline.post("c2", "tag.added", tag="vip", at=START - timedelta(hours=49))
    pipeline.wait(hours=3)
    pipeline.match_all()
    assert [each["sop"] for each in pipeline.event(fresh).outcome["started"]] == ["lead"]
    assert [each["reason"] for each in pipeline.event(old).outcome["refused"]] == ["stale_event"]


# ── 6: events come before wake-ups ───────────────────────────────────────────────────────────────────────────


def test_rule_6_a_customer_whose_events_wait_is_left_alone_and_hinted_at(pipeline: Pipeline) -> None:
    """Seen failing with: NOT EXISTS taken out of `lock_due` *and* `waiting` ignored (d1 is planned); without the re-hint, nobody is."""
    pipeline.apply(LEAD)
    pipeline.tag("c1", "c2")
    pipeline.wait_until(1)
    pipeline.post("c1", "message.received", text=BOOKED, hint=False)
    pipeline.plan()
    assert [touch.ref for touch in pipeline.touches()] == ["c2"]
    assert pipeline.match_all() == 1
    pipeline.plan()
    assert [(each.ref, each.state) for each in pipeline.timelines()] == [("c1", "exited"), ("c2", "active")]
    assert [touch.ref for touch in pipeline.touches()] == ["c2"]


def test_rule_6_customers_whose_events_wait_take_no_place_in_a_batch(pipeline: Pipeline) -> None:
    """Seen failing with: NOT EXISTS taken out of `lock_due` (500 waiting customers hide the one that is free)."""
    pipeline.apply(LEAD)
    many(pipeline, 501)
    pipeline.run(
        """insert into events (source, event_id, type, subject, time, received_at, body_hash)
           select 'crm', ref, 'visit', ref, :at, :at, '' from customers order by id limit 500""",
        at=START,
    )
    pipeline.wait_until(1)
    assert pipeline.wiring.planner.run_once().touches == 1


def test_rule_6_an_event_accepted_while_the_planner_locks_comes_first(pipeline: Pipeline, witness: Engine) -> None:
    """Seen failing with: `subjects_waiting` after the lock ignored (d1 is planned although the reply was accepted before)."""
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    with gate_inside_locking(witness) as open_gate, in_background(pipeline.wiring.planner.run_once) as planned:
        await_blocked(witness)
        pipeline.post("c1", "message.received", text=BOOKED, hint=False)
        open_gate()
        assert planned.result().touches == 0
    assert pipeline.hinted() == ["c1"]
