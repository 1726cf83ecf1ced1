"""Applying what was planned: exactly that, or nothing; all of it, or nothing; and back again."""

from __future__ import annotations

from typing import Any

import pytest

from engine import definitions_yaml
from engine.core.errors import BasisChanged, DefinitionError
from engine.services.rollout.plan_apply import Target
from engine.wiring import CHANNEL_TYPES
from tests.support.interleaving import Killed, die, in_background
from tests.support.pipeline import AT_ONCE, ENGINE, LEAD, Pipeline, sources

LATER = LEAD.replace("day: 1,", "day: 2,")
LATEST = LEAD.replace("day: 1,", "day: 3,")
NEVER = LEAD + "while: [{not: {is: {stage: 成交客户}}}]\n"


def target(*sops: str) -> Target:
    given = sources(*sops)
    return Target(
        given, definitions_yaml.load_sources({name: text for name, (_, text) in given.items()}, CHANNEL_TYPES)
    )


def planned(pipeline: Pipeline, *sops: str) -> tuple[Target, Any]:
    """Return definitions and the basis of their plan, as read again from a file."""
    found = target(*sops)
    basis = pipeline.wiring.apply_planner.plan(found, days=None).basis
    return found, type(basis).model_validate_json(basis.model_dump_json())


def apply(pipeline: Pipeline, found: Target, basis: Any, who: str = "li") -> Any:
    return pipeline.wiring.definition_applier.apply(found.sources, who, basis)


def everything(pipeline: Pipeline) -> list[Any]:
    tables = ("definitions", "generations", "joining", "audit", "rethresholding", "timelines", "touches")
    return [pipeline.rows(f"select t.* from {table} t order by t.*::text") for table in tables]


def test_what_was_planned_is_applied_and_audited_with_what_it_was_decided_on(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    found, basis = planned(pipeline, LATER)
    assert apply(pipeline, found, basis).generation == 2
    (said,) = pipeline.rows("select who, action, detail from audit where id = 2")
    assert (said.who, said.action) == ("li", "definitions.apply")
    assert said.detail["basis"]["generation"] == 1
    assert (said.detail["new"], said.detail["removed"]) == (["lead"], [])


def test_a_plan_on_an_earlier_generation_is_refused_naming_both(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    found, basis = planned(pipeline, LATER)
    pipeline.apply(LATEST)
    before = everything(pipeline)
    with pytest.raises(
        BasisChanged,
        match=r"generation 1; now generation 2 is in force \(applied by somebody at 2026-03-01 02:00:00 UTC\)",
    ):
        apply(pipeline, found, basis)
    assert everything(pipeline) == before


def test_other_texts_than_were_planned_are_refused_naming_the_file(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    _, basis = planned(pipeline, LATER)
    with pytest.raises(BasisChanged, match=r"sops/lead\.yaml has changed"):
        apply(pipeline, target(LATEST), basis)
    assert len(pipeline.rows("select 1 from generations")) == 1


def test_of_two_at_once_on_one_basis_one_is_refused(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    others = [pipeline.another(f"p{number}") for number in range(2)]
    plans = [planned(pipeline, text) for text in (LATER, LATEST)]

    def run(number: int) -> Any:
        found, basis = plans[number]
        try:
            return others[number].wiring.definition_applier.apply(found.sources, f"p{number}", basis)
        except BasisChanged as error:
            return error

    with in_background(lambda: run(0)) as first, in_background(lambda: run(1)) as second:
        answers = [first.result(), second.result()]
    refused = [each for each in answers if isinstance(each, BasisChanged)]
    assert len(refused) == 1
    assert [each.generation for each in answers if not isinstance(each, BasisChanged)] == [2]
    assert len(pipeline.rows("select 1 from generations")) == 2
    assert len(pipeline.rows("select 1 from definitions where sop = 'lead'")) == 2, "nothing of the other is stored"


def test_counts_that_moved_are_told_and_do_not_stand_in_the_way(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    found, basis = planned(pipeline, LATER)
    pipeline.tag(*(f"c{number}" for number in range(12)))
    applied = apply(pipeline, found, basis)
    assert (applied.changed, applied.moved) == (True, [("lead", 0, 12)])


STATEMENTS = ["store.add_version", "store.add_generation", "enrolment.begin", "audit.add", "clock_rebase.rebase"]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_statement_leaves_nothing_half_done(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, statement: str, after: bool
) -> None:
    import engine.services.rollout.apply as module

    pipeline.apply(LEAD)
    pipeline.tag("c1")
    before = everything(pipeline)
    noun, name = statement.split(".")
    real = getattr(getattr(module, noun), name)

    def done_and_gone(*values: Any) -> None:
        real(*values)
        die()

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(getattr(module, noun), name, done_and_gone if after else die)
        pipeline.apply(LATER, AT_ONCE)
    assert everything(pipeline) == before
    assert pipeline.apply(LATER, AT_ONCE).generation == 2


# ── back again ───────────────────────────────────────────────────────────────────────────────────────────────


def test_going_back_is_a_new_generation_of_the_old_versions(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.apply(LATER, AT_ONCE)
    assert pipeline.timeline().step_due.day == 3
    forecasting = pipeline.wiring.apply_planner
    back = forecasting.generation(1)
    applied = apply(pipeline, back, forecasting.basis(back))
    assert (applied.generation, applied.versions, applied.removed) == (3, {"engine.yaml": 1, "lead": 1}, ["hello"])
    assert (applied.new, applied.added) == (["lead"], [])
    assert pipeline.timeline().step_due.day == 2
    ids = [row.definition_ids for row in pipeline.rows("select definition_ids from generations order by generation")]
    assert sorted(ids[0]) == sorted(ids[2])
    (said,) = pipeline.rows("select detail from audit where id = 3")
    assert (said.detail["back_to"], said.detail["basis"]["generation"]) == (1, 2)


def test_generations_tell_what_each_changed(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.apply(LATER, AT_ONCE)
    pipeline.apply(LEAD)
    third, second, first = pipeline.wiring.version_history.newest()
    assert (first.generation, first.new, first.who) == (1, {"engine.yaml": 1, "lead": 1}, "somebody")
    assert (second.new, second.changed, second.removed, second.same_as) == ({"hello": 1}, {"lead": 2}, [], None)
    assert (third.changed, third.removed, third.same_as, third.in_force) == ({"lead": 1}, ["hello"], 1, True)
    assert [each.generation for each in pipeline.wiring.version_history.newest(2)] == [3, 2]


def test_a_generation_that_this_version_cannot_read_is_refused_with_its_problems(pipeline: Pipeline) -> None:
    given = sources(LEAD)
    pipeline.wiring.definition_applier.apply(
        {**given, "sops/odd.yaml": ("odd", "sop: odd\nnonsense: 1\n")}, "an older version"
    )
    pipeline.apply(LEAD)
    with pytest.raises(DefinitionError, match=r"generation 1 cannot be applied[^$]*sops/odd.yaml:2"):
        pipeline.wiring.apply_planner.generation(1)


# ── while ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_while_that_does_not_hold_ends_the_timeline_with_the_apply_and_calls_back(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.post("c1", "stage.changed", value="成交客户")
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.plan()
    pipeline.apply(NEVER)
    assert (pipeline.timeline().state, pipeline.timeline().reason) == ("exited", "while_ended")
    assert pipeline.told() == [("d1", "cancelled", "timeline_ended")]


def test_an_apply_that_changes_nothing_of_a_folder_with_a_plan_is_no_generation(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD, engine=ENGINE)
    found, basis = planned(pipeline, LEAD)
    assert (apply(pipeline, found, basis).changed, len(pipeline.rows("select 1 from audit"))) == (False, 1)
