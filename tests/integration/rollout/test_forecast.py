"""The plan's numbers are what then happens: hundreds of customers in flight, planned, applied, and counted in the database."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from engine import definitions_yaml
from engine.core.errors import NotFound
from engine.core.rollout.impact import SopForecast, StepForecast
from engine.services.rollout.plan_apply import Plan, Target
from engine.wiring import CHANNEL_TYPES
from tests.support.pipeline import ENGINE as PLAIN
from tests.support.pipeline import Pipeline, sources

ENGINE = PLAIN + "clocks: {any: {kinds: [message.received, visit]}}\n"

LEAD = """
sop: lead
title: 培育
trigger: [{tag_added: vip}]
defaults: {at: "10:00", channel: log}
steps:
  - {id: d1, day: 1, message: {text: 第一天}}
  - {id: d3, day: 3, message: {text: 第三天}}
  - {id: d5, day: 5, do: [{add_tag: nurtured}]}
  - {id: d8, day: 8, channel: second, message: {text: 第八天}}
"""
NEW_LEAD = """
sop: lead
title: 培育
trigger: [{tag_added: vip}]
while: [{not: {is: {stage: 成交客户}}}]
defaults: {at: "10:00", channel: log}
steps:
  - {id: d1, day: 1, message: {text: 第一天}}
  - {id: d2, day: 2, message: {text: 第二天}}
  - {id: d5, day: 5, do: [{add_tag: nurtured}]}
  - {id: d8, day: 9, channel: second, message: {text: 第九天}}
  - {id: d12, day: 12, message: {text: 第十二天}}
"""
SHORT = """
sop: short
title: 短期
trigger: [{tag_added: [vip, club]}]
defaults: {at: "11:00", channel: log}
steps: [{id: d6, day: 6, message: {text: 第六天}}]
"""
CLUB = """
sop: club
title: 俱乐部
trigger: [{tag_added: [vip, club]}]
when: [{not: {is: {stage: 成交客户}}}]
existing: join
defaults: {at: "09:00", channel: second}
steps:
  - {id: a, day: 2, message: {text: 二}}
  - {id: b, day: 4, message: {text: 四}}
  - {id: c, day: 7, message: {text: 七}}
"""
WAKE = """
sop: wake
title: 唤醒
trigger: [{silent: {clock: any, days: 6}}]
defaults: {at: "15:00", channel: second}
steps: [{id: hi, day: 0, message: {text: 好久不见}}]
"""


def target(*sops: str, engine: str = ENGINE) -> Target:
    """Return definitions as a folder's."""
    given = sources(*sops, engine=engine)
    return Target(
        given, definitions_yaml.load_sources({name: text for name, (_, text) in given.items()}, CHANNEL_TYPES)
    )


def plan(pipeline: Pipeline, *sops: str, engine: str = ENGINE, **options: Any) -> Plan:
    return pipeline.wiring.apply_planner.plan(target(*sops, engine=engine), **options)


def of(found: Plan, sop: str) -> SopForecast:
    return next(each for each in found.sops if each.sop == sop)


def steps(forecast: SopForecast) -> dict[str, StepForecast]:
    return {each.step: each for each in forecast.steps}


def enter(pipeline: Pipeline, day: int, number: int) -> None:
    """Let customers come in on a day; every third is of a stage, every ninth has closed the deal, some are of the club."""
    pipeline.wait_until(day)
    for n in range(number):
        ref = f"c{day}-{n:03d}"
        pipeline.post(ref, "tag.added", tag="vip" if n % 4 else "club")
        if n % 3 == 0:
            pipeline.post(ref, "stage.changed", value="成交客户" if n % 9 == 0 else "意向客户")
    pipeline.work()


@pytest.fixture
def crowd(pipeline: Pipeline) -> Pipeline:
    """240 customers on different days of two SOPs, at noon of the fourth day."""
    pipeline.apply(LEAD, SHORT, engine=ENGINE)
    for day, number in ((0, 90), (1, 70), (2, 50), (3, 30)):
        enter(pipeline, day, number)
    pipeline.wait_until(3, "12:00")
    pipeline.work()
    return pipeline


def active(pipeline: Pipeline) -> dict[str, dict[str | None, int]]:
    found: dict[str, dict[str | None, int]] = {}
    for each in pipeline.timelines():
        if each.state == "active":
            steps_ = found.setdefault(each.sop, {})
            steps_[each.next_step] = steps_.get(each.next_step, 0) + 1
    return found


def ended(pipeline: Pipeline, sop: str) -> Counter[str]:
    return Counter(each.reason for each in pipeline.timelines() if each.sop == sop and each.state == "exited")


def skipped(pipeline: Pipeline, reason: str, sop: str) -> Counter[str]:
    return Counter(each.step for each in pipeline.touches() if each.reason == reason and each.sop == sop)


def number(pipeline: Pipeline, statement: str) -> int:
    return int(pipeline.rows(statement)[0][0])


def without(pipeline: Pipeline, step: str) -> int:
    """Return how many active timelines of `lead` have not had a step."""
    return number(
        pipeline,
        f"""select count(*) from timelines l where sop = 'lead' and state = 'active'
            and not exists (select 1 from touches t where t.timeline_id = l.id and t.step = '{step}')""",
    )


def live(pipeline: Pipeline, days: int) -> None:
    """Let the days pass, hour by hour, everything that is due being done."""
    end = pipeline.clock.at + timedelta(days=days)
    while pipeline.clock.at < end:
        pipeline.wait(minutes=60 - pipeline.clock.at.minute)
        pipeline.wiring.silence_sweeper.run()
        pipeline.work()


def sent_since(pipeline: Pipeline, since: Any) -> dict[tuple[str, str], int]:
    """Return what really went out, by day in Shanghai and channel."""
    found = pipeline.rows(
        """select (sent_at at time zone 'Asia/Shanghai')::date::text as day, channel, count(*) as number from touches
           where sent_at > :since and kind <> 'do' group by 1, 2""",
        since=since,
    )
    return {(row.day, row.channel): row.number for row in found}


def foretold(tally: Any) -> dict[tuple[str, str], float]:
    return {(day.isoformat(), channel): number for (day, channel), number in tally.sent.items() if number}


class TestInFlight:
    def test_what_the_plan_says_of_timelines_is_what_apply_then_does(self, crowd: Pipeline) -> None:
        before, lacked_d3 = active(crowd), without(crowd, "d3")
        found = plan(crowd, NEW_LEAD, CLUB, engine=ENGINE)
        lead, short = of(found, "lead"), of(found, "short")
        assert (lead.waiting, short.waiting) == (before["lead"], before["short"])
        assert (lead.in_flight, lead.customers, lead.looked_at) == (sum(before["lead"].values()),) * 3

        crowd.apply(NEW_LEAD, CLUB, engine=ENGINE)
        after = active(crowd)
        assert short.ends == {"sop_removed": before["short"]["d6"]} == ended(crowd, "short")
        assert lead.ends == ended(crowd, "lead") == {"while_ended": lead.ends["while_ended"]}
        assert lead.ends["while_ended"] > 10
        assert sum(after["lead"].values()) == lead.in_flight - lead.ends["while_ended"]
        assert {name: each.passed for name, each in steps(lead).items() if each.passed} == skipped(
            crowd, "passed", "lead"
        )
        assert steps(lead)["d2"].passed > 50
        assert {name: each.to_come for name, each in steps(lead).items() if each.to_come} == {
            step: without(crowd, step) for step in ("d1", "d2", "d5", "d8", "d12")
        }
        assert steps(lead)["d12"].gets == without(crowd, "d12")
        assert steps(lead)["d2"].gets == without(crowd, "d2")
        assert steps(lead)["d8"].moves == without(crowd, "d8")
        assert [step for step, each in steps(lead).items() if each.moves] == ["d8"]
        ended_without_d3 = number(
            crowd,
            """select count(*) from timelines l where sop = 'lead' and state = 'exited'
               and not exists (select 1 from touches t where t.timeline_id = l.id and t.step = 'd3')""",
        )
        assert steps(lead)["d3"].loses == lacked_d3 - ended_without_d3 > 50

    def test_planning_writes_nothing(self, crowd: Pipeline) -> None:
        def everything() -> list[Any]:
            tables = ("timelines", "touches", "customers", "definitions", "generations", "joining", "audit", "events")
            return [crowd.rows(f"select count(*), max(t.xmin::text::bigint) from {name} t") for name in tables]

        before = everything()
        plan(crowd, NEW_LEAD, CLUB, WAKE)
        assert everything() == before

    def test_a_change_of_engine_yaml_concerns_every_timeline(self, crowd: Pipeline) -> None:
        elsewhere = ENGINE.replace("Asia/Shanghai", "Europe/London")
        found = plan(crowd, LEAD, SHORT, engine=elsewhere, days=None)
        due = {each.id: each.step_due for each in crowd.timelines() if each.state == "active"}
        moved = {each.sop: sum(step.moves for step in each.steps if step.step == "d8") for each in found.sops}
        crowd.apply(LEAD, SHORT, engine=elsewhere)
        really = Counter(each.sop for each in crowd.timelines() if each.id in due and each.step_due != due[each.id])
        assert set(really) == {"lead", "short"} == set(moved)
        assert moved["lead"] == without(crowd, "d8")

    def test_an_sop_not_touched_is_not_told_of(self, crowd: Pipeline) -> None:
        assert [each.sop for each in plan(crowd, LEAD.replace("第一天", "首日"), SHORT, days=None).sops] == ["lead"]

    def test_comments_alone_do_nothing(self, crowd: Pipeline) -> None:
        found = plan(crowd, LEAD + "# 备注\n", SHORT, days=None)
        assert ([each.kind for each in found.differences], found.sops, found.ending) == (["text"], [], 0)

    def test_a_sample_is_steady_and_scaled(self, crowd: Pipeline) -> None:
        first, second = (of(plan(crowd, NEW_LEAD, SHORT, sample=40, days=None), "lead") for _ in range(2))
        assert first == second
        assert (first.looked_at, first.customers) == (40, first.in_flight)
        exact = of(plan(crowd, NEW_LEAD, SHORT, days=None), "lead")
        assert first.waiting == exact.waiting, "counted, not scaled"
        assert abs(steps(first)["d12"].gets - steps(exact)["d12"].gets) < first.customers * 0.2

    def test_a_customer_whose_events_wait_is_asked_for_while_after_those(self, pipeline: Pipeline) -> None:
        pipeline.apply(LEAD, engine=ENGINE)
        pipeline.post("c1", "stage.changed", value="成交客户")
        pipeline.tag("c1")
        pipeline.post("c1", "stage.changed", value="意向客户")
        assert of(plan(pipeline, NEW_LEAD, days=None), "lead").ends == {}
        pipeline.apply(NEW_LEAD, engine=ENGINE)
        pipeline.match_all()
        assert pipeline.timeline().state == "active"


class TestExisting:
    def test_who_joins_and_where_they_stand_is_what_happens(self, crowd: Pipeline) -> None:
        crowd.tag("late", tag="club")
        (found,) = plan(crowd, LEAD, SHORT, CLUB, engine=ENGINE).existing
        crowd.apply(LEAD, SHORT, CLUB, engine=ENGINE)
        crowd.wiring.existing_enroller.run()
        crowd.match_all()
        started = [each for each in crowd.timelines() if each.sop == "club"]
        assert (found.mode, found.starts, found.meet) == ("join", len(started), 241)
        assert found.refused == {"condition": 241 - len(started)}
        crowd.plan()
        assert found.missed == skipped(crowd, "before_start", "club")
        assert found.stand_at == active(crowd)["club"]
        assert set(found.stand_at) == {"a", "b"}

    def test_start_now_takes_as_many_days_as_it_says(self, crowd: Pipeline) -> None:
        club = CLUB.replace("existing: join", "existing: {start: now, per_day: 90}")
        (found,) = plan(crowd, LEAD, SHORT, club, engine=ENGINE).existing
        crowd.apply(LEAD, SHORT, club, engine=ENGINE)
        taken = []
        for _ in range(4):
            taken.append(crowd.wiring.existing_enroller.run().events)
            crowd.match_all()
            crowd.wait(days=1)
        assert (found.mode, found.per_day, found.days) == ("start", 90, 3)
        assert (sum(taken), taken[:2], taken[3]) == (found.starts, [90, 90], 0)
        assert found.stand_at == {"a": found.starts}

    def test_a_group_that_is_busy_keeps_them_out(self, pipeline: Pipeline) -> None:
        pipeline.apply(LEAD + "group: g\npriority: 60\n", engine=ENGINE)
        pipeline.tag("c1", "c2")
        pipeline.tag("c3", tag="club")
        (found,) = plan(pipeline, LEAD + "group: g\npriority: 60\n", CLUB + "group: g\n", engine=ENGINE).existing
        assert (found.starts, found.refused) == (1, {"group_busy": 2})

    def test_ignored_they_are_counted_and_left_alone(self, crowd: Pipeline) -> None:
        (found,) = plan(crowd, LEAD, SHORT, CLUB.replace("join", "ignore"), engine=ENGINE).existing
        assert (found.mode, found.starts, found.meet) == ("ignore", 0, 240)

    def test_an_id_applied_before_asks_nobody_again(self, crowd: Pipeline) -> None:
        crowd.apply(LEAD, SHORT, CLUB, engine=ENGINE)
        crowd.apply(LEAD, SHORT, engine=ENGINE)
        (found,) = plan(crowd, LEAD, SHORT, CLUB, engine=ENGINE).existing
        assert (found.mode, found.starts) == ("again", 0)


class TestAhead:
    def test_what_goes_out_afterwards_is_what_the_plan_says(self, crowd: Pipeline) -> None:
        found = plan(crowd, NEW_LEAD, CLUB, engine=ENGINE, days=10)
        assert found.ahead is not None
        assert foretold(found.ahead.after) != foretold(found.ahead.before)
        since = crowd.clock.at
        crowd.apply(NEW_LEAD, CLUB, engine=ENGINE)
        crowd.wiring.existing_enroller.run()
        crowd.work()
        live(crowd, 10)
        assert foretold(found.ahead.after) == sent_since(crowd, since)
        assert sum(foretold(found.ahead.after).values()) > 400

    def test_what_would_have_gone_out_without_the_change_is_told_too(self, crowd: Pipeline) -> None:
        found = plan(crowd, NEW_LEAD, SHORT, engine=ENGINE, days=10)
        assert found.ahead is not None
        since = crowd.clock.at
        live(crowd, 10)
        assert foretold(found.ahead.before) == sent_since(crowd, since)

    def test_time_alone_starts_sops_for_customers_at_rest_as_well(self, crowd: Pipeline) -> None:
        for n in range(20):
            crowd.post(f"rest{n}", "visit")
        crowd.match_all()
        crowd.apply(LEAD, SHORT, WAKE, engine=ENGINE)
        found = plan(crowd, NEW_LEAD, SHORT, WAKE, engine=ENGINE, days=10)
        assert found.ahead is not None
        since = crowd.clock.at
        live(crowd, 10)
        assert foretold(found.ahead.before) == sent_since(crowd, since)
        assert sum(number for (_, channel), number in foretold(found.ahead.before).items() if channel == "second") > 150

    @pytest.mark.parametrize("cap", ["{max: 1, per: 3d}", "{max: 1, per: 7d}"])
    def test_what_caps_hold_back_and_what_they_cost_is_told(self, crowd: Pipeline, cap: str) -> None:
        capped = ENGINE + f"caps: [{cap}]\n"
        found = plan(crowd, LEAD, SHORT, engine=capped, days=10)
        assert found.ahead is not None
        since = crowd.clock.at
        crowd.apply(LEAD, SHORT, engine=capped)
        live(crowd, 10)
        assert foretold(found.ahead.after) == sent_since(crowd, since)
        assert (found.ahead.before.held, found.ahead.before.lost) == ({}, {})
        waited = number(crowd, "select count(*) from touches where waited = 'cap' and status = 'sent'")
        lost = number(crowd, "select count(*) from touches where reason = 'expired'")
        assert (found.ahead.after.held["cap"], found.ahead.after.lost["cap"]) == (waited, lost)
        assert waited + lost > 50

    def test_what_starts_now_starts_on_its_day(self, crowd: Pipeline) -> None:
        club = CLUB.replace("existing: join", "existing: {start: now, per_day: 90}")
        found = plan(crowd, LEAD, SHORT, club, engine=ENGINE, days=10)
        assert found.ahead is not None
        since = crowd.clock.at
        crowd.apply(LEAD, SHORT, club, engine=ENGINE)
        end = crowd.clock.at + timedelta(days=10)
        while crowd.clock.at < end:
            crowd.wiring.existing_enroller.run()
            crowd.work()
            crowd.wait(minutes=60 - crowd.clock.at.minute)
        crowd.work()
        assert foretold(found.ahead.after) == sent_since(crowd, since)


class TestGenerations:
    def test_an_earlier_generation_is_planned_like_a_folder(self, crowd: Pipeline) -> None:
        crowd.apply(NEW_LEAD, engine=ENGINE)
        back = crowd.wiring.apply_planner.generation(1)
        found = crowd.wiring.apply_planner.plan(back, days=None)
        assert [(each.name, each.kind) for each in found.differences] == [("lead", "changed"), ("short", "added")]
        assert (found.basis.generation, found.basis.back_to) == (2, 1)
        assert steps(of(found, "lead"))["d12"].loses > 100

    def test_one_that_is_not_there_is_named(self, crowd: Pipeline) -> None:
        with pytest.raises(NotFound, match="no generation 9; there are 1 to 1, `sop versions` lists them"):
            crowd.wiring.apply_planner.generation(9)

    def test_before_the_first_apply_everything_is_new(self, pipeline: Pipeline) -> None:
        found = plan(pipeline, LEAD)
        assert [(each.name, each.kind) for each in found.differences] == [("engine.yaml", "added"), ("lead", "added")]
        assert (found.basis.generation, found.basis.in_flight) == (0, {})
