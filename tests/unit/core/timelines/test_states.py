"""One table of transitions in core; the database's CHECK constraints allow the same states."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

import engine.store.migrations.versions
from engine.core.errors import IllegalTransition
from engine.core.timelines.states import (
    OPEN_TOUCHES,
    TIMELINE_WAYS,
    TOUCH_WAYS,
    TimelineState,
    TouchState,
    check_timeline,
    check_touch,
)
from tests.support.chinese import english_left

SCHEMA = (Path(next(iter(engine.store.migrations.versions.__path__))) / "0001_first.sql").read_text()


def allowed_by_schema(table: str, column: str) -> set[str]:
    """The values of the CHECK constraint on a column."""
    body = SCHEMA[SCHEMA.index(f"create table {table} (") :]
    (values,) = re.findall(rf"check \({column} in \(([^)]*)\)\)", body[: body.index("\n);")])
    return set(re.findall(r"'(\w+)'", values))


def test_timelines() -> None:
    assert set(TIMELINE_WAYS) == set(get_args(TimelineState)) == allowed_by_schema("timelines", "state")


def test_touches() -> None:
    assert set(TOUCH_WAYS) == set(get_args(TouchState)) == allowed_by_schema("touches", "status")


@pytest.mark.parametrize("ways", [TIMELINE_WAYS, TOUCH_WAYS])
def test_every_way_leads_to_a_state(ways: dict[str, frozenset[str]]) -> None:
    assert set().union(*ways.values()) <= set(ways)


def test_open_touches_are_those_that_can_still_go_out_by_themselves() -> None:
    by_an_operator = {"failed", "unknown"}
    assert {state for state, ways in TOUCH_WAYS.items() if ways} - by_an_operator == set(OPEN_TOUCHES)


@pytest.mark.parametrize(
    ("before", "after"),
    [("queued", "sending"), ("sending", "queued"), ("handed", "sent"), ("failed", "queued"), ("unknown", "sent")],
)
def test_ways_of_a_touch(before: str, after: str) -> None:
    check_touch(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [("queued", "sent"), ("sent", "queued"), ("skipped", "queued"), ("cancelled", "sending"), ("nowhere", "sent")],
)
def test_every_other_way_is_refused_with_what_is_allowed(before: str, after: str) -> None:
    with pytest.raises(IllegalTransition, match=f"from `{before}` to `{after}`.* it can go to: ") as caught:
        check_touch(before, after)
    assert english_left(caught.value.message) == []


@pytest.mark.parametrize("end", ["completed", "converted", "exited", "cancelled"])
def test_a_timeline_ends_once(end: str) -> None:
    check_timeline("active", end)
    with pytest.raises(IllegalTransition, match="nothing, it is final"):
        check_timeline(end, "active")
