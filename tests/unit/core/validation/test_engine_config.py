"""Checks of clocks: what they may count, the one lifecycle, and names of both wherever they are used."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from engine.core.definitions import EngineConfig
from engine.core.validation import check
from tests.support.builders import a_sop, an_engine
from tests.support.chinese import english_left

LEVELS = {"活跃期": 0, "沉默期": 64}
CLOCKS = {"any": {"kinds": ["visit"]}, "purchase": {"kinds": ["purchase"], "lifecycle": LEVELS}}


def said(engine: EngineConfig | None = None, **parts: Any) -> list[str]:
    found = check(engine or an_engine(clocks=CLOCKS), {"sops/lead.yaml": a_sop(**parts)})
    assert [left for each in found for left in english_left(each.said())] == []
    return [f"{each.path}: {each.message}" for each in found if each.level == "error"]


def test_clocks_and_a_lifecycle_that_are_right_have_no_problems() -> None:
    parts = {
        "trigger": [{"silent": {"clock": "any", "days": 30}}, {"entered": {"lifecycle": "沉默期"}}],
        "while": [{"is": {"lifecycle": ["沉默期"]}}, {"silent": {"clock": "purchase", "days": 1}}],
        "steps": [{"id": "d0", "day": 0, "message": {"text": "{{ customer.dimensions.lifecycle }}"}}],
    }
    assert said(**parts) == []


@pytest.mark.parametrize(
    ("clocks", "path", "expected"),
    [
        ({"any": {"kinds": ["购买"]}}, "clocks/any/kinds/0", "`购买` is no event type"),
        ({"any": {"kinds": ["visit", "Purchase"]}}, "clocks/any/kinds/1", "Did you mean `purchase`?"),
        ({"any": {"kinds": ["engine.silent"]}}, "clocks/any/kinds/0", "is made by the engine and is no activity"),
        (
            {**CLOCKS, "b": {"kinds": ["visit"], "lifecycle": LEVELS}},
            "clocks/b/lifecycle",
            "`purchase` has the lifecycle already",
        ),
    ],
)
def test_a_wrong_clock_is_named_with_its_place(clocks: dict[str, Any], path: str, expected: str) -> None:
    (problem,) = said(an_engine(clocks=clocks))
    assert problem.startswith(f"{path}: ")
    assert expected in problem


def test_the_lifecycle_is_not_declared_a_second_time() -> None:
    engine = an_engine(clocks=CLOCKS, dimensions={"lifecycle": {"values": ["a"]}})
    (problem,) = said(engine)
    assert (
        problem
        == "dimensions/lifecycle: `lifecycle` is computed from the clock `purchase`; remove it here, its values are the clock's"
    )


@pytest.mark.parametrize("levels", [{}, {"a": 1}, {"a": 0, "b": 64, "c": 64}, {"a": 0, "b": 64, "c": 30}])
def test_levels_begin_with_0_and_rise(levels: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="begin with 0 days and rise"):
        an_engine(clocks={"any": {"kinds": ["visit"], "lifecycle": levels}})


@pytest.mark.parametrize(
    ("parts", "path", "expected"),
    [
        (
            {"trigger": [{"silent": {"clock": "purchas", "days": 30}}]},
            "trigger/0/silent/clock",
            "Did you mean `purchase`?",
        ),
        ({"while": [{"not": {"silent": {"clock": "x", "days": 30}}}]}, "while/0/not/silent/clock", "unknown clock `x`"),
        (
            {"trigger": [{"entered": {"lifecycle": "沉没期"}}]},
            "trigger/0/entered/lifecycle/0",
            "Did you mean `沉默期`?",
        ),
        ({"exit": [{"left": {"lifecycle": "x"}}]}, "exit/0/left/lifecycle/0", "known: 活跃期, 沉默期"),
        ({"when": [{"is": {"lifecycle": "x"}}]}, "when/0/is/lifecycle/0", "known: 活跃期, 沉默期"),
        (
            {"steps": [{"id": "a", "after": "1m", "do": [{"set": {"lifecycle": "沉默期"}}]}]},
            "steps/0/do/0/set/lifecycle",
            "cannot be set",
        ),
    ],
)
def test_names_of_clocks_and_values_are_known_wherever_they_stand(
    parts: dict[str, Any], path: str, expected: str
) -> None:
    (problem,) = said(**parts)
    assert problem.startswith(f"{path}: ")
    assert expected in problem


def test_without_a_lifecycle_its_dimension_is_unknown() -> None:
    assert "unknown dimension `lifecycle`" in said(an_engine(), when=[{"is": {"lifecycle": "沉默期"}}])[0]
