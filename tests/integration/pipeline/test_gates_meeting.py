"""Where gates, priority, fallbacks and zones meet, on real servers: each was found by trying, and seen to fail."""

from __future__ import annotations

from datetime import date

from engine.ports import Receipt
from engine.store.state.pauses import Scope
from tests.integration.pipeline.test_gates import CAPPED, QUIET, one_step
from tests.support.pipeline import ENGINE, Pipeline


def test_a_retry_put_off_to_the_morning_leaves_the_day_to_higher_priority(pipeline: Pipeline) -> None:
    """The one put off counted on that day already, so the more important one went out a day late."""
    pipeline.apply(
        one_step("low", 'day: 0, at: "20:55", message: {text: hi}', priority=10),
        one_step("high", 'day: 1, at: "10:00", message: {text: hi}', priority=90),
        engine=QUIET + "caps: [{max: 1, per: 1d}]\n",
    )
    pipeline.log.answers = [Receipt("retry", "busy", 600.0)]
    pipeline.tag("c1")
    for day, clock in ((0, "20:55"), (0, "21:00"), (1, "09:00"), (1, "10:00")):
        pipeline.wait_until(day, clock)
        pipeline.work()
    found = {row.sop: (row.status, row.counted_on) for row in pipeline.touches()}
    assert found == {"low": ("expired", None), "high": ("sent", date(2026, 3, 2))}


def test_an_apply_at_night_does_not_let_go_what_a_cap_has_put_off(pipeline: Pipeline) -> None:
    first, second = (
        one_step("first", "day: 1, message: {text: a}", priority=60),
        one_step("second", "day: 1, message: {text: b}"),
    )
    pipeline.apply(first, second, engine=CAPPED)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.work()
    pipeline.wait_until(2, "00:30")
    pipeline.apply(first, second, one_step("other", "day: 5, message: {text: c}"), engine=CAPPED)
    pipeline.wiring.definition_applier.settle()
    pipeline.work()
    assert [each.sop for each in pipeline.log.delivered] == ["first"]
    pipeline.wait_until(2)
    pipeline.work()
    assert [each.sop for each in pipeline.log.delivered] == ["first", "second"]


def test_a_raised_priority_is_that_of_those_inside(pipeline: Pipeline) -> None:
    early, late = "day: 1, message: {text: a}", 'day: 1, at: "15:00", message: {text: b}'
    pipeline.apply(one_step("early", early, priority=40), one_step("late", late), engine=CAPPED)
    pipeline.tag("c1")
    pipeline.apply(one_step("early", early, priority=60), one_step("late", late), engine=CAPPED)
    pipeline.wiring.definition_applier.settle()
    assert [row.priority for row in pipeline.timelines() if row.sop == "early"] == [60]
    pipeline.wait_until(1)
    pipeline.work()
    assert [each.sop for each in pipeline.log.delivered] == ["early"]


def test_what_waits_for_the_morning_waits_for_that_of_the_customers_new_zone(pipeline: Pipeline) -> None:
    """09:00 in Shanghai, which it waited for, is 20:00 in New York; and 01:00 in London."""
    pipeline.apply(one_step("evening", 'day: 0, at: "20:30", message: {text: hi}'), engine=QUIET)
    pipeline.tag("c1")
    pipeline.wait_until(0, "20:30")
    pipeline.plan()
    pipeline.wait_until(0, "21:00")
    pipeline.work()
    pipeline.wait_until(1, "05:30")  # 21:30 in London
    pipeline.post("c1", "customer.updated", timezone="Europe/London")
    pipeline.work()
    pipeline.wait_until(1, "09:00")
    pipeline.work()
    assert pipeline.log.delivered == []
    pipeline.wait_until(1, "17:00")  # 09:00 in London, and nothing is too late
    pipeline.work()
    assert pipeline.log.steps == [("c1", "s")]


def test_what_staff_was_told_is_no_touch_of_the_customer(pipeline: Pipeline) -> None:
    pipeline.apply(
        one_step("told", "after: 1m, do: [{notify: {to: owner, text: x}}]"),
        one_step("asks", "after: 2m, when: [{not: {touched: {sop: told}}}], message: {text: hi}"),
        engine=ENGINE + "staff: [owner]\n",
    )
    pipeline.tag("c1")
    for _ in range(2):
        pipeline.wait(minutes=1)
        pipeline.work()
    assert [row.status for row in pipeline.touches() if row.sop == "asks"] == ["sent"]


def test_what_staff_has_of_a_paused_sop_stays_with_staff(pipeline: Pipeline) -> None:
    """It was called back, and what took its place was held by the pause until it expired: nobody sent anything."""
    pipeline.apply(one_step("lead", "day: 1, channel: [log, second], fallback_after: 24h, message: {text: hi}"))
    pipeline.log.answers = [Receipt("handed")]
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.work()
    pipeline.wiring.operations.pauser.pause(Scope("sop", "lead"), "somebody")
    pipeline.wait_until(2)
    pipeline.work()
    assert [(row.channel, row.status) for row in pipeline.touches()] == [("log", "handed")]
    pipeline.wiring.operations.resumer.resume(Scope("sop", "lead"), "somebody")
    pipeline.work()
    assert [(row.channel, row.status) for row in pipeline.touches()] == [("log", "expired"), ("second", "sent")]


def test_one_whose_zone_nobody_knows_stops_nobody_else(pipeline: Pipeline) -> None:
    """What could not be held anew failed the whole tick, so that nothing was planned any more."""
    steps = "day: 1, channel: [log, second], fallback_after: 2h, message: {text: hi}"
    pipeline.apply(one_step("lead", steps), engine=CAPPED)
    pipeline.tag("c1", "c2", "c3", "c4")
    pipeline.wait_until(1)
    pipeline.plan()
    pipeline.run("update customers set timezone = 'Mars/Olympus' where ref in ('c1', 'c2')")
    pipeline.run(
        """update touches set status = 'handed', handed_at = :now, fallback_at = cast(:now as timestamptz) + interval '2 hours'
           where id % 2 = 0""",
        now=pipeline.clock.now(),
    )
    pipeline.wait_until(2, "00:00")
    pipeline.work()
    assert {row.ref for row in pipeline.touches() if row.status == "sent"} == {"c3", "c4"}


def test_what_is_handed_while_its_timeline_ends_does_not_stay_with_staff(pipeline: Pipeline) -> None:
    """It stayed handed for ever: the end calls back what is handed already, and nobody looked again."""
    steps = "day: 1, channel: [log, second], fallback_after: 2h, message: {text: hi}"
    pipeline.apply(one_step("lead", steps, more="exit: [{replied: {}}]"))
    pipeline.log.answers = [Receipt("handed")]

    def replies() -> None:
        pipeline.post("c1", "message.received", text="hi")
        pipeline.match_all()

    pipeline.log.during = replies
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.work()
    assert pipeline.told() == [("s", "cancelled", "timeline_ended")]
