"""Moments: something that happened, as a definition names it."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.customers import facts
from engine.core.customers.customer import Customer
from engine.core.definitions import Moment
from engine.core.matching.triggers import matches
from tests.support.builders import SHANGHAI, a_customer, a_moment, an_engine, an_event


def hits(moment: str, type: str, data: dict[str, Any] | None = None, customer: Customer | None = None) -> bool:
    """Whether one of the moments that an event makes is this one."""
    customer = customer or a_customer()
    happened = facts.apply(customer, an_event(type, data or {}), an_engine()).moments
    return any(matches(a_moment(moment), each, customer, SHANGHAI) for each in happened)


def test_lists_of_tags_mean_any() -> None:
    assert hits("tag_added: [楼盘A, 装修意向]", "tag.added", {"tag": "楼盘A"})
    assert hits("tag_added: 装修意向", "tag.added", {"tag": "装修意向"})
    assert not hits("tag_added: [楼盘A, 装修意向]", "tag.added", {"tag": "楼盘B"})
    assert not hits("tag_removed: 楼盘A", "tag.added", {"tag": "楼盘A"})


def test_all_tags_mean_all_are_set_and_one_of_them_just_was() -> None:
    both = "tag_added: {all: [楼盘A, 装修意向]}"
    assert not hits(both, "tag.added", {"tag": "楼盘A"})
    assert hits(both, "tag.added", {"tag": "楼盘A"}, a_customer(["装修意向"]))
    assert not hits(both, "tag.added", {"tag": "别的"}, a_customer(["装修意向", "楼盘A"]))


def test_all_tags_removed_mean_all_are_gone_and_one_of_them_just_went() -> None:
    both = "tag_removed: {all: [楼盘A, 装修意向]}"
    assert hits(both, "tag.removed", {"tag": "楼盘A"}, a_customer(["楼盘A"]))
    assert not hits(both, "tag.removed", {"tag": "楼盘A"}, a_customer(["楼盘A", "装修意向"]))
    assert hits("tag_removed: [楼盘A, 楼盘B]", "tag.removed", {"tag": "楼盘A"}, a_customer(["楼盘A", "楼盘B"]))


@pytest.mark.parametrize(
    ("moment", "hit"),
    [
        ("entered: {stage: 到店客户}", True),
        ("entered: {stage: [意向客户, 到店客户]}", True),
        ("entered: {stage: 到店客户, from: 意向客户}", True),
        ("entered: {stage: 到店客户, from: 新加好友}", False),
        ("entered: {stage: 意向客户}", False),
        ("entered: {tier: 到店客户}", False),
        ("left: {stage: 意向客户}", True),
        ("left: {stage: 意向客户, to: [到店客户, 成交客户]}", True),
        ("left: {stage: 意向客户, to: 成交客户}", False),
        ("left: {stage: 到店客户}", False),
    ],
)
def test_a_change_from_意向客户_to_到店客户(moment: str, hit: bool) -> None:
    assert hits(moment, "stage.changed", {"value": "到店客户"}, a_customer(stage="意向客户")) is hit


def test_the_first_value_comes_from_nowhere() -> None:
    assert hits("entered: {stage: 到店客户}", "stage.changed", {"value": "到店客户"})
    assert not hits("entered: {stage: 到店客户, from: 意向客户}", "stage.changed", {"value": "到店客户"})


@pytest.mark.parametrize(
    ("moment", "hit"),
    [
        ("replied", True), ("replied: {contains: 预约}", True), ("replied: {contains: [退订, 预约]}", True),
        ("replied: {contains: 退订}", False), ("replied: {channel: wecom}", True), ("replied: {channel: sms}", False),
        ("replied: {contains: 预约, channel: sms}", False), ("event: {type: message.received}", True),
    ],
)  # fmt: skip
def test_a_reply(moment: str, hit: bool) -> None:
    assert hits(moment, "message.received", {"text": "我想预约明天", "channel": "wecom"}) is hit


def test_a_reply_without_text_contains_nothing() -> None:
    assert hits("replied", "message.received")
    assert not hits("replied: {contains: 预约}", "message.received")


@pytest.mark.parametrize(
    ("moment", "hit"),
    [
        ("friend_added", True), ("friend_added: {staff: li}", True), ("friend_added: {staff: [wang, xu]}", False),
        ("friend_added: {state: 展厅}", True), ("friend_added: {state: 线上}", False), ("friend_removed", False),
    ],
)  # fmt: skip
def test_a_new_friend(moment: str, hit: bool) -> None:
    assert hits(moment, "friend.added", {"staff": "li", "state": "展厅"}) is hit


def test_a_friend_who_leaves() -> None:
    assert hits(
        "friend_removed: {staff: li, state: 展厅}",
        "friend.removed",
        {"staff": "li"},
        a_customer(friends={"li": "展厅"}),
    )
    assert not hits("friend_removed", "friend.removed", {"staff": "li"})


def test_a_customer_who_is_created() -> None:
    assert hits("customer_created", "customer.created")
    assert not hits("customer_created", "customer.created", customer=a_customer(created=True))


@pytest.mark.parametrize(
    ("moment", "hit"),
    [
        ("event: {type: order.signed}", True),
        ("event: {type: order.cancelled}", False),
        ("event: {type: order.signed, where: {amount: {gte: 100}}}", True),
        ("event: {type: order.signed, where: {amount: {gte: 101}}}", False),
        ("event: {type: order.signed, where: {amount: 100, shop.city: [上海, 杭州]}}", True),
        ("event: {type: order.signed, where: {amount: 100, shop.city: 北京}}", False),
        ("event: {type: order.signed, where: {missing: {gte: 1}}}", False),  # unknown is not so
    ],
)
def test_an_event_by_type_and_data(moment: str, hit: bool) -> None:
    assert hits(moment, "order.signed", {"amount": 100, "shop": {"city": "上海"}}) is hit


def test_every_kind_of_moment_can_happen() -> None:
    """Whatever a definition may name, some event makes it; what time brings is shown in test_silence and test_slots."""
    examples = [
        ("tag_added: A", "tag.added", {"tag": "A"}, a_customer()),
        ("tag_removed: A", "tag.removed", {"tag": "A"}, a_customer(["A"])),
        ("entered: {stage: 意向客户}", "stage.changed", {"value": "意向客户"}, a_customer()),
        ("left: {stage: 新加好友}", "stage.changed", {"value": "意向客户"}, a_customer(stage="新加好友")),
        ("customer_created", "customer.created", {}, a_customer()),
        ("friend_added", "friend.added", {"staff": "li"}, a_customer()),
        ("friend_removed", "friend.removed", {"staff": "li"}, a_customer(friends={"li": ""})),
        ("replied", "message.received", {}, a_customer()),
        ("event: {type: visit}", "visit", {}, a_customer()),
    ]
    assert {a_moment(moment).kind for moment, *_ in examples} == set(Moment.keys()) - {"silent", "date", "schedule"}
    assert all(hits(*example) for example in examples)
