"""What came of an SOP: counted by the real store against a plain count, and told of changes, removals and small numbers."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from engine.core.errors import NotFound, SopError
from engine.core.explain.results import Results
from tests.integration.pipeline.test_indexes import explained
from tests.support.pipeline import ENGINE, LEAD, START, Pipeline
from tests.support.places import DOCS
from tests.support.results_population import AB, STAFFED, Timeline, count_arm, count_sent, population, store

BEFORE = START - timedelta(days=1)
SINCE, UNTIL = START + timedelta(days=10), START + timedelta(days=50)


def results(pipeline: Pipeline, since: datetime = BEFORE, until: datetime | None = None, sop: str = "lead") -> Results:
    return pipeline.wiring.results_reporter.results(sop, since, until)


@pytest.fixture
def everyone(pipeline: Pipeline) -> list[Timeline]:
    """Two thousand customers, stored, and seventy days gone by."""
    pipeline.apply(AB, engine=ENGINE + STAFFED)
    timelines = population(2_000, seed=7)
    store(pipeline, timelines)
    pipeline.wait_until(70)
    return timelines


# ── against a plain count ────────────────────────────────────────────────────────────────────────────────────


def test_numbers_are_those_of_a_plain_count(pipeline: Pipeline, everyone: list[Timeline]) -> None:
    cohort = [each for each in everyone if each.sop == "lead" and SINCE <= each.started < UNTIL]
    told = results(pipeline, SINCE, UNTIL)
    for arm, holdout in zip(told.arms, (False, True), strict=True):
        counted = count_arm(cohort, holdout, pipeline.clock.at)
        assert (arm.timelines, arm.rate.customers) == (counted.timelines, counted.customers)
        assert (arm.rate.converted, arm.open) == (counted.converted, counted.open)
        assert arm.median_seconds == pytest.approx(counted.median_seconds)
        assert counted.open > 0
    assert [each.step for each in told.steps] == ["d1", "d3", "call"]
    for step in told.steps:
        assert (step.rate.customers, step.rate.converted) == count_sent(cohort, step.step)
    assert [each.variant for each in told.steps[1].variants] == ["vip", "a", "b"]
    for variant in told.steps[1].variants:
        counted_sent = count_sent(cohort, "d3", variant.variant)
        assert (variant.rate.customers, variant.rate.converted) == counted_sent
        assert min(counted_sent) > 0


def test_differences_that_were_put_in_are_found_and_what_a_condition_chose_is_not_compared(
    pipeline: Pipeline, everyone: list[Timeline]
) -> None:
    told = results(pipeline)
    assert told.against_holdout is not None
    assert told.against_holdout.verdict == "more"
    vip, first, second = told.steps[1].variants
    assert (vip.by_condition, vip.against_first) == (True, None)
    assert (first.by_condition, first.against_first) == (False, None)
    assert second.against_first is not None
    assert (second.against_first.verdict, second.against_first.comparisons) == ("more", 1)
    assert {each.what for each in told.notes} == {"repeated"}


def test_where_there_is_no_difference_few_are_told(pipeline: Pipeline) -> None:
    """Of forty cohorts of two hundred with the same chance in both arms, one in twenty is what chance allows."""
    pipeline.apply(AB, engine=ENGINE + STAFFED)
    pipeline.run("insert into customers (ref) select 'p' || n from generate_series(1, 8000) n")
    pipeline.run(
        """with seeded as (select setseed(0.5)), drawn as (
               select c.id, row_number() over (order by c.id) - 1 as n, random() < 0.5 as held, random() < 0.2 as converted
               from seeded, customers c)
           insert into timelines (customer_id, sop, version, priority, anchor, started_at, start_id, event, state, ended_at, due_at,
                                  holdout, converted_at)
           select id, 'lead', 1, 50, s, s, 'crm', '{}', 'completed', s, s, held, case when converted then s end
           from drawn cross join lateral (select cast(:start as timestamptz) + n / 200 * interval '1 day' as s) at""",
        start=START,
    )
    pipeline.wait_until(50)
    told = [results(pipeline, START + timedelta(days=n), START + timedelta(days=n + 1)) for n in range(40)]
    assert [sum(arm.rate.customers for arm in each.arms) for each in told] == [200] * 40
    verdicts = [each.against_holdout.verdict for each in told if each.against_holdout]
    assert len(verdicts) == 40
    assert sum(each != "within_chance" for each in verdicts) <= 5


def test_a_variant_had_throughout_is_compared_once_over_all_steps(pipeline: Pipeline, everyone: list[Timeline]) -> None:
    pipeline.apply(AB + "arms: sop\n", engine=ENGINE + STAFFED)
    told = results(pipeline)
    assert [each.variant for each in told.arm_variants] == ["a", "b"]
    one, other = told.arm_variants
    cohort = [each for each in everyone if each.sop == "lead"]
    assert (one.rate.customers, one.rate.converted) == count_sent(cohort, "d3", "a")
    assert other.against_first is not None
    assert other.against_first.comparisons == 1
    assert [each.against_first for step in told.steps for each in step.variants] == [None] * 3


# ── the real pipeline ────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_sent_and_bought_is_what_is_told(pipeline: Pipeline) -> None:
    pipeline.apply(AB.replace("holdout: 20%", "holdout: 50%"), engine=ENGINE + STAFFED)
    refs = [f"c{number}" for number in range(12)]
    pipeline.tag(*refs)
    pipeline.wait_until(1)
    pipeline.work()
    held = {each.ref for each in pipeline.timelines() if each.holdout}
    buyers = [sorted(held)[0], *sorted(set(refs) - held)[:2]]
    for ref in buyers:
        pipeline.post(ref, "purchase", order=ref, amount=1)
    pipeline.match_all()
    told = results(pipeline)
    treated, holdout = told.arms
    assert (treated.rate.customers, treated.rate.converted) == (12 - len(held), 2)
    assert (holdout.rate.customers, holdout.rate.converted) == (len(held), 1)
    assert (treated.open, holdout.open) == (10 - len(held), len(held) - 1)
    assert treated.median_seconds == timedelta(days=1).total_seconds()
    (first,) = told.steps
    assert (first.step, first.rate.customers, first.rate.converted) == ("d1", 12 - len(held), 2)
    assert told.against_holdout is not None
    assert told.against_holdout.verdict == "not_enough"


def test_a_conversion_before_a_step_is_not_that_steps(pipeline: Pipeline) -> None:
    """A late event tells of a purchase before the message went out."""
    pipeline.apply(AB.replace("holdout: 20%", "holdout: 0%"), engine=ENGINE + STAFFED)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.work()
    pipeline.post("c1", "purchase", order="A", amount=1, at=START + timedelta(hours=1))
    pipeline.match_all()
    told = results(pipeline)
    assert told.arms[0].rate.converted == 1
    assert (told.steps[0].rate.customers, told.steps[0].rate.converted) == (1, 0)


def test_the_sop_in_the_documentation_gives_what_the_page_says(pipeline: Pipeline) -> None:
    page = (DOCS / "results.md").read_text(encoding="utf-8")
    pipeline.apply(page.split("```yaml\n")[1].split("```")[0])
    refs = [f"c{number}" for number in range(40)]
    pipeline.tag(*refs, tag="装修意向")
    for day in (1, 3):
        pipeline.wait_until(day)
        pipeline.work()
    told = results(pipeline, sop="fair-invitation")
    treated, holdout = told.arms
    assert (treated.timelines + holdout.timelines, told.goal_within_seconds) == (40, 30 * 86_400)
    assert [(each.step, each.rate.customers) for each in told.steps] == [
        ("d1", treated.rate.customers),
        ("d3", treated.rate.customers),
    ]
    assert [each.variant for each in told.steps[1].variants] == ["plain", "coupon"]
    assert holdout.rate.customers > 0


# ── what there is to know besides ────────────────────────────────────────────────────────────────────────────


def notes(told: Results) -> list[str]:
    return [each.what for each in told.notes]


def test_an_sop_without_a_goal_says_so(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    told = results(pipeline)
    assert (told.goal, notes(told)) == (None, ["no_goal"])


def test_a_removed_sop_is_told_of_by_its_last_version(pipeline: Pipeline) -> None:
    pipeline.apply(AB, LEAD.replace("lead", "other"), engine=ENGINE + STAFFED)
    pipeline.tag("c1")
    pipeline.post("c1", "purchase", order="A", amount=1)
    pipeline.match_all()
    pipeline.wait(days=1)
    pipeline.apply(LEAD.replace("lead", "other"))
    told = results(pipeline)
    assert (told.title, told.goal) == ("培育", "event: type purchase")
    assert (told.notes[0].what, told.notes[0].at) == ("removed", START + timedelta(days=1))
    assert sum(arm.rate.converted for arm in told.arms) == 1


def test_a_goal_that_is_gone_leaves_its_conversions(pipeline: Pipeline) -> None:
    with_goal = LEAD + "goal: {event: {type: purchase}}\n"
    pipeline.apply(with_goal)
    pipeline.tag("c1")
    pipeline.post("c1", "purchase", order="A", amount=1)
    pipeline.match_all()
    pipeline.wait(days=1)
    pipeline.apply(LEAD)
    pipeline.wait(days=1)
    assert notes(results(pipeline)) == ["goal_gone", "goal_changed"]
    assert notes(results(pipeline, START + timedelta(days=1, hours=1))) == ["no_goal"]


def test_a_changed_holdout_is_named_and_who_was_in_both(pipeline: Pipeline) -> None:
    pipeline.apply(AB.replace("20%", "0%"), engine=ENGINE + STAFFED)
    pipeline.tag("c1")
    pipeline.post("c1", "tag.removed", tag="vip")
    pipeline.match_all()
    pipeline.wait(days=1)
    pipeline.apply(AB.replace("20%", "100%"), engine=ENGINE + STAFFED)
    pipeline.tag("c1")
    pipeline.wait(days=1)
    told = results(pipeline)
    assert [(each.what, each.at, each.number) for each in told.notes] == [
        ("holdout_changed", START + timedelta(days=1), None),
        ("in_both_arms", None, 1),
    ]
    assert notes(results(pipeline, START + timedelta(days=1))) == []


def test_without_a_holdout_that_is_said(pipeline: Pipeline) -> None:
    pipeline.apply(AB.replace("20%", "0%"), engine=ENGINE + STAFFED)
    pipeline.tag("c1")
    assert notes(results(pipeline)) == ["no_holdout"]


def test_an_sop_nobody_ever_applied_is_not_found(pipeline: Pipeline) -> None:
    pipeline.apply(AB, engine=ENGINE + STAFFED)
    with pytest.raises(NotFound, match="Did you mean `lead`"):
        results(pipeline, sop="leed")


def test_an_empty_time_is_refused(pipeline: Pipeline) -> None:
    pipeline.apply(AB, engine=ENGINE + STAFFED)
    with pytest.raises(SopError, match="let `until` lie after `since`"):
        results(pipeline, START, START)


# ── how it is read ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("marker", "table"), [("count(converted_at)", "timelines"), ("grouping sets", "timelines l")])
def test_the_time_looked_at_is_read_by_its_index(pipeline: Pipeline, marker: str, table: str) -> None:
    """Seen failing with: `timelines_of_sop` dropped."""
    pipeline.apply(AB, engine=ENGINE + STAFFED)
    pipeline.run("insert into customers (ref) select 'p' || n from generate_series(1, 20000) n")
    pipeline.run(
        """insert into timelines (customer_id, sop, version, priority, anchor, started_at, start_id, event, state, due_at)
           select id, 'sop-' || id % 20, 1, 50, s, s, 'crm', '{}', 'active', s
           from customers cross join lateral (select cast(:start as timestamptz) + id * interval '5 minutes' as s) at""",
        start=START,
    )
    pipeline.run("analyze")
    plan = explained(pipeline.engine, lambda: results(pipeline, START, START + timedelta(days=2)), marker=marker)
    assert "timelines_of_sop" in plan, plan
    assert f"Seq Scan on {table}" not in plan, plan
