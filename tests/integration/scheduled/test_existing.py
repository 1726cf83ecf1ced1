"""Who meets a trigger already when an SOP is first applied: left alone, taken in where they would stand today, or started now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.services.scheduled.enrol_existing import ExistingEnroller
from tests.support.builders import at
from tests.support.interleaving import Killed, die
from tests.support.pipeline import ENGINE as PLAIN
from tests.support.pipeline import LEAD, Pipeline

ENGINE = PLAIN + "clocks: {any: {kinds: [message.received, visit]}}\n"

WAKE_UP = """
sop: wake-up
title: 唤醒
trigger: [{silent: {clock: any, days: 30}}]
defaults: {at: "10:00", channel: log}
steps:
  - {id: d0, day: 0, message: {text: 好久不见}}
  - {id: d7, day: 7, message: {text: 有优惠}}
"""


def take_in(pipeline: Pipeline) -> int:
    """Take in who is to be, and match what that made; return how many customers were found."""
    found = pipeline.wiring.existing_enroller.run().events
    pipeline.match_all()
    return found


def entered(pipeline: Pipeline, sop: str = "lead") -> list[str]:
    return [each.ref for each in pipeline.timelines() if each.sop == sop]


def tagged(pipeline: Pipeline, *refs: str, day: int = 0) -> None:
    """Let customers have the tag since 10:00 of this day, before there is an SOP for it."""
    pipeline.wait_until(day)
    pipeline.tag(*refs)


class TestJoining:
    def test_they_stand_where_they_would_stand_today(self, pipeline: Pipeline) -> None:
        pipeline.apply()
        tagged(pipeline, "c1")
        pipeline.wait_until(2)
        pipeline.apply(LEAD + "existing: join\n")
        assert take_in(pipeline) == 1
        timeline = pipeline.timeline()
        assert (timeline.anchor, timeline.started_at) == (at("2026-03-01 10:00"), at("2026-03-03 10:00"))
        event = pipeline.rows("select * from events where source = 'engine'")[0]
        assert (event.event_id, event.outcome["started"][0]["path"]) == ("existing:lead:c1", "trigger/0/tag_added")
        pipeline.work()
        pipeline.wait_until(3)
        pipeline.work()
        assert pipeline.told() == [("d1", "skipped", "before_start"), ("d3", "sent", None)]

    def test_ignored_is_ignored_for_ever(self, pipeline: Pipeline) -> None:
        pipeline.apply()
        tagged(pipeline, "c1")
        pipeline.apply(LEAD)
        assert take_in(pipeline) == 0
        pipeline.apply(LEAD + "existing: join\n")
        assert take_in(pipeline) == 0, "its id was applied before"
        assert pipeline.timelines() == []

    @pytest.mark.parametrize(
        ("trigger", "since"),
        [
            ("tag_added: [vip, other]", "2026-03-01 10:00"),
            ("tag_added: {all: [vip, gold]}", "2026-03-02 10:00"),
            ("entered: {stage: 意向客户}", "2026-03-02 10:00"),
            ("friend_added: {staff: li}", "2026-03-02 10:00"),
            ("customer_created", "2026-03-01 10:00"),
        ],
    )
    def test_since_they_came_to_meet_it(self, pipeline: Pipeline, trigger: str, since: str) -> None:
        pipeline.apply()
        tagged(pipeline, "c1", "c2")
        pipeline.wait_until(1)
        pipeline.post("c1", "tag.added", tag="gold")
        pipeline.post("c1", "stage.changed", value="意向客户")
        pipeline.post("c1", "friend.added", staff="li", state="qr")
        pipeline.post("c1", "customer.created")
        pipeline.post("c2", "tag.removed", tag="vip")
        pipeline.post("c2", "friend.added", staff="wang", state="qr")
        pipeline.match_all()
        pipeline.wait_until(2)
        pipeline.apply(LEAD.replace("tag_added: vip", trigger) + "existing: join\n")
        assert take_in(pipeline) == 1
        assert (pipeline.timeline().ref, pipeline.timeline().anchor) == ("c1", at(since))

    def test_when_and_while_decide(self, pipeline: Pipeline) -> None:
        pipeline.apply()
        tagged(pipeline, "c1", "c2")
        pipeline.tag("c2", tag="done")
        pipeline.apply(LEAD + "existing: join\nwhen: [{not: {tag: done}}]\n")
        assert take_in(pipeline) == 1
        assert entered(pipeline) == ["c1"]

    def test_a_silence_is_joined_at_its_crossing_and_ends_with_the_next_activity(self, pipeline: Pipeline) -> None:
        pipeline.apply(engine=ENGINE)
        for ref in ("silent", "woken", "active"):
            pipeline.post(ref, "visit")
        pipeline.match_all()
        pipeline.wait_until(33)
        pipeline.post("active", "visit")
        pipeline.match_all()
        pipeline.apply(WAKE_UP + "existing: join\n", engine=ENGINE)
        assert take_in(pipeline) == 2
        assert {each.anchor for each in pipeline.timelines()} == {at("2026-03-31 00:00")}
        pipeline.wait_until(34)
        pipeline.post("woken", "message.received", text="在的")
        pipeline.wait_until(37)
        pipeline.work()
        ends = {each.ref: each.reason for each in pipeline.timelines()}
        assert ends == {"silent": None, "woken": "active_again"}
        assert pipeline.log.steps == [("silent", "d7")]

    def test_a_reply_accepted_first_keeps_them_out(self, pipeline: Pipeline) -> None:
        pipeline.apply(engine=ENGINE)
        pipeline.post("c1", "visit")
        pipeline.match_all()
        pipeline.wait_until(33)
        pipeline.apply(WAKE_UP + "existing: join\n", engine=ENGINE)
        pipeline.post("c1", "message.received", text="在的")
        assert take_in(pipeline) == 1
        assert pipeline.timelines() == []
        assert pipeline.rows("select outcome from events where source = 'engine'")[0].outcome == {
            "reason": "superseded"
        }


class TestStartingNow:
    def test_so_many_a_calendar_day(self, pipeline: Pipeline) -> None:
        pipeline.apply()
        tagged(pipeline, *(f"c{number}" for number in range(1, 6)))
        pipeline.wait_until(1)
        pipeline.apply(LEAD + "existing: {start: now, per_day: 2}\n")
        assert [take_in(pipeline), take_in(pipeline)] == [2, 0]
        pipeline.wait_until(1, "23:59")
        assert take_in(pipeline) == 0
        pipeline.wait_until(2, "00:00")
        assert take_in(pipeline) == 2
        pipeline.wait_until(3)
        assert take_in(pipeline) == 1
        assert entered(pipeline) == ["c1", "c2", "c3", "c4", "c5"]
        assert [each.anchor for each in pipeline.timelines()][::2] == [
            at("2026-03-02 10:00"),
            at("2026-03-03 00:00"),
            at("2026-03-04 10:00"),
        ]
        assert pipeline.rows("select done_at from joining where sop = 'lead'")[0].done_at == at("2026-03-04 10:00")

    def test_no_place_is_spent_on_who_may_not_enter(self, pipeline: Pipeline) -> None:
        pipeline.apply()
        tagged(pipeline, "c1", "c2", "c3")
        pipeline.tag("c1", tag="done")
        pipeline.apply(LEAD + "existing: {start: now, per_day: 2}\nwhen: [{not: {tag: done}}]\n")
        assert take_in(pipeline) == 2
        assert entered(pipeline) == ["c2", "c3"]


class TestOnce:
    def test_who_has_entered_since_is_not_started_twice(self, pipeline: Pipeline) -> None:
        pipeline.apply()
        tagged(pipeline, "c1", "c2")
        pipeline.wait_until(1)
        pipeline.apply(LEAD + "existing: join\n")
        pipeline.post("c1", "tag.removed", tag="vip")
        pipeline.post("c1", "tag.added", tag="vip")
        pipeline.match_all()
        take_in(pipeline)
        assert entered(pipeline) == ["c1", "c2"]

    def test_a_crash_between_batches_loses_nobody(self, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        pipeline.apply()
        refs = [f"c{number:02d}" for number in range(1, 26)]
        tagged(pipeline, *refs)
        pipeline.apply(LEAD + "existing: join\n")
        joining = ExistingEnroller(pipeline.wiring.runtime, batch=10)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr("engine.store.state.inbox.add_made", die)
            joining.run()
        assert pipeline.rows("select cursor from joining where sop = 'lead'")[0].cursor == 0
        assert joining.run().events == 25
        assert joining.run().events == 0
        pipeline.match_all()
        assert entered(pipeline) == refs

    def test_an_sop_removed_meanwhile_takes_in_nobody(self, pipeline: Pipeline) -> None:
        pipeline.apply()
        tagged(pipeline, "c1")
        pipeline.apply(LEAD + "existing: {start: now, per_day: 1}\n")
        pipeline.apply()
        assert take_in(pipeline) == 0
        pipeline.wait(days=1)
        assert pipeline.wiring.existing_enroller.run().events == 0
        assert pipeline.rows("select done_at from joining")[0].done_at <= pipeline.clock.at - timedelta(days=1)
