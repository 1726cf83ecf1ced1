"""How close a customer's events came to a trigger, and what it would lead to now."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from engine.core.customers.customer import ClockFact
from engine.core.definitions.catalog import DecisionContext
from engine.core.explain.near_misses import MissContext, PastEvent, closest_events, would_start
from engine.core.explain.story import Closest, triggers_of
from tests.support.builders import LONG_AGO, NOON, SHANGHAI, a_customer, a_sop, definitions


def past(kind: str = "tag.added", *, reason: str | None = None, hit: str | None = None, **data: Any) -> PastEvent:
    return PastEvent(7, kind, NOON, data, reason, NOON, hit)


def near(trigger: str, *events: PastEvent, **customer: Any) -> Closest:
    """What came closest to this one trigger."""
    sop = a_sop(f"trigger: [{trigger}]")
    (one,) = closest_events(
        MissContext(sop, a_customer(**customer), SHANGHAI, LONG_AGO, NOON), triggers_of(sop), events
    )
    return one


def test_the_tag_spelled_most_alike_comes_first() -> None:
    told = near("{tag_added: 装修意向}", past(tag="楼盘A"), past(tag="装修意象"))
    assert [(each.actual, each.kind, each.wanted) for each in told.events] == [
        ("装修意象", "other", ["装修意向"]),
        ("楼盘A", "other", ["装修意向"]),
    ]


def test_the_right_tag_comes_before_every_other() -> None:
    told = near("{tag_added: 装修意向}", past(tag="装修意向", reason="no_change"), past(tag="装修意象"))
    assert (told.events[0].kind, told.events[0].reason) == ("nothing", "no_change")


def test_only_three_are_told_and_how_many_more_there_are() -> None:
    told = near("{tag_added: x}", *(past(tag=f"t{number}") for number in range(5)))
    assert (len(told.events), told.others) == (3, 2)


def test_what_came_before_the_sop_was_applied_says_so() -> None:
    sop = a_sop("trigger: [{tag_added: x}]")
    context = MissContext(sop, a_customer(), SHANGHAI, NOON + timedelta(days=1), NOON)
    (told,) = closest_events(context, ["x"], [past(tag="x")])
    assert told.events[0].kind == "before"


def test_what_the_matcher_has_not_come_to_waits() -> None:
    told = near("{tag_added: x}", PastEvent(7, "tag.added", NOON, {"tag": "x"}, None, None))
    assert told.events[0].kind == "unmatched"


def test_of_tags_wanted_together_those_lacking_are_told() -> None:
    told = near("{tag_added: {all: [a, b, c]}}", past(tag="a"), tags=["a", "c"])
    assert (told.events[0].kind, told.events[0].wanted) == ("rest", ["b"])


def test_a_value_entered_from_elsewhere_names_where_from() -> None:
    told = near("{entered: {stage: 成交客户, from: 到店客户}}", past("stage.changed", value="成交客户"))
    assert (told.events[0].kind, told.events[0].wanted) == ("came_from", ["到店客户"])


def test_another_dimension_is_not_near() -> None:
    told = near("{entered: {stage: 成交客户}}", past("stage.changed", value="金卡", dimension="tier"))
    assert told.events == []


@pytest.mark.parametrize(
    ("trigger", "event", "field", "actual"),
    [
        ("{event: {type: paid, where: {amount: {gte: 9}}}}", past("paid", amount=5), "amount", 5),
        ("{event: {type: paid, where: {amount: {gte: 9}}}}", past("paid"), "amount", None),
        ("{replied: {contains: [预约]}}", past("message.received", text="你好"), "text", "你好"),
        ("{replied: {channel: wecom}}", past("message.received", channel="sms"), "channel", "sms"),
        ("{friend_added: {state: 展会}}", past("friend.added", staff="li", state="门店"), "state", "门店"),
    ],
)
def test_fields_that_differ_are_told_with_what_they_were(
    trigger: str, event: PastEvent, field: str, actual: Any
) -> None:
    (miss,) = near(trigger, event).events
    assert (miss.kind, [(each.name, each.actual) for each in miss.fields]) == ("fields", [(field, actual)])


def test_what_hit_the_trigger_is_counted_not_told_as_a_miss() -> None:
    told = near("{tag_added: x}", past(tag="x", hit="trigger/0/tag_added"))
    assert (told.events, told.hits) == ([], 1)


def test_of_a_clock_and_a_date_it_is_told_how_they_stand() -> None:
    silent = near("{silent: {clock: any, days: 30}}", clocks={"any": ClockFact(NOON - timedelta(days=12), True)})
    dated = near("{date: {attribute: due}}", attributes={"due": "2026-05-01"})
    assert silent.now and dated.now
    assert (silent.now.actual, silent.now.wanted) == (12, {"clock": "any", "days": 30})
    assert (dated.now.name, dated.now.actual) == ("due", "2026-05-01")


# ── would it start now? ──────────────────────────────────────────────────────────────────────────────────────

PICKY = """
when: [{tag: a}, {not: {tag: b}}, {attr: {budget: {gte: 9}}}]
while: [{is: {stage: 意向客户}}]
"""


def test_every_condition_is_asked_now_not_only_up_to_the_first_that_fails() -> None:
    sop = a_sop(PICKY)
    told = would_start(a_customer(["b"], "意向客户"), sop, DecisionContext(definitions(sop), NOON), {})
    assert (told.starts, told.reason) == (False, "condition")
    assert [(each.path, each.holds) for each in told.conditions] == [
        *(("when/0", False), ("when/1", False), ("when/2", None), ("while/0", True)),
    ]  # fmt: skip
    assert [each.path for each in told.conditions[1].asked] == ["when/1/not/tag"]


def test_a_start_that_would_be_made_changes_nothing() -> None:
    sop = a_sop()
    customer = a_customer()
    before = copy.deepcopy(customer)
    assert would_start(customer, sop, DecisionContext(definitions(sop), NOON), {}).starts
    assert customer == before


def test_what_refuses_besides_conditions_is_told() -> None:
    sop = a_sop("accept: false")
    assert would_start(a_customer(), sop, DecisionContext(definitions(sop), NOON), {}).reason == "not_accepting"
