"""Gates on real servers: what holds touches back when they are planned, and again when they were queued and did not go out."""

from __future__ import annotations

from datetime import date, timedelta

from engine.ports import Receipt
from engine.services.pipeline.receipts import Told
from tests.support.pipeline import ENGINE, START, Pipeline

QUIET = ENGINE + 'quiet_hours: ["21:00", "09:00"]\n'
CAPPED = ENGINE + "caps: [{max: 1, per: 1d}]\n"
OFF = ENGINE + "calendar: {country: CN, skip: [public_holiday], also: [2026-03-02]}\n"


def one_step(name: str, step: str, *, priority: int = 50, more: str = "") -> str:
    return f"""
sop: {name}
title: {name}
priority: {priority}
trigger: [{{tag_added: vip}}]
defaults: {{at: "10:00", channel: log}}
{more}
steps: [{{id: s, {step}}}]
"""


def told(pipeline: Pipeline, sop: str) -> tuple[str, str | None, str | None]:
    (row,) = [each for each in pipeline.touches() if each.sop == sop]
    return row.status, row.reason, row.waited


class TestQuietHours:
    def test_what_is_due_at_night_goes_out_in_the_morning(self, pipeline: Pipeline) -> None:
        pipeline.apply(one_step("late", "after: 12h, message: {text: hi}"), engine=QUIET)
        pipeline.tag("c1")
        pipeline.wait_until(0, "22:00")
        pipeline.work()
        assert not pipeline.touches()
        row = pipeline.timeline()
        assert (row.waiting, row.due_at) == ("quiet_hours", START + timedelta(hours=23))
        pipeline.wait_until(1, "08:59")
        pipeline.work()
        assert not pipeline.log.delivered
        pipeline.wait_until(1, "09:00")
        pipeline.work()
        assert pipeline.log.steps == [("c1", "s")]
        assert told(pipeline, "late") == ("sent", None, "quiet_hours")

    def test_what_was_queued_when_they_began_waits_for_the_morning_too(self, pipeline: Pipeline) -> None:
        """Seen to fail without holding anew: the touch stayed queued until it expired."""
        pipeline.apply(one_step("evening", 'day: 0, at: "20:30", message: {text: hi}'), engine=QUIET)
        pipeline.tag("c1")
        pipeline.wait_until(0, "20:30")
        pipeline.plan()
        pipeline.wait_until(0, "21:00")
        pipeline.work()
        assert not pipeline.log.delivered
        assert pipeline.touch("s").ready_at == START + timedelta(hours=23)
        pipeline.wait_until(1, "09:00")
        pipeline.work()
        assert told(pipeline, "evening") == ("sent", None, "quiet_hours")

    def test_a_retry_that_would_fall_into_them_waits(self, pipeline: Pipeline) -> None:
        pipeline.apply(one_step("evening", 'day: 0, at: "20:59", message: {text: hi}'), engine=QUIET)
        pipeline.log.answers = [Receipt("retry", retry_after=120.0)]
        pipeline.tag("c1")
        pipeline.wait_until(0, "20:59")
        pipeline.work()
        pipeline.wait_until(0, "21:30")
        pipeline.work()
        assert len(pipeline.log.delivered) == 1
        pipeline.wait_until(1, "09:00")
        pipeline.work()
        assert [each.attempt for each in pipeline.log.delivered] == [1, 2]

    def test_what_would_wait_beyond_its_limit_is_skipped_at_once_and_says_why(self, pipeline: Pipeline) -> None:
        pipeline.apply(one_step("late", "after: 12h, expires: 2h, message: {text: hi}"), engine=QUIET)
        pipeline.tag("c1")
        pipeline.wait_until(0, "22:00")
        pipeline.work()
        row = pipeline.touch("s")
        assert (row.status, row.reason, row.detail) == ("skipped", "expired", "quiet_hours")

    def test_who_is_exempt_is_not_held(self, pipeline: Pipeline) -> None:
        pipeline.apply(one_step("late", "after: 12h, exempt: [quiet_hours], message: {text: hi}"), engine=QUIET)
        pipeline.tag("c1")
        pipeline.wait_until(0, "22:00")
        pipeline.work()
        assert told(pipeline, "late") == ("sent", None, None)


class TestDaysOff:
    def test_a_step_on_a_day_off_goes_out_on_the_next_day_at_its_time(self, pipeline: Pipeline) -> None:
        pipeline.apply(one_step("next", "day: 1, message: {text: hi}"), engine=OFF)
        pipeline.tag("c1")
        assert pipeline.timeline().waiting == "holiday"
        pipeline.wait_until(1, "18:00")
        pipeline.work()
        assert not pipeline.touches()
        pipeline.wait_until(2)
        pipeline.work()
        row = pipeline.touch("s")
        assert (row.status, row.waited, row.due_at, row.sent_at) == (
            "sent", "holiday", START + timedelta(days=1), START + timedelta(days=2),
        )  # fmt: skip


class TestCaps:
    def test_the_second_message_of_a_day_waits_for_the_next(self, pipeline: Pipeline) -> None:
        """Rule 11. Seen to fail when touches are not counted."""
        pipeline.apply(
            one_step("first", "day: 1, message: {text: one}", priority=60),
            one_step("second", "day: 1, message: {text: two}"),
            engine=CAPPED,
        )
        pipeline.tag("c1")
        pipeline.wait_until(1)
        pipeline.work()
        assert [each.sop for each in pipeline.log.delivered] == ["first"]
        pipeline.wait_until(2)
        pipeline.work()
        assert [each.sop for each in pipeline.log.delivered] == ["first", "second"]
        assert [row.counted_on for row in pipeline.touches()] == [date(2026, 3, 2), date(2026, 3, 3)]
        assert told(pipeline, "second") == ("sent", None, "cap")

    def test_lower_priority_waits_for_what_is_due_later_that_day(self, pipeline: Pipeline) -> None:
        pipeline.apply(
            one_step("high", 'day: 1, at: "18:00", message: {text: one}', priority=60),
            one_step("low", "day: 1, message: {text: two}"),
            engine=CAPPED,
        )
        pipeline.tag("c1")
        for at in ("10:00", "18:00"):
            pipeline.wait_until(1, at)
            pipeline.work()
        assert [each.sop for each in pipeline.log.delivered] == ["high"]

    def test_and_goes_out_the_same_day_if_that_one_does_not(self, pipeline: Pipeline) -> None:
        high = one_step("high", 'day: 1, at: "18:00", when: [{tag: other}], message: {text: one}', priority=60)
        pipeline.apply(high, one_step("low", "day: 1, message: {text: two}"), engine=CAPPED)
        pipeline.tag("c1")
        for at in ("10:00", "18:00"):
            pipeline.wait_until(1, at)
            pipeline.work()
        assert [(each.sop, each.step) for each in pipeline.log.delivered] == [("low", "s")]

    def test_what_failed_leaves_its_place_to_others(self, pipeline: Pipeline) -> None:
        pipeline.apply(
            one_step("first", "day: 1, message: {text: one}", priority=60),
            one_step("second", 'day: 1, at: "12:00", message: {text: two}'),
            engine=CAPPED,
        )
        pipeline.log.answers = [Receipt("failed", "no such number")]
        pipeline.tag("c1")
        for at in ("10:00", "12:00"):
            pipeline.wait_until(1, at)
            pipeline.work()
        assert [row.status for row in pipeline.touches()] == ["failed", "sent"]

    def test_what_missed_its_day_counts_on_the_day_it_goes_out(self, pipeline: Pipeline) -> None:
        pipeline.apply(
            one_step("first", "day: 1, message: {text: one}", priority=60),
            one_step("second", "day: 2, message: {text: two}"),
            engine=CAPPED,
        )
        pipeline.tag("c1")
        pipeline.wait_until(1)
        pipeline.plan()
        pipeline.wait_until(2)  # nobody sent for a day
        pipeline.work()
        assert [each.sop for each in pipeline.log.delivered] == ["first"]
        assert pipeline.rows("select counted_on from touches where sop = 'first'")[0].counted_on == date(2026, 3, 3)

    def test_tasks_are_neither_counted_nor_held(self, pipeline: Pipeline) -> None:
        pipeline.apply(
            one_step("work", "day: 1, task: {to: owner, title: call}", priority=60),
            one_step("words", "day: 1, message: {text: two}"),
            engine=CAPPED,
        )
        pipeline.tag("c1")
        pipeline.wait_until(1)
        pipeline.work()
        assert sorted(each.sop for each in pipeline.log.delivered) == ["words", "work"]


class TestPauses:
    def test_a_due_timeline_of_a_paused_sop_is_parked(self, pipeline: Pipeline) -> None:
        pipeline.apply(one_step("lead", "day: 1, message: {text: hi}"))
        pipeline.tag("c1")
        pipeline.run("insert into pauses (kind, name, since) values ('sop', 'lead', :at)", at=START)
        pipeline.wait_until(1)
        pipeline.work()
        row = pipeline.timeline()
        assert (row.waiting, row.due_at.year, pipeline.touches()) == ("paused", 9999, [])


class TestFallback:
    SOP = one_step("lead", "day: 1, channel: [log, second], fallback_after: 24h, expires: 5d, message: {text: hi}")

    def test_what_staff_does_not_confirm_goes_over_the_next_channel(self, pipeline: Pipeline) -> None:
        pipeline.apply(self.SOP)
        pipeline.log.answers = [Receipt("handed")]
        pipeline.tag("c1")
        pipeline.wait_until(1)
        pipeline.work()
        assert [row.status for row in pipeline.touches()] == ["handed"]
        pipeline.wait_until(2, "09:59")
        pipeline.work()
        assert not pipeline.second.delivered
        pipeline.wait_until(2)
        pipeline.work()
        assert [(row.channel, row.status, row.reason, row.fallback) for row in pipeline.touches()] == [
            ("log", "expired", "fallback", 0),
            ("second", "sent", None, 1),
        ]
        first, then = pipeline.log.delivered[0], pipeline.second.delivered[0]
        assert (first.body, first.key != then.key) == (then.body, True)
        pipeline.wait(hours=2)
        pipeline.work()
        assert pipeline.timeline().state == "completed"

    def test_what_staff_confirms_does_not(self, pipeline: Pipeline) -> None:
        pipeline.apply(self.SOP)
        pipeline.log.answers = [Receipt("handed")]
        pipeline.tag("c1")
        pipeline.wait_until(1)
        pipeline.work()
        key = pipeline.touch("s").key
        assert pipeline.wiring.receipt_recorder.take([Told(key, "sent")]).taken == 1
        assert pipeline.wiring.receipt_recorder.take([Told(key, "sent"), Told("nobody's", "sent")]).ignored == [
            key,
            "nobody's",
        ]
        pipeline.wait_until(3)
        pipeline.work()
        assert [(row.channel, row.status) for row in pipeline.touches()] == [("log", "sent")]

    def test_what_staff_still_has_is_called_back_when_the_customer_opts_out(self, pipeline: Pipeline) -> None:
        pipeline.apply(one_step("lead", "day: 1, expires: 5d, message: {text: hi}"))
        pipeline.log.answers = [Receipt("handed")]
        pipeline.tag("c1")
        pipeline.wait_until(1)
        pipeline.work()
        pipeline.post("c1", "message.opted_out")
        pipeline.work()
        assert pipeline.wiring.reconciler.run_once().called_back == 1
        assert pipeline.told() == [("s", "cancelled", "opted_out")]

    def test_unless_it_will_go_another_way_the_customer_still_wants(self, pipeline: Pipeline) -> None:
        pipeline.apply(self.SOP)
        pipeline.log.answers = [Receipt("handed")]
        pipeline.tag("c1")
        pipeline.wait_until(1)
        pipeline.work()
        pipeline.post("c1", "message.opted_out", channel="log")
        pipeline.work()
        assert pipeline.wiring.reconciler.run_once().called_back == 0
        pipeline.wait_until(2)
        pipeline.work()
        assert [(row.channel, row.status) for row in pipeline.touches()] == [("log", "expired"), ("second", "sent")]

    def test_the_last_channel_waits_for_staff(self, pipeline: Pipeline) -> None:
        pipeline.apply(self.SOP)
        pipeline.log.answers, pipeline.second.answers = [Receipt("handed")], [Receipt("handed")]
        pipeline.tag("c1")
        for day in (1, 2, 3, 4):
            pipeline.wait_until(day)
            pipeline.work()
        assert [row.status for row in pipeline.touches()] == ["expired", "handed"]


class TestNotices:
    SOP = """
sop: lead
title: 培育
trigger: [{tag_added: vip}]
exit: [{replied: {contains: 预约}, as: 预约, do: [{notify: {to: owner, text: "{{ customer.ref }} 要预约"}}]}]
defaults: {at: "10:00", channel: log}
steps:
  - {id: d1, day: 1, do: [{notify: {to: owner, text: 第一天}}, {add_tag: x}]}
  - {id: d9, day: 9, message: {text: hi}}
"""

    def test_they_go_out_although_the_timeline_has_ended(self, pipeline: Pipeline) -> None:
        pipeline.apply(self.SOP)
        pipeline.tag("c1")
        pipeline.wait_until(1)
        pipeline.work()
        pipeline.post("c1", "message.received", text="想预约")
        pipeline.work()
        assert [(each.step, each.kind, each.body["text"]) for each in pipeline.log.delivered] == [
            ("d1.notify1", "notice", "第一天"),
            ("exit0.notify1", "notice", "c1 要预约"),
        ]
        assert pipeline.timeline().state == "exited"

    def test_also_of_a_timeline_that_starts_and_ends_in_one_batch(self, pipeline: Pipeline) -> None:
        pipeline.apply(self.SOP)
        pipeline.post("c1", "tag.added", tag="vip", hint=False)
        pipeline.post("c1", "message.received", text="想预约")
        pipeline.work()
        assert [each.step for each in pipeline.log.delivered] == ["exit0.notify1"]
