"""Last writer wins by event time, at equal times by inbox order; an event that changes no fact is no moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.customers.customer import Customer
from engine.core.customers.facts import FactChanges, apply, warnings
from engine.core.events.event import Event
from engine.core.reasons import Reason
from tests.support.builders import NOON, a_customer, an_engine, an_event, hours
from tests.support.said import untranslated

ENGINE = an_engine()
EARLIER, LATER = NOON - hours(1), NOON + hours(1)


def applied(customer: Customer, event: Event) -> FactChanges:
    return apply(customer, event, ENGINE)


def kinds(result: FactChanges) -> list[str]:
    return [each.kind for each in result.moments]


class TestTags:
    def test_a_tag_that_was_set_is_a_moment(self) -> None:
        customer = a_customer()
        result = applied(customer, an_event("tag.added", {"tag": "A"}))
        assert (kinds(result), result.moments[0].name, result.changed) == (["tag_added", "event"], "A", True)
        assert customer.has_tag("A")

    def test_a_late_older_removal_does_not_undo_a_newer_setting(self) -> None:
        customer = a_customer()
        applied(customer, an_event("tag.added", {"tag": "A"}, time=NOON))
        result = applied(customer, an_event("tag.removed", {"tag": "A"}, time=EARLIER))
        assert (result.reason, result.changed, result.moments) == (Reason.SUPERSEDED, False, [])
        assert customer.has_tag("A")

    def test_a_tag_set_twice_is_no_change_but_guards_against_an_older_removal(self) -> None:
        customer = a_customer()
        applied(customer, an_event("tag.added", {"tag": "A"}, time=EARLIER))
        again = applied(customer, an_event("tag.added", {"tag": "A"}, time=LATER))
        assert (again.reason, again.changed, again.moments) == (Reason.NO_CHANGE, False, [])
        assert applied(customer, an_event("tag.removed", {"tag": "A"}, time=NOON)).reason is Reason.SUPERSEDED
        assert customer.has_tag("A")

    def test_a_removal_guards_even_where_the_tag_was_never_set(self) -> None:
        customer = a_customer()
        assert applied(customer, an_event("tag.removed", {"tag": "A"}, time=NOON)).reason is Reason.NO_CHANGE
        assert applied(customer, an_event("tag.added", {"tag": "A"}, time=EARLIER)).reason is Reason.SUPERSEDED
        assert not customer.has_tag("A")

    def test_at_equal_times_the_one_later_in_the_inbox_wins(self) -> None:
        customer = a_customer()
        applied(customer, an_event("tag.added", {"tag": "A"}))
        assert kinds(applied(customer, an_event("tag.removed", {"tag": "A"}))) == ["tag_removed", "event"]
        assert not customer.has_tag("A")


class TestDimensions:
    def test_a_change_leaves_one_value_and_enters_the_other(self) -> None:
        customer = a_customer(stage="新加好友")
        result = applied(customer, an_event("stage.changed", {"value": "意向客户"}))
        assert [(each.kind, each.name) for each in result.moments[:2]] == [
            ("left", "stage=新加好友"),
            ("entered", "stage=意向客户"),
        ]
        assert customer.dimension("stage") == "意向客户"

    def test_the_first_value_is_only_entered(self) -> None:
        assert kinds(applied(a_customer(), an_event("stage.changed", {"value": "意向客户"}))) == ["entered", "event"]

    def test_other_dimensions_by_name(self) -> None:
        customer = a_customer()
        applied(customer, an_event("stage.changed", {"dimension": "tier", "value": "金卡"}))
        assert (customer.dimension("tier"), customer.dimension("stage")) == ("金卡", None)

    def test_the_same_value_and_older_values_change_nothing(self) -> None:
        customer = a_customer()
        applied(customer, an_event("stage.changed", {"value": "意向客户"}))
        assert (
            applied(customer, an_event("stage.changed", {"value": "意向客户"}, time=LATER)).reason is Reason.NO_CHANGE
        )
        assert (
            applied(customer, an_event("stage.changed", {"value": "到店客户"}, time=NOON)).reason is Reason.SUPERSEDED
        )

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            ({"value": "意向客"}, ["`意向客`", "allowed: 新加好友, 意向客户", "Did you mean `意向客户`?"]),
            ({"value": "金卡", "dimension": "tiers"}, ["`tiers` is not declared", "Did you mean `tier`?"]),
        ],
    )
    def test_an_undeclared_value_is_dropped_with_a_warning(self, data: dict[str, str], words: list[str]) -> None:
        customer, event = a_customer(stage="到店客户"), an_event("stage.changed", data)
        result = applied(customer, event)
        assert (result.reason, result.changed, customer.dimension("stage")) == (Reason.UNKNOWN_VALUE, False, "到店客户")
        assert all(word in result.dropped[0] for word in words)
        assert warnings(event, ENGINE) == result.dropped
        assert [untranslated(each) for each in result.dropped] == [[]] * len(result.dropped)


class TestCustomerFields:
    def test_a_value_of_the_wrong_type_is_dropped_and_the_rest_counts(self) -> None:
        customer = a_customer()
        event = an_event(
            "customer.updated", {"attributes": {"budget": "many", "name": "王", "shoe": 42}, "timezone": "Asia/Peking"}
        )
        result = applied(customer, event)
        assert customer.attributes == {"name": "王", "shoe": 42}  # undeclared ones are kept
        assert [("budget" in each, "Asia/Peking" in each) for each in result.dropped] == [(True, False), (False, True)]
        assert (result.changed, customer.timezone) == (True, None)
        assert warnings(event, ENGINE) == result.dropped
        assert [untranslated(each) for each in result.dropped] == [[]] * len(result.dropped)

    def test_creation_carries_the_same_fields_and_warnings(self) -> None:
        event = an_event(
            "customer.created", {"attributes": {"budget": True, "name": "王"}, "timezone": "Europe/London"}
        )
        customer = a_customer()
        result = applied(customer, event)
        assert (customer.attributes, customer.timezone) == ({"name": "王"}, "Europe/London")
        assert len(result.dropped) == 1
        assert warnings(event, ENGINE) == result.dropped
        assert [untranslated(each) for each in result.dropped] == [[]] * len(result.dropped)

    def test_a_customer_is_created_once(self) -> None:
        customer = a_customer()
        assert kinds(applied(customer, an_event("customer.created"))) == ["customer_created", "event"]
        assert applied(customer, an_event("customer.created", time=LATER)).reason is Reason.NO_CHANGE

    def test_each_field_has_its_own_last_writer(self) -> None:
        customer = a_customer()
        applied(
            customer, an_event("customer.updated", {"attributes": {"name": "王"}, "staff": {"owner": "li"}}, time=NOON)
        )
        late = an_event(
            "customer.updated", {"attributes": {"name": "李", "budget": 5}, "staff": {"owner": "xu"}}, time=EARLIER
        )
        assert applied(customer, late).changed
        assert (customer.attributes, customer.staff) == ({"name": "王", "budget": 5}, {"owner": "li"})

    def test_null_takes_a_value_away_for_good(self) -> None:
        customer = a_customer()
        applied(customer, an_event("customer.updated", {"attributes": {"name": "王"}}, time=EARLIER))
        applied(customer, an_event("customer.updated", {"attributes": {"name": None}}, time=LATER))
        applied(customer, an_event("customer.updated", {"attributes": {"name": "李"}}, time=NOON))
        assert customer.attributes == {}

    def test_why_nothing_changed_is_told_apart(self) -> None:
        customer = a_customer()
        applied(customer, an_event("customer.updated", {"attributes": {"name": "王"}}))
        assert (
            applied(customer, an_event("customer.updated", {"attributes": {"name": "王"}}, time=LATER)).reason
            is Reason.NO_CHANGE
        )
        assert (
            applied(customer, an_event("customer.updated", {"attributes": {"name": "李"}}, time=NOON)).reason
            is Reason.SUPERSEDED
        )

    def test_true_is_not_one(self) -> None:
        customer = a_customer(attributes={"flag": 1})
        assert applied(customer, an_event("customer.updated", {"attributes": {"flag": True}})).changed
        assert customer.attributes["flag"] is True

    @pytest.mark.parametrize(
        ("name", "good", "bad"),
        [
            ("name", "王", 5), ("budget", 5.5, True), ("budget", 0, "0"), ("vip", False, 0),
            ("due", "2026-03-01", "2026-02-30"), ("due", "2026-03-01T10:00:00Z", "1.3.2026"),
            ("seen_at", "2026-03-01T10:00:00+08:00", "2026-03-01T10:00:00"), ("seen_at", "2026-03-01T10:00:00Z", 1767225600),
        ],
    )  # fmt: skip
    def test_types(self, name: str, good: Any, bad: Any) -> None:
        assert warnings(an_event("customer.updated", {"attributes": {name: good}}), ENGINE) == []
        assert warnings(an_event("customer.updated", {"attributes": {name: bad}}), ENGINE) != []


class TestFriends:
    def test_coming_and_going(self) -> None:
        customer = a_customer()
        came = applied(customer, an_event("friend.added", {"staff": "li", "state": "展厅"}, time=EARLIER))
        again = applied(customer, an_event("friend.added", {"staff": "li", "state": "展厅"}, time=NOON))
        left = applied(customer, an_event("friend.removed", {"staff": "li"}, time=LATER))
        assert (kinds(came), again.reason, kinds(left)) == (
            ["friend_added", "event"],
            Reason.NO_CHANGE,
            ["friend_removed", "event"],
        )
        assert left.moments[0].detail == {"staff": "li", "state": "展厅"}


class TestOptOuts:
    def out_of(self, *said: tuple[str, str | None, int]) -> list[str]:
        customer = a_customer()
        for word, channel, hour in said:
            data = {"channel": channel} if channel else {}
            applied(customer, an_event(f"message.opted_{word}", data, time=NOON + hours(hour)))
        return [channel for channel in ("log", "sms") if customer.opted_out_of(channel)]

    def test_of_one_channel_or_all(self) -> None:
        assert self.out_of(("out", "sms", 1)) == ["sms"]
        assert self.out_of(("out", None, 1)) == ["log", "sms"]
        assert self.out_of(("out", "sms", 1), ("in", "sms", 2)) == []

    def test_opting_in_to_all_undoes_what_was_said_before_and_nothing_after(self) -> None:
        assert self.out_of(("out", "sms", 1), ("out", None, 2), ("in", None, 3)) == []
        assert self.out_of(("in", None, 3), ("out", "sms", 1)) == []  # the same, late
        assert self.out_of(("out", "sms", 4), ("in", None, 3)) == ["sms"]

    def test_opting_in_to_one_does_not_lift_opting_out_of_all(self) -> None:
        assert self.out_of(("out", None, 1), ("in", "sms", 2)) == ["log", "sms"]


class TestActivities:
    def test_anything_else_is_something_the_customer_did_in_whatever_order(self) -> None:
        customer = a_customer()
        for time in (NOON, LATER, EARLIER):
            assert applied(customer, an_event("purchase", {"order": "1", "amount": 2}, time=time)).changed
        fact = customer.activities["purchase"]
        assert (fact.first_at, fact.last_at, fact.times) == (EARLIER, LATER, 3)

    def test_a_message_is_a_reply_and_an_activity(self) -> None:
        customer = a_customer()
        result = applied(customer, an_event("message.received", {"text": "想预约", "channel": "wecom"}))
        assert [(each.kind, each.name) for each in result.moments] == [("replied", None), ("event", "message.received")]
        assert "message.received" in customer.activities


# ── whatever order events come in ────────────────────────────────────────────────────────────────────────────

_CHANGES: list[tuple[str, dict[str, Any]]] = [
    *((f"tag.{word}", {"tag": tag}) for word in ("added", "removed") for tag in ("A", "B")),
    *(("stage.changed", {"value": value}) for value in ("新加好友", "意向客户", "到店客户")),
    *(("customer.updated", {"attributes": {"budget": value}}) for value in (1, 2, None)),
    *(("customer.updated", {"attributes": {"flag": value}, "staff": {"owner": str(value)}}) for value in (0, False, 1)),
    *(("customer.updated", {"timezone": name}) for name in ("Europe/London", "Asia/Shanghai")),
    *(("friend.added", {"staff": "li", "state": state}) for state in ("展厅", "线上")),
    ("friend.removed", {"staff": "li"}),
    *((f"message.opted_{word}", {"channel": channel}) for word in ("in", "out") for channel in ("sms", "log", None)),
]  # fmt: skip


def final(events: Sequence[Event]) -> dict[str, Any]:
    customer = a_customer()
    for event in events:
        applied(customer, event)
    return {
        "tags": sorted(tag for tag, fact in customer.tags.items() if fact.present),
        "dimensions": {name: fact.value for name, fact in customer.dimensions.items()},
        "attributes": repr(sorted(customer.attributes.items())),  # tells True from 1
        "others": (customer.staff, customer.timezone, customer.friends, customer.opt_outs),
    }


@given(st.data())
def test_any_order_and_duplication_of_events_gives_the_same_facts(data: st.DataObject) -> None:
    """Last writer wins by `time`: a late, older event does not undo a newer one."""
    chosen = data.draw(st.lists(st.sampled_from(_CHANGES), min_size=2, max_size=12))
    events = [an_event(kind, plain, time=NOON + timedelta(minutes=place)) for place, (kind, plain) in enumerate(chosen)]
    repeated = data.draw(st.lists(st.sampled_from(events), max_size=6))
    shuffled = data.draw(st.permutations([*events, *repeated]))
    assert final(shuffled) == final(events)
