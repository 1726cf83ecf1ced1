"""Names that SOPs wait for and nobody ever posted."""

from __future__ import annotations

from engine.core.validation.unseen_names import NeverSeen, never_seen
from tests.support.builders import a_sop, definitions


def found(*sops: str, **seen: list[str]) -> dict[str, NeverSeen]:
    known = definitions(*(a_sop(each) for each in sops))
    return {each.name: each for each in never_seen(known, seen)}


def test_a_misspelt_tag_is_told_with_the_nearest_one_seen() -> None:
    one = found("trigger: [{tag_added: 装修意象}]", tag=["装修意向", "楼盘A"])["装修意象"]
    assert (one.kind, one.starts, one.nearest) == ("tag", ["lead"], "装修意向")


def test_what_was_seen_is_not_told() -> None:
    assert found("trigger: [{tag_added: 装修意向}]", tag=["装修意向"]) == {}


def test_a_moment_stands_for_the_event_type_behind_it() -> None:
    told = found("exit: [replied, friend_removed]", tag=["装修意向"], event=["tag.added"])
    assert {name: each.exits for name, each in told.items()} == {
        "message.received": ["lead"],
        "friend.removed": ["lead"],
    }


def test_every_sop_that_waits_for_a_name_is_counted_by_what_it_does_with_it() -> None:
    one = found(
        "{sop: a, trigger: [{event: {type: paid}}]}",
        "{sop: b, exit: [{event: {type: paid}}]}",
        "{sop: c, when: [{seen: {type: paid}}]}",
    )["paid"]
    assert (one.starts, one.exits, one.asks) == (["a"], ["b"], ["c"])


def test_what_an_sop_sets_itself_need_not_have_come_in() -> None:
    steps = "steps: [{id: x, after: 1m, do: [{add_tag: done}, {set: {stage: 成交客户}}]}]"
    told = found(
        f"{{sop: a, {steps}}}", "{sop: b, exit: [{tag_added: done}, {entered: {stage: 成交客户}}]}", tag=["装修意向"]
    )
    assert told == {}


def test_a_name_that_is_defined_is_nobodys_misspelling() -> None:
    told = found("trigger: [{entered: {stage: 到店客户}}]", stage=["意向客户", "成交客户"])
    assert told["到店客户"].nearest is None


def test_an_undeclared_value_that_came_in_is_the_nearest() -> None:
    assert found("trigger: [{entered: {stage: 到店客户}}]", stage=["到店客人"])["到店客户"].nearest == "到店客人"


def test_what_starts_an_sop_comes_first() -> None:
    told = found("{trigger: [{tag_added: z}], exit: [{tag_added: y}], when: [{tag: x}]}")
    assert list(told) == ["z", "y", "x"]
