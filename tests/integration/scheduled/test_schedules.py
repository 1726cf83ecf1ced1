"""Dates and schedules on real servers: each customer enters at most once a slot, whoever crashes or runs beside."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from engine.core.matching import schedules
from engine.core.matching.schedules import DateOrCronTrigger
from engine.messages.story import StoryFormatter
from engine.services.reports.explain import CustomerExplainer
from engine.services.scheduled.run_schedules import ScheduleRunner
from engine.store.database import transaction
from engine.store.reports import progress
from tests.support.builders import at
from tests.support.interleaving import Killed, die
from tests.support.pipeline import ENGINE as PLAIN
from tests.support.pipeline import Pipeline

ENGINE = PLAIN.replace(
    "budget: number", "budget: number, birthday: date, expires: date, blocked: {type: bool, default: false}"
)

BIRTHDAY = """
sop: birthday
title: 生日
trigger: [{date: {attribute: birthday}}]
when: [{not: {attr: {blocked: true}}}]
defaults: {at: "10:00", channel: log}
steps:
  - {id: early, day: -3, message: {text: "{{ event.data.date }} 快到了"}}
  - {id: day, day: 0, message: {text: 生日快乐}}
"""

EXPIRY = """
sop: expiry
title: 积分到期
trigger: [{date: {attribute: expires, every: once}}]
defaults: {at: "10:00", channel: log}
steps: [{id: today, day: 0, message: {text: 今天到期}}]
"""

MONDAY = """
sop: monday
title: 周一
trigger: [{schedule: {cron: "0 10 * * MON"}}]
when: [{tag: vip}]
defaults: {channel: log}
steps: [{id: hello, after: 1m, message: {text: 新的一周}}]
"""


def known(pipeline: Pipeline, ref: str, **data: Any) -> None:
    """Let the CRM tell of a customer, and have that matched."""
    pipeline.post(ref, "customer.updated", **data)
    pipeline.match_all()


def take(pipeline: Pipeline) -> int:
    """Take the slots that are due, and match what that made; return how many customers were found."""
    found = pipeline.wiring.schedule_runner.run().events
    pipeline.match_all()
    return found


def live(pipeline: Pipeline, day: int) -> None:
    """Go to 10:00 of a day and have everything done, timelines that have nothing left to do ended."""
    pipeline.wait_until(day)
    take(pipeline)
    pipeline.work()
    pipeline.wait(minutes=1)
    pipeline.work()


def entered(pipeline: Pipeline) -> list[tuple[str, str]]:
    """SOP and customer of every timeline."""
    return [(each.sop, each.ref) for each in pipeline.timelines()]


def source(pipeline: Pipeline) -> DateOrCronTrigger:
    """The one date or schedule in force."""
    with transaction(pipeline.engine) as connection:
        (one,) = schedules.sources(pipeline.wiring.current.read(connection))
    return one


def birthdays(pipeline: Pipeline, number: int, day: str = "1990-03-10") -> None:
    """Customers, so many, all born on one day."""
    pipeline.run(
        """insert into customers (ref, attributes) select 'b' || lpad(n::text, 5, '0'), jsonb_build_object('birthday', cast(:day as text))
           from generate_series(1, :n) n""",
        n=number,
        day=day,
    )


class TestDates:
    def test_a_birthday_is_met_at_midnight_so_many_days_ahead_as_the_first_step_asks(self, pipeline: Pipeline) -> None:
        pipeline.apply(BIRTHDAY, engine=ENGINE)
        known(pipeline, "c1", attributes={"birthday": "1990-03-10"})
        known(pipeline, "c2", attributes={"birthday": "1990-03-11"})
        known(pipeline, "c3", attributes={"name": "无生日"})
        assert take(pipeline) == 0
        pipeline.wait_until(5, "23:59")
        assert take(pipeline) == 0
        pipeline.wait_until(6, "00:00")
        assert take(pipeline) == 1
        timeline = pipeline.timeline()
        assert (timeline.ref, timeline.anchor, timeline.started_at) == (
            "c1",
            at("2026-03-10 00:00"),
            at("2026-03-07 00:00"),
        )
        assert (timeline.next_step, timeline.due_at) == ("early", at("2026-03-07 10:00"))
        event = pipeline.rows("select * from events where source = 'engine'")[0]
        assert event.event_id == "slot:birthday:0:2026-03-10:c1"
        assert event.outcome["started"][0]["path"] == "trigger/0/date"
        for day in (6, 9):
            pipeline.wait_until(day)
            pipeline.work()
        assert pipeline.log.steps == [("c1", "early"), ("c1", "day")]
        assert pipeline.log.delivered[0].body["text"] == "2026-03-10 快到了"

    def test_again_next_year_but_once_is_once(self, pipeline: Pipeline) -> None:
        pipeline.apply(BIRTHDAY, EXPIRY, engine=ENGINE)
        known(pipeline, "c1", attributes={"birthday": "1990-03-10", "expires": "2026-03-10"})
        for day in (6, 9, 9 + 362, 9 + 365):
            live(pipeline, day)
        assert entered(pipeline) == [("birthday", "c1"), ("expiry", "c1"), ("birthday", "c1")]

    def test_a_date_put_off_is_met_again_on_its_new_day(self, pipeline: Pipeline) -> None:
        pipeline.apply(EXPIRY, engine=ENGINE)
        known(pipeline, "c1", attributes={"expires": "2026-03-03"})
        live(pipeline, 2)
        known(pipeline, "c1", attributes={"expires": "2026-03-05"})
        live(pipeline, 4)
        assert pipeline.log.steps == [("c1", "today")] * 2

    def test_everybody_at_their_own_midnight(self, pipeline: Pipeline) -> None:
        pipeline.apply(EXPIRY, engine=ENGINE)
        for ref, zone in (
            ("tokyo", "Asia/Tokyo"),
            ("home", None),
            ("london", "Europe/London"),
            ("honolulu", "Pacific/Honolulu"),
        ):
            known(pipeline, ref, attributes={"expires": "2026-03-05"}, **({"timezone": zone} if zone else {}))
        order = []
        for moment in ("2026-03-04 23:00", "2026-03-05 00:00", "2026-03-05 08:00", "2026-03-05 18:00"):
            pipeline.clock.at = at(moment)
            take(pipeline)
            order.append([ref for _, ref in entered(pipeline)])
        assert order == [
            ["tokyo"],
            ["tokyo", "home"],
            ["tokyo", "home", "london"],
            ["tokyo", "home", "london", "honolulu"],
        ]
        assert pipeline.timelines()[3].anchor == at("2026-03-05 00:00", "Pacific/Honolulu")

    def test_a_moment_counts_as_the_day_it_is_where_the_customer_lives(self, pipeline: Pipeline) -> None:
        engine = ENGINE.replace("expires: date", "expires: datetime")
        pipeline.apply(EXPIRY, engine=engine)
        known(pipeline, "c1", attributes={"expires": "2026-03-04T17:00:00+00:00"})
        pipeline.wait_until(4, "00:00")
        assert take(pipeline) == 1
        assert pipeline.timeline().anchor == at("2026-03-05 00:00")

    def test_days_missed_are_made_up_for_a_week(self, pipeline: Pipeline) -> None:
        pipeline.apply(EXPIRY, engine=ENGINE)
        for day in range(2, 15):
            known(pipeline, f"c{day:02d}", attributes={"expires": f"2026-03-{day:02d}"})
        pipeline.wait_until(13, "12:00")
        take(pipeline)
        assert [ref for _, ref in entered(pipeline)] == ["c08", "c09", "c10", "c11", "c12", "c13", "c14"]
        pipeline.work()
        assert pipeline.log.steps == [("c13", "today"), ("c14", "today")], "what is older than 36 hours has expired"

    def test_what_was_accepted_before_counts(self, pipeline: Pipeline) -> None:
        """The date is corrected and the customer blocked by events that wait as the slot is taken: the matcher sees them first."""
        pipeline.apply(BIRTHDAY, engine=ENGINE)
        known(pipeline, "c1", attributes={"birthday": "1990-03-10"})
        known(pipeline, "c2", attributes={"birthday": "1990-03-10"})
        known(pipeline, "c3", attributes={"birthday": "1990-03-10", "blocked": True})
        pipeline.wait_until(6, "00:00")
        pipeline.post("c1", "customer.updated", attributes={"birthday": "1990-04-10"})
        pipeline.post("c2", "customer.updated", attributes={"blocked": True})
        pipeline.post("c3", "customer.updated", attributes={"blocked": False})
        assert take(pipeline) == 3
        assert entered(pipeline) == [("birthday", "c3")]
        said = pipeline.rows("select subject, outcome from events where source = 'engine' order by subject")
        assert said[0].outcome == {"reason": "superseded"}
        assert said[1].outcome["refused"][0]["reason"] == "condition"


class TestSchedules:
    def test_who_enters_is_decided_by_when(self, pipeline: Pipeline) -> None:
        pipeline.apply(MONDAY)
        pipeline.tag("c1", "c2")
        known(pipeline, "c3")
        pipeline.wait_until(1, "09:59")
        assert take(pipeline) == 0
        pipeline.wait_until(1, "10:00")
        assert take(pipeline) == 2, "found by SQL: c3 costs no event"
        assert entered(pipeline) == [("monday", "c1"), ("monday", "c2")]
        event = pipeline.rows("select * from events where source = 'engine' order by subject")[0]
        assert (event.event_id, event.outcome["started"][0]["path"]) == (
            "slot:monday:0:2026-03-02T10:00:c1",
            "trigger/0/schedule",
        )

    def test_of_missed_slots_the_newest_is_taken(self, pipeline: Pipeline) -> None:
        pipeline.apply(MONDAY)
        pipeline.tag("c1")
        pipeline.wait_until(30)
        assert take(pipeline) == 1
        assert pipeline.timeline().anchor == at("2026-03-30 10:00")

    def test_in_the_zone_it_names(self, pipeline: Pipeline) -> None:
        pipeline.apply(MONDAY.replace('MON"', 'MON", timezone: Europe/London'))
        pipeline.tag("c1")
        pipeline.wait_until(1, "17:59")
        assert take(pipeline) == 0
        pipeline.wait_until(1, "18:00")
        assert take(pipeline) == 1

    def test_another_expression_begins_anew(self, pipeline: Pipeline) -> None:
        pipeline.apply(MONDAY)
        pipeline.tag("c1")
        take(pipeline)
        pipeline.wait_until(1, "09:00")
        pipeline.apply(MONDAY.replace("0 10 * * MON", "0 8 * * *"))
        assert take(pipeline) == 0, "08:00 was past when it was applied"
        pipeline.wait_until(2, "08:00")
        assert take(pipeline) == 1
        assert [row.name for row in pipeline.rows("select name from crons")] == [
            "schedule:monday:0:0 8 * * *:Asia/Shanghai"
        ]

    def test_a_condition_on_the_starting_event_is_left_to_the_matcher(self, pipeline: Pipeline) -> None:
        pipeline.apply(
            MONDAY.replace(
                "[{tag: vip}]", "[{event: {slot: 2026-03-09T10:00}}]".replace("2026-03-09T10:00", "'2026-03-09T10:00'")
            )
        )
        known(pipeline, "c1")
        pipeline.wait_until(1)
        take(pipeline)
        assert entered(pipeline) == []
        pipeline.wait_until(8)
        take(pipeline)
        assert entered(pipeline) == [("monday", "c1")]


class TestOnce:
    def test_however_often_it_runs(self, pipeline: Pipeline) -> None:
        pipeline.apply(BIRTHDAY, engine=ENGINE)
        birthdays(pipeline, 7)
        pipeline.wait_until(6, "00:00")
        assert [take(pipeline), take(pipeline)] == [7, 0]
        pipeline.run("update crons set last_slot = last_slot - interval '3 days'")
        take(pipeline)
        assert len(pipeline.timelines()) == 7

    def test_a_crash_between_batches_loses_nobody_and_takes_nobody_twice(
        self, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pipeline.apply(BIRTHDAY, engine=ENGINE)
        birthdays(pipeline, 25)
        pipeline.wait_until(5)
        pipeline.wiring.schedule_runner.run()
        pipeline.wait_until(6, "00:00")
        taking = ScheduleRunner(pipeline.wiring.runtime, batch=10)
        assert taking.run_once(source(pipeline)) == 10
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr("engine.store.scheduled.schedules.advance", die)
            taking.run_once(source(pipeline))
        assert len(pipeline.rows("select 1 from events")) == 10, "a batch is there with its cursor, or not at all"
        pipeline.wait(hours=30)
        assert taking.run().events == 15, "the slot under way is gone on with first"
        pipeline.match_all()
        assert sorted(ref for _, ref in entered(pipeline)) == [f"b{n:05d}" for n in range(1, 26)]

    def test_two_workers_side_by_side(self, pipeline: Pipeline) -> None:
        pipeline.apply(BIRTHDAY, engine=ENGINE)
        birthdays(pipeline, 300)
        pipeline.wiring.schedule_runner.run()
        pipeline.wait_until(6, "00:00")
        processes = [pipeline.another(f"worker {n}") for n in range(2)]
        found: list[int] = []

        def work(wiring: Any) -> None:
            taking = ScheduleRunner(wiring.runtime, batch=20)
            found.extend(taking.run().events for _ in range(40))

        threads = [threading.Thread(target=work, args=(each.wiring,)) for each in processes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(found) == 300
        pipeline.match_all()
        assert len(set(entered(pipeline))) == len(pipeline.timelines()) == 300


def test_a_stepped_clock_is_told_when_the_next_slot_is(pipeline: Pipeline) -> None:
    pipeline.apply(MONDAY)
    with transaction(pipeline.engine) as connection:
        assert progress.next_moment(connection) is None
    take(pipeline)
    with transaction(pipeline.engine) as connection:
        assert progress.next_moment(connection) == at("2026-03-02 10:00")
        assert not progress.is_idle(connection, at("2026-03-02 10:00"))
        assert progress.is_idle(connection, at("2026-03-02 10:00") - timedelta(seconds=1))


def test_explain_says_what_brought_it(pipeline: Pipeline) -> None:
    pipeline.apply(EXPIRY, MONDAY, engine=ENGINE)
    known(pipeline, "c1", attributes={"expires": "2026-03-02"})
    pipeline.tag("c1")
    pipeline.wait_until(1)
    take(pipeline)
    story = CustomerExplainer(pipeline.wiring.runtime).explain("c1")
    words = StoryFormatter("en", "Asia/Shanghai")
    said = {words.event(event) for event in story.events if event.type == "engine.start"}
    assert said == {"its day: 2026-03-02 (SOP expiry)", "its time: 2026-03-02T10:00 (SOP monday)"}
