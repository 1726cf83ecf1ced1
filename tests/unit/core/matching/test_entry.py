"""May this SOP start for this customer, and what does the start end?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.core.customers.customer import Customer
from engine.core.definitions import Sop
from engine.core.definitions.catalog import DecisionContext
from engine.core.events.event import ENGINE_SOURCE, Event
from engine.core.matching.entry import EntryDecision, decide_entry
from engine.core.reasons import Reason
from tests.support.builders import NOON, a_customer, a_sop, a_timeline, an_event, definitions, hours


def decided(customer: Customer, sop: Sop, event: Event | None = None) -> EntryDecision:
    event = event or an_event()
    return decide_entry(
        customer, sop, "trigger/0/tag_added", event, DecisionContext(definitions(sop), event.received_at)
    )


def again(sop: Sop, *times: datetime) -> list[Reason | None]:
    """What becomes of a customer who meets the trigger at these times, the timeline having ended each time before."""
    customer, reasons = a_customer(), []
    for time in times:
        for each in customer.active_timelines():
            each.end("completed", None, time)
        reasons.append(decided(customer, sop, an_event(time=time)).reason)
    return reasons


class TestConditionsAtTheStart:
    def test_when_must_hold(self) -> None:
        sop = a_sop("when: [{is: {stage: [新加好友, 意向客户]}}, {not: {tag: 已成交}}]")
        assert decided(a_customer(stage="意向客户"), sop).reason is None
        assert decided(a_customer(stage="成交客户"), sop).reason is Reason.CONDITION
        assert decided(a_customer(["已成交"], stage="意向客户"), sop).reason is Reason.CONDITION

    def test_so_must_while(self) -> None:
        sop = a_sop("while: [{is: {stage: 意向客户}}]")
        start = decided(a_customer(stage="成交客户"), sop)
        assert (start.reason, start.timeline) == (Reason.WHILE_NOT_MET, None)
        assert start.trace[0]["path"] == "while/0/is/stage"

    @pytest.mark.parametrize("where", ["when", "while"])
    def test_unknown_does_not_start_and_names_the_value(self, where: str) -> None:
        start = decided(a_customer(), a_sop(f"{where}: [{{attr: {{budget: {{gte: 1}}}}}}]"))
        assert (start.reason, start.detail) == (Reason.UNKNOWN, "customer.attributes.budget")

    def test_the_starting_event_can_be_asked_about(self) -> None:
        sop = a_sop("when: [{event: {amount: {gte: 100}}}]")
        assert decided(a_customer(), sop, an_event(data={"tag": "装修意向", "amount": 100})).reason is None
        assert decided(a_customer(), sop, an_event(data={"tag": "装修意向", "amount": 99})).reason is Reason.CONDITION

    def test_a_start_carries_its_trace_too(self) -> None:
        start = decided(a_customer(["A"]), a_sop("when: [{tag: A}]\nwhile: [{not: {tag: B}}]"))
        assert [each["path"] for each in start.trace] == ["when/0/tag", "while/0/not/tag"]


class TestOldEvents:
    def test_an_event_too_old_at_its_receipt_starts_nothing(self) -> None:
        """`max_event_age` (2d) is measured at receipt."""
        sop = a_sop()
        assert decided(a_customer(), sop, an_event(received=NOON + timedelta(days=2))).reason is None
        assert (
            decided(a_customer(), sop, an_event(received=NOON + timedelta(days=2, seconds=1))).reason
            is Reason.STALE_EVENT
        )
        assert (
            decided(a_customer(), a_sop(max_event_age="3d"), an_event(received=NOON + timedelta(days=3))).reason is None
        )

    def test_waiting_in_the_inbox_does_not_make_it_old(self) -> None:
        event = an_event()
        start = decide_entry(
            a_customer(),
            sop := a_sop(),
            "trigger/0",
            event,
            DecisionContext(definitions(sop), NOON + timedelta(days=9)),
        )
        assert start.reason is None

    def test_what_the_engine_makes_is_never_old(self) -> None:
        event = an_event(source=ENGINE_SOURCE, received=NOON + timedelta(days=9))
        assert decided(a_customer(), a_sop(), event).reason is None

    def test_a_backfilled_event_starts_nothing(self) -> None:
        assert decided(a_customer(), a_sop(), an_event(backfill=True)).reason is Reason.BACKFILL


class TestReentry:
    later = NOON + timedelta(days=100)

    def test_after_the_end_is_the_default_without_a_cooldown(self) -> None:
        assert again(a_sop(), NOON, NOON + hours(1)) == [None, None]

    def test_not_while_it_runs(self) -> None:
        customer = a_customer()
        assert decided(customer, a_sop()).reason is None
        start = decided(customer, a_sop(), an_event(time=NOON + hours(1)))
        assert (start.reason, len(customer.timelines)) == (Reason.ALREADY_ACTIVE, 1)

    def test_never_means_once(self) -> None:
        assert again(a_sop(reentry="never"), NOON, self.later) == [None, Reason.ALREADY_HAD]

    def test_who_is_in_it_is_told_so_and_not_that_it_cools_down(self) -> None:
        sop = a_sop(reentry={"mode": "after_end", "cooldown": "90d"})
        customer, known = a_customer(), definitions(sop)
        assert decided(customer, sop).reason is None
        again = an_event(time=NOON + hours(1))
        assert (
            decide_entry(customer, sop, "trigger/0/tag_added", again, DecisionContext(known, again.time)).reason
            == "already_active"
        )

    def test_a_cooldown_counts_from_the_last_start(self) -> None:
        sop = a_sop(reentry={"mode": "after_end", "cooldown": "90d"})
        assert again(sop, NOON, NOON + timedelta(days=90, seconds=-1), NOON + timedelta(days=90)) == [
            None,
            Reason.COOLDOWN,
            None,
        ]

    def test_restart_ends_the_running_one_and_starts_anew(self) -> None:
        customer, sop = a_customer(), a_sop(reentry="restart")
        decided(customer, sop)
        start = decided(customer, sop, an_event(time=NOON + hours(1)))
        old, new = customer.timelines
        assert start.ended == [old]
        assert (old.state, old.reason, new.active, new.anchor) == ("exited", Reason.RESTARTED, True, NOON + hours(1))

    def test_restart_waits_for_its_cooldown(self) -> None:
        customer, sop = a_customer(), a_sop(reentry={"mode": "restart", "cooldown": "1d"})
        decided(customer, sop)
        assert decided(customer, sop, an_event(time=NOON + hours(1))).reason is Reason.COOLDOWN
        assert [each.active for each in customer.timelines] == [True]


class TestKey:
    """One active timeline per customer, SOP and key (two orders, two timelines)."""

    sop = a_sop("key: event.data.order\nreentry: never")

    def order(self, order: Any) -> Event:
        return an_event("order.signed", {"order": order})

    def test_two_orders_are_two_timelines(self) -> None:
        customer = a_customer()
        reasons = [decided(customer, self.sop, self.order(order)).reason for order in ("A", "B", "A", 7)]
        assert reasons == [None, None, Reason.ALREADY_HAD, None]
        assert [each.key for each in customer.timelines] == ["A", "B", "7"]

    @pytest.mark.parametrize("order", [None, "", [], {"id": 1}])
    def test_without_the_value_nothing_starts(self, order: Any) -> None:
        start = decided(a_customer(), self.sop, self.order(order))
        assert (start.reason, start.detail) == (Reason.NO_KEY, "event.data.order")


class TestGroup:
    """At most one active timeline in a group; equal or higher priority replaces, lower is refused."""

    def running(self, priority: int, **fields: Any) -> Customer:
        return a_customer(timelines=[a_timeline(a_sop(sop="running", group="培育", priority=priority, **fields))])

    @pytest.mark.parametrize("priority", [49, 50])
    def test_it_replaces_equal_or_lower_priority(self, priority: int) -> None:
        customer = self.running(priority)
        start = decided(customer, a_sop(group="培育"))
        old = customer.timelines[0]
        assert (start.reason, old.state, old.reason, old.detail) == (None, "exited", Reason.REPLACED, "lead")
        assert [each.sop for each in customer.active_timelines()] == ["lead"]

    def test_it_is_refused_by_a_higher_priority(self) -> None:
        customer = self.running(51)
        start = decided(customer, a_sop(group="培育"))
        assert (start.reason, start.detail, start.ended) == (Reason.GROUP_BUSY, "running", [])
        assert customer.timelines[0].active

    def test_a_refused_restart_ends_nothing(self) -> None:
        """The running one of the same SOP is to end only if the new one starts."""
        sop = a_sop(group="培育", reentry="restart")
        customer = self.running(51)
        own = a_timeline(sop, group=None)  # started before the SOP was put into the group
        customer.timelines.append(own)
        assert decided(customer, sop).reason is Reason.GROUP_BUSY
        assert own.active

    def test_other_groups_and_ended_timelines_are_no_rivals(self) -> None:
        assert decided(self.running(99), a_sop(group="生日")).reason is None
        assert decided(self.running(99), a_sop()).reason is None
        customer = self.running(99)
        customer.timelines[0].end("completed", None, NOON)
        assert decided(customer, a_sop(group="培育")).reason is None


def test_a_start_with_nothing_dated_is_looked_at_at_once() -> None:
    sop = a_sop("steps: [{id: x, from: attr.due, day: 0, message: {text: 今}}]")
    timeline = decided(a_customer(), sop).timeline
    assert timeline is not None
    assert (timeline.next_step, timeline.due_at) == (None, NOON)
