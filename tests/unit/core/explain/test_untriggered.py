"""What the triggers of an SOP that nobody starts wait for, and what came in instead."""

from __future__ import annotations

from engine.core.explain.sop_report import SeenEvent, UntriggeredTrigger
from engine.core.explain.story import triggers_of
from engine.core.explain.untriggered import untriggered
from tests.support.builders import a_sop


def told(trigger: str, seen: dict[str, list[str]], already: int | None = None) -> UntriggeredTrigger:
    """What is told of one trigger, where these names came in by type."""
    sop = a_sop(f"trigger: [{trigger}]")
    by_type = {kind: [SeenEvent(name, 2) for name in names] for kind, names in seen.items()}
    types = {kind: SeenEvent(kind, 2) for kind in seen}
    (one,) = untriggered(sop, triggers_of(sop), by_type, types, {0: already} if already is not None else {})
    return one


def test_a_tag_that_never_came_is_told_with_those_spelled_most_alike() -> None:
    one = told("{tag_added: 装修意向}", {"tag.added": ["楼盘B", "装修意象"]})
    assert (one.seen, [each.name for each in one.near]) == ([], ["装修意象", "楼盘B"])


def test_a_tag_that_came_needs_no_likeness() -> None:
    one = told("{tag_added: [装修意向, 楼盘A]}", {"tag.added": ["楼盘A", "楼盘B"]}, 12)
    assert ([each.name for each in one.seen], one.near, one.already) == (["楼盘A"], [], 12)


def test_a_value_is_compared_within_its_dimension() -> None:
    one = told("{entered: {stage: 成交客户}}", {"stage.changed": ["stage=成交", "tier=金卡"]})
    assert [each.name for each in one.near] == ["stage=成交"]


def test_a_type_that_never_came_is_told_with_a_misspelt_one_only() -> None:
    one = told("{event: {type: order.signed}}", {"order.sign": [], "visit": []})
    assert [each.name for each in one.near] == ["order.sign"]
    assert told("friend_added", {"visit": []}).near == []


def test_what_a_clock_makes_comes_with_no_event() -> None:
    one = told("{silent: {clock: any, days: 30}}", {"visit": []}, 3)
    assert (one.seen, one.near, one.already) == ([], [], 3)
