"""All definitions together: what can set off which SOP is looked up, not searched."""

from __future__ import annotations

import pytest

from engine.core.customers import facts
from engine.core.definitions.catalog import conditions_of
from engine.core.events.event import Event
from engine.core.matching.triggers import matches
from tests.support.builders import a_customer, a_moment, a_sop, an_engine, an_event, definitions

MOMENTS = [
    "tag_added: A", "tag_added: [B, A]", "tag_added: {all: [A, C]}", "tag_removed: [A, B]", "tag_removed: {all: [A, B]}",
    "entered: {stage: [意向客户, 到店客户]}", "left: {stage: 新加好友}", "customer_created", "friend_added: {staff: li}", "friend_removed",
    "replied: {contains: 约}", "event: {type: visit}", "event: {type: tag.added}",
]  # fmt: skip
EVENTS = [
    an_event("tag.added", {"tag": "A"}), an_event("tag.removed", {"tag": "B"}), an_event("stage.changed", {"value": "意向客户"}),
    an_event("customer.created"), an_event("friend.added", {"staff": "li"}), an_event("friend.removed", {"staff": "xu"}),
    an_event("message.received", {"text": "预约"}), an_event("visit"),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_the_index_finds_every_sop_that_a_search_would(event: Event) -> None:
    known = definitions(*(a_sop(trigger=[a_moment(text)], sop=f"s{n}") for n, text in enumerate(MOMENTS)))
    customer = a_customer(["B", "C"], stage="新加好友", friends={"xu": ""})
    happened = facts.apply(customer, event, an_engine()).moments
    assert happened
    for each in happened:
        searched = {
            f"s{n}" for n, text in enumerate(MOMENTS) if matches(a_moment(text), each, customer, "Asia/Shanghai")
        }
        assert searched <= {sop.sop for sop, _ in known.triggers.get((each.kind, each.name), [])}


def test_every_moment_is_indexed_by_its_place_in_the_trigger() -> None:
    sop = a_sop("trigger: [{tag_added: A}, {event: {type: visit}}]")
    assert definitions(sop).triggers == {("tag_added", "A"): [(sop, 0)], ("event", "visit"): [(sop, 1)]}


def test_higher_priority_comes_first_then_the_id() -> None:
    known = definitions(a_sop(sop="a", priority=10), a_sop(sop="c"), a_sop(sop="b"))
    assert [sop.sop for sop, _ in known.triggers["tag_added", "装修意向"]] == ["b", "c", "a"]


def test_conditions_are_found_wherever_they_stand() -> None:
    sop = a_sop(
        """
        when: [{any: [{tag: A}, {not: {touched: {sop: one}}}]}]
        while: [{all: [{not: {any: [{touched: {sop: two}}]}}]}]
        steps: [{id: d1, day: 1, when: [{touched: {sop: three}}], message: {text: 您好}}]
        """
    )
    assert definitions(sop).touched_sops == {"one", "two", "three"}
    assert {each.kind for each in conditions_of(sop)} == {"any", "all", "not", "tag", "touched"}


def test_membership_matters_to_those_whose_while_asks_for_it() -> None:
    watching = a_sop("while: [{not: {in_sop: x}}]", sop="watching")
    assert definitions(watching, a_sop("when: [{in_sop: x}]", sop="not")).membership_watchers == {"watching"}


def test_a_customers_zone_is_their_own_else_the_engines() -> None:
    known = definitions(engine=an_engine(timezone="Europe/London"))
    assert (known.zone_of("Asia/Tokyo"), known.zone_of(None)) == ("Asia/Tokyo", "Europe/London")


def test_what_is_not_defined_is_none() -> None:
    assert definitions(a_sop()).sop("lead") is not None
    assert definitions(a_sop()).sop("gone") is None
