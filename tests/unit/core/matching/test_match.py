"""What one event leads to: facts, exits, triggers, in this order; with outcomes that say why."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.core.customers.customer import Customer
from engine.core.events.event import END, ENGINE_SOURCE, START, Event
from engine.core.reasons import Reason
from tests.support.builders import (
    NOON,
    a_customer,
    a_sop,
    a_timeline,
    an_event,
    at,
    definitions,
    hours,
    matched,
    planned,
    started,
)

TAGGED = an_event("tag.added", {"tag": "装修意向"})


def removed(minutes: float = 60) -> Event:
    return an_event("tag.removed", {"tag": "装修意向"}, time=NOON + timedelta(minutes=minutes))


def states(customer: Customer) -> list[tuple[str, str, str | None]]:
    return [(each.sop, each.state, each.reason) for each in customer.timelines]


class TestTriggers:
    def test_any_moment_of_the_trigger_starts_the_sop_once(self) -> None:
        known = definitions(a_sop("trigger: [{tag_added: [楼盘A, 装修意向]}, {event: {type: tag.added}}]"))
        customer = a_customer()
        outcome = matched(customer, TAGGED, known).outcome
        assert states(customer) == [("lead", "active", None)]
        assert outcome == {"started": [{"sop": "lead", "version": 1, "path": "trigger/0/tag_added", "key": ""}]}

    def test_the_event_is_what_the_timeline_starts_from(self) -> None:
        """Its time is the anchor."""
        timeline = started(a_customer(), definitions(a_sop()), NOON, note="vip")
        assert (timeline.anchor, timeline.event["type"], timeline.event["data"]["note"]) == (NOON, "tag.added", "vip")
        assert timeline.start_id.startswith("crm/")
        assert (timeline.next_step, timeline.step_due, timeline.due_at) == (
            "d1",
            at("2026-03-02 10:00"),
            at("2026-03-02 10:00"),
        )

    def test_what_changes_nothing_triggers_nothing(self) -> None:
        """An event that changes no fact (superseded, tag already set) is no moment."""
        customer, known = a_customer(["装修意向"]), definitions(a_sop())
        result = matched(customer, TAGGED, known)
        assert (result.outcome, result.changed, customer.timelines) == ({"reason": Reason.NO_CHANGE}, False, [])
        assert matched(customer, an_event(time=at("2019-01-01 00:00")), known).outcome == {"reason": Reason.SUPERSEDED}

    def test_a_dropped_value_is_told(self) -> None:
        outcome = matched(a_customer(), an_event("stage.changed", {"value": "意向"}), definitions()).outcome
        assert outcome["reason"] is Reason.UNKNOWN_VALUE
        assert "意向客户" in outcome["dropped"][0]

    def test_higher_priority_is_decided_first(self) -> None:
        known = definitions(a_sop(sop="a-low", priority=10), a_sop(sop="b-high", priority=90))
        customer = a_customer()
        matched(customer, TAGGED, known)
        assert [each.sop for each in customer.timelines] == ["b-high", "a-low"]

    def test_an_outcome_carries_the_trace_of_a_refusal(self) -> None:
        known = definitions(a_sop("when: [{is: {stage: 意向客户}}]"))
        (refused,) = matched(a_customer(stage="成交客户"), TAGGED, known).outcome["refused"]
        assert refused["reason"] is Reason.CONDITION
        assert refused["trace"] == [
            {"path": "when/0/is/stage", "wanted": ["意向客户"], "actual": "成交客户", "holds": False}
        ]


class TestExits:
    known = definitions(a_sop("exit: [{replied: {contains: 退订}}, {tag_removed: 装修意向, as: 失去意向}]"))

    def test_an_exit_ends_the_timeline_with_its_name(self) -> None:
        customer = a_customer()
        started(customer, self.known)
        outcome = matched(customer, removed(), self.known).outcome
        assert states(customer) == [("lead", "exited", Reason.EXIT)]
        assert outcome["exits"] == [
            {"sop": "lead", "key": "", "reason": Reason.EXIT, "detail": "失去意向", "path": "exit/1/tag_removed"}
        ]
        assert customer.timelines[0].ended_at == NOON + hours(1)

    def test_an_exit_before_the_start_does_not_count(self) -> None:
        """An exit counts only if its time is not before the timeline's start."""
        timeline = a_timeline(a_sop(), NOON)
        customer = a_customer(["装修意向"], timelines=[timeline])
        assert "exits" not in matched(customer, removed(-1), self.known).outcome
        assert timeline.active

    def test_an_exit_at_the_very_start_counts(self) -> None:
        customer = a_customer()
        timeline = started(customer, self.known)
        matched(customer, removed(0), self.known)
        assert not timeline.active

    def test_exits_come_before_triggers(self) -> None:
        """One event may end a timeline and start the SOP anew."""
        known = definitions(a_sop("trigger: [{event: {type: order.signed}}]\nexit: [{event: {type: order.signed}}]"))
        customer = a_customer()
        for hour in (0, 1):
            outcome = matched(customer, an_event("order.signed", time=NOON + hours(hour)), known).outcome
        assert states(customer) == [("lead", "exited", Reason.EXIT), ("lead", "active", None)]
        assert (len(outcome["exits"]), len(outcome["started"])) == (1, 1)

    def test_an_sop_no_longer_defined_is_left_to_the_planner(self) -> None:
        customer = a_customer(["装修意向"], timelines=[a_timeline(a_sop(sop="gone"))])
        matched(customer, removed(), definitions())
        assert states(customer) == [("gone", "active", None)]


class TestFollowUps:
    sop = a_sop("exit: [{replied: {contains: 预约}, as: 预约, do: [{start: booking}, {add_tag: [已预约, 热]}]}]")
    known = definitions(sop, a_sop("trigger: [friend_added]", sop="booking"))
    reply = an_event("message.received", {"text": "我想预约"}, time=NOON + hours(1))

    def test_what_an_exit_makes_are_events_with_ids_of_their_cause(self) -> None:
        def made() -> list[Event]:
            customer = a_customer()
            started(customer, definitions(self.sop))
            return matched(customer, self.reply, definitions(self.sop)).made

        events = made()
        assert [(each.type, each.data) for each in events] == [
            (START, {"sop": "booking"}), ("tag.added", {"tag": "已预约"}), ("tag.added", {"tag": "热"}),
        ]  # fmt: skip
        assert {each.source for each in events} == {ENGINE_SOURCE}
        assert len({each.id for each in events}) == 3
        assert events == made()  # doing it twice is doing it once

    def test_they_bear_the_time_of_the_exit_and_go_one_deeper(self) -> None:
        customer = a_customer()
        started(customer, self.known).depth = 2
        first = matched(customer, self.reply, self.known).made[0]
        assert (first.time, first.depth, first.cause and first.cause["path"]) == (NOON + hours(1), 3, ["lead"])

    def test_the_started_sop_knows_the_way_it_came(self) -> None:
        customer = a_customer()
        started(customer, definitions(self.sop))
        matched(customer, matched(customer, self.reply, self.known).made[0], self.known)
        booking = customer.timelines[-1]
        assert (booking.sop, booking.depth, booking.event["path"]) == ("booking", 1, ["lead"])


class TestWhile:
    """When it no longer holds, the timeline exits at once; checked on everything that changes the customer."""

    known = definitions(a_sop("while: [{is: {stage: [新加好友, 意向客户]}}, {not: {attr: {budget: {lt: 100}}}}]"))

    def running(self) -> Customer:
        customer = a_customer(stage="新加好友", attributes={"budget": 500})
        started(customer, self.known)
        return customer

    def test_a_change_that_breaks_it_ends_the_timeline_with_its_trace(self) -> None:
        customer = self.running()
        (gone,) = matched(customer, an_event("stage.changed", {"value": "成交客户"}), self.known).outcome["exits"]
        assert states(customer) == [("lead", "exited", Reason.WHILE_ENDED)]
        assert (gone["path"], gone["detail"], gone["trace"][-1]["actual"]) == ("while", "while/0/is/stage", "成交客户")

    def test_a_change_that_keeps_it_does_not(self) -> None:
        customer = self.running()
        matched(customer, an_event("stage.changed", {"value": "意向客户"}), self.known)
        assert states(customer) == [("lead", "active", None)]

    def test_unknown_does_not_end_it(self) -> None:
        customer = self.running()
        matched(customer, an_event("customer.updated", {"attributes": {"budget": None}}), self.known)
        assert states(customer) == [("lead", "active", None)]

    def test_being_in_an_sop_is_a_fact_too(self) -> None:
        quiet = a_sop("while: [{not: {in_sop: loud}}]", sop="quiet")
        loud = a_sop("trigger: [{event: {type: purchase}}]", sop="loud")
        behind = a_sop("while: [{in_sop: quiet}]", sop="behind", trigger=[{"event": {"type": "visit"}}])
        known, customer = definitions(quiet, loud, behind), a_customer()
        started(customer, known)
        matched(customer, an_event("visit"), known)
        assert [each.active for each in customer.timelines] == [True, True]
        matched(customer, an_event("purchase"), known)
        assert states(customer) == [
            ("quiet", "exited", Reason.WHILE_ENDED), ("behind", "exited", Reason.WHILE_ENDED), ("loud", "active", None),
        ]  # fmt: skip


class TestEngineMadeEvents:
    def start(self, sop: str) -> Event:
        return an_event(START, {"sop": sop}, source=ENGINE_SOURCE, received=NOON + timedelta(days=9))

    def end(self, time_offset: float = 1) -> Event:
        return an_event(
            END, {"sop": "lead"}, source=ENGINE_SOURCE, time=NOON + hours(time_offset), cause={"sop": "vip"}
        )

    def test_a_start_is_decided_like_any_and_is_never_stale(self) -> None:
        customer = a_customer()
        assert matched(customer, self.start("lead"), definitions(a_sop())).outcome["started"][0]["path"] == "do"
        refused = matched(a_customer(), self.start("lead"), definitions(a_sop("when: [{tag: vip}]"))).outcome["refused"]
        assert (states(customer), refused[0]["reason"]) == ([("lead", "active", None)], Reason.CONDITION)

    def test_a_start_of_what_is_gone_says_so(self) -> None:
        assert matched(a_customer(), self.start("gone"), definitions()).outcome == {"reason": Reason.SOP_REMOVED}

    def test_an_end_ends_that_sops_timelines(self) -> None:
        known = definitions(a_sop(), a_sop(sop="other"))
        customer = a_customer()
        matched(customer, TAGGED, known)
        outcome = matched(customer, self.end(), known).outcome
        assert states(customer) == [("lead", "exited", Reason.BY_SOP), ("other", "active", None)]
        assert (outcome["exits"][0]["detail"], outcome["exits"][0]["path"]) == ("vip", "do")

    @pytest.mark.parametrize("active", [True, False])
    def test_an_end_without_anything_to_end_changes_nothing(self, active: bool) -> None:
        customer = a_customer(timelines=[a_timeline(a_sop(), NOON + hours(2))] if active else [])
        assert matched(customer, self.end(), definitions(a_sop())).outcome == {"reason": Reason.NO_CHANGE}
        assert all(each.active for each in customer.timelines)


class TestLookingAgain:
    """A changed fact lets the planner look again at what it may move."""

    def test_a_timeline_that_is_held_back(self) -> None:
        known = definitions(a_sop("steps: [{id: d1, day: 1, message: {text: '{{ customer.name }}'}}]"))
        customer, due = a_customer(), at("2026-03-02 10:00")
        timeline = started(customer, known)
        planned(timeline, customer, known, due)
        matched(customer, an_event("customer.updated", {"attributes": {"name": "王"}}, time=due + hours(1)), known)
        assert (timeline.due_at, timeline.next_step) == (due + hours(1), "d1")

    def test_a_date_that_moves_even_before_the_timeline_is_stored(self) -> None:
        known = definitions(a_sop("steps: [{id: due, from: attr.due, day: 0, message: {text: 今天}}]"))
        customer = a_customer(attributes={"due": "2026-03-20"})
        timeline = started(customer, known)
        assert (timeline.id, timeline.due_at) == (None, at("2026-03-20 10:00"))
        matched(customer, an_event("customer.updated", {"attributes": {"due": "2026-03-10"}}), known)
        assert timeline.due_at == NOON

    def test_another_zone_moves_everything(self) -> None:
        known, customer = definitions(a_sop()), a_customer()
        timeline = started(customer, known)
        matched(customer, an_event("customer.updated", {"timezone": "Europe/London"}), known)
        assert timeline.due_at == NOON

    def test_nothing_else(self) -> None:
        known, customer = definitions(a_sop()), a_customer()
        timeline = started(customer, known)
        matched(customer, an_event("customer.updated", {"attributes": {"name": "王"}}), known)
        assert timeline.due_at == at("2026-03-02 10:00")
