"""What `validate` says of dates, schedules and `existing`."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.definitions import EngineConfig
from engine.core.validation import check
from tests.support.builders import a_sop, an_engine
from tests.support.chinese import english_left

STEP = {"id": "d1", "day": 1, "message": {"text": "您好"}}
ENGINE = an_engine(clocks={"any": {"kinds": ["visit"]}})


def said(engine: EngineConfig = ENGINE, **parts: Any) -> list[str]:
    found = check(engine, {"sops/lead.yaml": a_sop(**parts)})
    assert [left for each in found for left in english_left(each.said())] == []
    return [f"{each.level} {each.path}: {each.message}" for each in found]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"trigger": [{"date": {"attribute": "duo"}}]},
         "error trigger/0/date/attribute: unknown attribute `duo`; known dates: due, seen_at. Did you mean `due`?"),
        ({"trigger": [{"date": {"attribute": "budget"}}]},
         "error trigger/0/date/attribute: `budget` is declared as number; `date` needs a date or datetime"),
        ({"exit": [{"date": {"attribute": "due"}}]}, "error exit/0/date: `date` only starts SOPs"),
        ({"exit": [{"schedule": {"cron": "0 10 * * *"}}]}, "error exit/0/schedule: `schedule` only starts SOPs"),
        ({"trigger": [{"schedule": {"cron": "0 10 * * *"}}]},
         "warning trigger/0/schedule: every customer enters at each of these times; say who by `when`"),
        ({"existing": "join", "trigger": [{"replied": {}}]},
         "warning existing: nobody can meet this trigger already; `existing` is for tag_added, entered,"),
    ],
)  # fmt: skip
def test_what_is_wrong(parts: dict[str, Any], expected: str) -> None:
    assert any(each.startswith(expected) for each in said(**parts)), said(**parts)


@pytest.mark.parametrize(
    "parts",
    [
        {"trigger": [{"date": {"attribute": "due"}}], "steps": [STEP | {"day": -3}]},
        {"trigger": [{"date": {"attribute": "seen_at", "every": "once"}}], "steps": [STEP | {"day": 0}]},
        {
            "trigger": [{"schedule": {"cron": "0 10 * * MON"}}],
            "when": [{"tag": "vip"}],
            "steps": [STEP | {"day": 0, "at": "11:00"}],
        },
        {"trigger": [{"silent": {"clock": "any", "days": 30}}], "steps": [STEP | {"day": 0}], "existing": "join"},
        {"existing": {"start": "now", "per_day": 500}},
    ],
)
def test_what_is_right(parts: dict[str, Any]) -> None:
    assert said(**parts) == []


def test_days_before_the_start_are_past_where_the_start_cannot_be_foreseen() -> None:
    assert said(steps=[STEP | {"day": -1}]) == [
        "warning steps/0/day: step `d1` lies before the start and is always skipped; count from another date by `from`"
    ]
