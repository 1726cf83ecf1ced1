"""What holds a touch back, until when, and why; and until when it may go out once nothing does."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from engine.core.definitions import Cap
from engine.core.definitions.catalog import Definitions
from engine.core.delivery.gates import (
    RivalTouch,
    TouchCandidate,
    after_cap_delay,
    allowed_until,
    delay_by_calendar,
    delay_by_gates,
    room,
)
from engine.core.time.days_off import DaysOff
from tests.support.builders import a_customer, an_engine, at

TEN = at("2026-03-04 10:00")
"""A Wednesday in Shanghai."""
LIMIT = at("2026-03-20 10:00")


def knowing(*, off: tuple[str, ...] = (), **engine: Any) -> Definitions:
    """Return definitions with these days off and these keys of engine.yaml."""
    return Definitions(
        1, an_engine(**engine), days_off=DaysOff(frozenset(date.fromisoformat(f"2026-{each}") for each in off))
    )


def going(known: Definitions, *, kind: str = "message", due: datetime = TEN, **fields: Any) -> TouchCandidate:
    counted = {(date.fromisoformat(f"2026-{day}"), channel): n for day, channel, n in fields.pop("counted", ())}
    return TouchCandidate(kind, due, a_customer(counted=counted), known, channel=fields.pop("channel", "log"), **fields)


def capped(*caps: dict[str, Any], **more: Any) -> Definitions:
    return knowing(caps=list(caps), **more)


DAILY = {"max": 1, "per": "1d"}
WEEKLY = {"max": 4, "per": "7d"}


class TestHours:
    QUIET = ("21:00", "09:00")

    @pytest.mark.parametrize(
        ("now", "until"),
        [("03-04 20:59", None), ("03-04 21:00", "03-05 09:00"), ("03-05 08:59", "03-05 09:00"), ("03-05 09:00", None)],
    )
    def test_from_the_first_to_the_second_time_nothing_goes_out(self, now: str, until: str | None) -> None:
        held = delay_by_calendar(going(knowing(quiet_hours=self.QUIET)), at(f"2026-{now}"))
        assert (held and held.until) == (until and at(f"2026-{until}"))

    def test_who_is_exempt_or_no_touch_of_anybody_is_not_held(self) -> None:
        night = at("2026-03-04 23:00")
        assert (
            delay_by_calendar(going(knowing(quiet_hours=self.QUIET), exempt=frozenset({"quiet_hours"})), night) is None
        )

    def test_a_morning_on_a_day_off_is_no_morning(self) -> None:
        held = delay_by_calendar(going(knowing(quiet_hours=self.QUIET, off=("03-05", "03-06"))), at("2026-03-04 22:00"))
        assert held is not None
        assert (held.until, held.reason, held.causes) == (at("2026-03-07 10:00"), "holiday", "quiet_hours, holiday")


class TestCaps:
    def test_without_room_it_waits_for_tomorrow_at_its_own_time(self) -> None:
        held = delay_by_gates(going(capped(DAILY), counted=[("03-04", "sms", 1)]), at("2026-03-04 15:00"))
        assert held is not None
        assert (held.until, held.reason, held.detail) == (
            at("2026-03-05 10:00"),
            "cap",
            '{"cap": {"max": 1, "days": 1}}',
        )

    def test_a_week_is_seven_days_of_the_customer_today_included(self) -> None:
        counted = [("02-26", "log", 1), ("03-01", "log", 2), ("03-03", "log", 1)]
        known = capped(WEEKLY)
        assert delay_by_gates(going(known, counted=counted), TEN) is not None
        held = delay_by_gates(going(known, counted=counted), TEN)
        assert held is not None
        assert held.until == at("2026-03-05 10:00"), "26 February has left the seven days"

    def test_a_cap_of_one_channel_counts_that_channel_only(self) -> None:
        known = capped({**DAILY, "channel": "sms"})
        assert delay_by_gates(going(known, counted=[("03-04", "log", 5)], channel="sms"), TEN) is None
        assert delay_by_gates(going(known, counted=[("03-04", "sms", 1)], channel="sms"), TEN) is not None
        assert delay_by_gates(going(known, counted=[("03-04", "sms", 1)], channel="log"), TEN) is None

    def test_tasks_and_the_exempt_are_not_held(self) -> None:
        full = [("03-04", "log", 9)]
        assert delay_by_gates(going(capped(DAILY), counted=full, kind="task"), TEN) is None
        assert delay_by_gates(going(capped(DAILY), counted=full, exempt=frozenset({"caps"})), TEN) is None

    def test_its_own_place_does_not_stand_in_its_way(self) -> None:
        mine = date(2026, 3, 4)
        assert delay_by_gates(going(capped(DAILY), counted=[("03-04", "log", 1)], counts_on=mine), TEN) is None

    def test_a_place_taken_on_a_day_to_come_counts_in_the_spans_that_hold_it(self) -> None:
        """Otherwise today's message would make five in the seven days that end on Friday."""
        counted = [("03-02", "log", 3), ("03-06", "log", 1)]
        assert room(Cap.model_validate(WEEKLY), date(2026, 3, 4), going(capped(WEEKLY), counted=counted)) == 0

    def test_higher_priority_later_that_day_goes_first(self) -> None:
        rival = RivalTouch(at("2026-03-04 18:00"), "vip", ("log",))
        held = delay_by_gates(going(capped(DAILY), rivals=[rival]), TEN)
        assert held is not None
        assert (held.until, held.detail) == (rival.at, '{"cap": {"max": 1, "days": 1}, "rival": "vip"}')

    def test_unless_there_is_room_for_both(self) -> None:
        rival = RivalTouch(at("2026-03-04 18:00"), "vip", ("log",))
        assert delay_by_gates(going(capped({"max": 2, "per": "1d"}), rivals=[rival]), TEN) is None

    @pytest.mark.parametrize("when", ["2026-03-04 09:00", "2026-03-05 18:00"])
    def test_those_past_and_those_of_another_day_do_not(self, when: str) -> None:
        assert delay_by_gates(going(capped(DAILY), rivals=[RivalTouch(at(when), "vip", ("log",))]), TEN) is None

    def test_nor_those_over_another_channel_under_a_cap_of_one(self) -> None:
        rival = RivalTouch(at("2026-03-04 18:00"), "vip", ("log",))
        assert delay_by_gates(going(capped({**DAILY, "channel": "sms"}), channel="sms", rivals=[rival]), TEN) is None

    def test_the_day_with_room_is_no_day_off(self) -> None:
        held = delay_by_gates(going(capped(DAILY, off=("03-05",)), counted=[("03-04", "log", 1)]), TEN)
        assert held is not None
        assert (held.until, held.causes) == (at("2026-03-06 10:00"), "cap, holiday")


class TestOwnTime:
    """What a cap has put off to another day waits there for its own time of day, whoever looks at its timeline before."""

    def test_at_night_of_the_day_with_room_it_waits(self) -> None:
        held = after_cap_delay(going(capped(DAILY)), at("2026-03-05 02:30"))
        assert held is not None
        assert (held.until, held.reason) == (at("2026-03-05 10:00"), "cap")

    @pytest.mark.parametrize("now", ["2026-03-05 10:00", "2026-03-04 15:00", "2026-03-04 02:30"])
    def test_at_its_time_and_on_its_own_day_it_does_not(self, now: str) -> None:
        assert after_cap_delay(going(capped(DAILY)), at(now)) is None


class TestUntilWhen:
    def test_nothing_configured_its_limit_ends_it(self) -> None:
        assert allowed_until(going(knowing()), TEN, LIMIT) == LIMIT

    def test_quiet_hours_end_it(self) -> None:
        assert allowed_until(going(knowing(quiet_hours=("21:00", "09:00"))), TEN, LIMIT) == at("2026-03-04 21:00")

    def test_the_day_it_counts_on_ends_at_midnight(self) -> None:
        assert allowed_until(going(capped(DAILY)), TEN, LIMIT) == at("2026-03-05 00:00")

    def test_of_a_task_only_a_day_off_does(self) -> None:
        assert allowed_until(going(capped(DAILY), kind="task"), TEN, LIMIT) == LIMIT
        assert allowed_until(going(capped(DAILY, off=("03-05",)), kind="task"), TEN, LIMIT) == at("2026-03-05 00:00")
