"""Where gates, priority, fallbacks and new versions meet: each was found by trying, and seen to fail."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Sop
from engine.core.definitions.catalog import DecisionContext
from engine.core.delivery.fallback import UnconfirmedTouch, fallback_touch
from engine.core.delivery.plan import plan_customer
from engine.core.delivery.reschedule import Queued, must_wait_for_rivals, reschedule
from engine.core.delivery.version_change import reschedule_timeline
from tests.support.builders import INSTALLATION, a_customer, a_sop, a_timeline, an_engine, at, definitions

DAILY: dict[str, Any] = {"caps": [{"max": 1, "per": "1d"}]}
NIGHT: dict[str, Any] = {"quiet_hours": ["21:00", "09:00"]}
SECOND, THIRD = date(2026, 3, 2), date(2026, 3, 3)
TEN = at("2026-03-02 10:00")


def a_message(name: str, priority: int, day: int, clock: str, **step: Any) -> Sop:
    return a_sop(
        sop=name,
        priority=priority,
        steps=[{"id": "s", "day": day, "at": clock, "message": {"text": "您好"}, **step}],
    )


def inside(*sops: tuple[Sop, str], **fields: Any) -> tuple[Customer, list[Timeline]]:
    """Return a customer in these SOPs, each to be looked at at a time."""
    lines = [
        a_timeline(sop, due_at=at(when), step_due=at(when), next_step="s", id=n)
        for n, (sop, when) in enumerate(sops, 1)
    ]
    return a_customer(timelines=lines, **fields), lines


class TestWhoGoesFirst:
    def test_what_quiet_hours_keep_for_tomorrow_wants_no_room_today(self) -> None:
        """It took none, and the other one waited for it until there was no room left, and expired."""
        low, high = a_message("low", 10, 1, "10:00"), a_message("high", 90, 1, "22:00")
        customer, _ = inside((low, "2026-03-02 10:00"), (high, "2026-03-02 22:00"))
        (planned,) = plan_customer(
            customer, DecisionContext(definitions(low, high, engine=an_engine(**DAILY, **NIGHT)), TEN, INSTALLATION)
        )
        assert [(each.timeline.sop, each.status) for each in planned.touches] == [("low", "queued")]

    def test_nor_does_what_reaches_the_customer_nowhere(self) -> None:
        low, high = a_message("low", 10, 1, "10:00"), a_message("high", 90, 1, "15:00", channel="sms")
        customer, _ = inside((low, "2026-03-02 10:00"), (high, "2026-03-02 15:00"), opt_outs={"sms"})
        (planned,) = plan_customer(
            customer, DecisionContext(definitions(low, high, engine=an_engine(**DAILY)), TEN, INSTALLATION)
        )
        assert [(each.timeline.sop, each.status) for each in planned.touches] == [("low", "queued")]

    def test_a_priority_that_was_raised_holds_for_those_inside(self) -> None:
        """Both waited for each other: one was compared by its old priority, the other by its new one."""
        first, second = a_message("first", 90, 1, "10:00"), a_message("second", 60, 1, "15:00")
        known = definitions(first, second, engine=an_engine(**DAILY))
        customer, lines = inside((first, "2026-03-02 10:00"), (second, "2026-03-02 15:00"))
        lines[0].priority = 50  # as it was when it started
        for each in lines:
            reschedule_timeline(each, customer, DecisionContext(known, at("2026-03-01 18:00"), INSTALLATION))
        (planned,) = plan_customer(customer, DecisionContext(known, TEN, INSTALLATION))
        assert [(each.timeline.sop, each.status) for each in planned.touches] == [("first", "queued")]


class TestHeldAnew:
    LOW, HIGH = a_message("low", 10, 1, "20:55"), a_message("high", 90, 2, "10:00")
    KNOWN = definitions(LOW, HIGH, engine=an_engine(**DAILY, **NIGHT))

    def queued(self) -> Queued:
        customer, lines = inside((self.LOW, "2026-03-02 20:55"), (self.HIGH, "2026-03-03 10:00"))
        lines[0].had = {"s"}
        customer.counted = {(SECOND, "log"): 1}
        limit = at("2026-03-04 08:55")
        return Queued(7, customer, lines[0], "low", "s", "message", "log", at("2026-03-02 20:55"), limit, SECOND)

    def test_who_waits_for_higher_priority_takes_no_room_from_it(self) -> None:
        """It counted on that day already: the more important one found the day full, and went out a day late."""
        queued = self.queued()
        held = reschedule(queued, DecisionContext(self.KNOWN, at("2026-03-02 21:00")))
        assert (held.ready_at, held.send_before, held.counted_on) == (
            at("2026-03-03 10:00"),
            at("2026-03-03 10:00"),
            None,
        )
        planned = plan_customer(queued.customer, DecisionContext(self.KNOWN, at("2026-03-03 10:00"), INSTALLATION))
        assert [(each.timeline.sop, each.status) for one in planned for each in one.touches] == [("high", "queued")]

    @pytest.mark.parametrize(("now", "waits"), [("2026-03-03 09:59", False), ("2026-03-03 10:00", True)])
    def test_what_is_due_of_higher_priority_is_planned_before_it(self, now: str, waits: bool) -> None:
        assert must_wait_for_rivals(self.queued(), DecisionContext(self.KNOWN, at(now))) is waits


class TestNewVersion:
    def test_what_a_cap_put_off_keeps_its_own_time_of_day(self) -> None:
        """Any apply, of another SOP too, let it go out the moment its day had begun."""
        low = a_message("low", 10, 1, "10:00")
        known = definitions(low, engine=an_engine(**DAILY))
        customer, (line,) = inside((low, "2026-03-02 10:00"), counted={(SECOND, "log"): 1})
        assert plan_customer(customer, DecisionContext(known, TEN, INSTALLATION))[0].touches == []
        now = at("2026-03-03 00:30")
        reschedule_timeline(line, customer, DecisionContext(known, now, INSTALLATION))
        (planned,) = plan_customer(customer, DecisionContext(known, now, INSTALLATION))
        assert (planned.touches, line.waiting, line.due_at) == ([], "cap", at("2026-03-03 10:00"))


class TestFallback:
    SOP = a_sop(defaults={"at": "10:00", "channel": ["log", "sms"], "fallback_after": "2h"})
    NOW = at("2026-03-02 12:00")

    def unconfirmed(self, counted: dict[tuple[date, str], int], limit: datetime) -> UnconfirmedTouch:
        customer, (line,) = inside((self.SOP, "2026-03-02 10:00"), counted=counted)
        queued = Queued(7, customer, line, "lead", "d1", "message", "log", TEN, limit, SECOND)
        return UnconfirmedTouch(queued, {}, 1, None, 0)

    def test_its_old_place_makes_no_room_under_the_cap_of_another_channel(self) -> None:
        """It was taken off the new channel's messages: two went out where one was allowed."""
        known = definitions(self.SOP, engine=an_engine(caps=[{"max": 1, "per": "1d", "channel": "sms"}]))
        one = self.unconfirmed({(SECOND, "log"): 1, (SECOND, "sms"): 1}, at("2026-03-05 10:00"))
        touch = fallback_touch(one, DecisionContext(known, self.NOW, INSTALLATION))
        assert touch is not None
        assert (touch.counted_on, touch.delayed_by) == (THIRD, "cap")
        assert one.touch.customer.counted == {(SECOND, "log"): 0, (SECOND, "sms"): 1, (THIRD, "sms"): 1}

    def test_what_stays_with_staff_keeps_its_place(self) -> None:
        known = definitions(self.SOP, engine=an_engine(caps=[{"max": 1, "per": "1d", "channel": "sms"}]))
        one = self.unconfirmed({(SECOND, "log"): 1, (SECOND, "sms"): 1}, at("2026-03-02 22:00"))
        assert fallback_touch(one, DecisionContext(known, self.NOW, INSTALLATION)) is None
        assert one.touch.customer.counted == {(SECOND, "log"): 1, (SECOND, "sms"): 1}
