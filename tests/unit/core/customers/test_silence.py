"""Silence: what resets a clock, when a threshold is crossed, what ends an episode, and the lifecycle that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace
from engine.core.customers.customer import Activity, ClockFact, Customer, DimensionFact
from engine.core.customers.silence import REDEFINED, bring_in_line, crossing, due_events
from engine.core.definitions import Sop
from engine.core.definitions.catalog import Definitions
from engine.core.events.event import Event
from tests.support.builders import (
    NOON,
    a_customer,
    a_sop,
    an_engine,
    an_event,
    at,
    definitions,
    matched,
    some_conditions,
)

LEVELS = {"活跃期": 0, "沉默期": 64, "睡眠期": 127, "流失期": 366}
CLOCKS = {
    "any": {"kinds": ["message.received", "purchase", "visit"]},
    "purchase": {"kinds": ["purchase"], "lifecycle": LEVELS},
}
PURCHASE = {"order": "SO-1", "amount": 10}


def waking(days: int = 30, **fields: Any) -> Sop:
    return a_sop(sop=f"wake-{days}", trigger=[{"silent": {"clock": "any", "days": days}}], **fields)


def known(*sops: Sop, **clocks: Any) -> Definitions:
    return definitions(*sops, engine=an_engine(clocks=clocks or CLOCKS))


def did(kind: str, time: datetime = NOON, **fields: Any) -> Event:
    return an_event(kind, PURCHASE if kind == "purchase" else {}, time=time, **fields)


def pass_time(customer: Customer, defined: Definitions, until: datetime) -> list[tuple[str, int, datetime]]:
    """Sweep and match until nothing is due; return clock, days and moment of every crossing."""
    crossed = []
    while due := list(due_events(customer, until)):
        for event in due:
            outcome = matched(customer, event, defined).outcome
            if "reason" not in outcome:
                crossed.append((event.data["clock"], event.data["days"], event.time))
    return crossed


def lifecycle(customer: Customer) -> str | None:
    return customer.dimension("lifecycle")


def clock(customer: Customer, name: str = "any") -> ClockFact:
    return customer.clocks[name]


class TestActivity:
    def test_it_resets_the_clocks_that_list_its_kind(self) -> None:
        customer, defined = a_customer(), known()
        matched(customer, did("purchase"), defined)
        matched(customer, did("visit", NOON + timedelta(days=1)), defined)
        assert (clock(customer).last_at, clock(customer, "purchase").last_at) == (NOON + timedelta(days=1), NOON)

    def test_of_another_kind_it_starts_no_clock_but_the_one_that_runs_from_creation(self) -> None:
        customer = a_customer()
        matched(customer, an_event("tag.added", {"tag": "A"}), known())
        assert {name: fact.active for name, fact in customer.clocks.items()} == {"any": False}
        assert clock(customer).last_at == NOON

    def test_late_it_never_moves_a_clock_back(self) -> None:
        customer, defined = a_customer(), known()
        matched(customer, did("visit"), defined)
        matched(customer, did("visit", NOON - timedelta(hours=1), received=NOON), defined)
        assert clock(customer).last_at == NOON

    def test_heard_of_late_but_newer_it_ends_the_episode(self) -> None:
        customer, defined = a_customer(), known(waking())
        matched(customer, did("visit"), defined)
        pass_time(customer, defined, NOON + timedelta(days=30))
        (timeline,) = customer.active_timelines()
        matched(customer, did("visit", NOON + timedelta(days=20), received=NOON + timedelta(days=30)), defined)
        assert (timeline.state, timeline.reason, clock(customer).level) == ("exited", "active_again", 0)

    @pytest.mark.parametrize("kind", ["tag.added", "visit"])
    def test_of_the_engines_own_making_it_is_none(self, kind: str) -> None:
        customer, defined = a_customer(), known(any={"kinds": ["tag.added", "visit"]})
        matched(customer, an_event(kind, {"tag": "A"}, source="engine"), defined)
        assert not clock(customer).active
        matched(customer, an_event(kind, {"tag": "B"}, time=NOON + timedelta(days=1)), defined)
        assert clock(customer).active

    def test_that_changes_no_fact_is_activity_all_the_same(self) -> None:
        customer, defined = a_customer(["A"]), known(waking(), any={"kinds": ["tag.added"]})
        matched(customer, an_event("tag.added", {"tag": "A"}), defined)
        pass_time(customer, defined, NOON + timedelta(days=30))
        (timeline,) = customer.active_timelines()
        outcome = matched(
            customer, an_event("tag.added", {"tag": "A"}, time=NOON + timedelta(days=31)), defined
        ).outcome
        assert (outcome["reason"], timeline.reason) == ("no_change", "active_again")

    def test_before_any_the_clock_any_runs_from_the_earliest_event_known(self) -> None:
        customer, defined = a_customer(), known(waking())
        matched(customer, an_event("customer.created", {}, time=NOON), defined)
        matched(customer, an_event("tag.added", {"tag": "A"}, time=NOON - timedelta(days=1), received=NOON), defined)
        assert (clock(customer).last_at, customer.known_since) == (NOON - timedelta(days=1),) * 2
        assert pass_time(customer, defined, NOON + timedelta(days=40)) == [("any", 30, at("2026-03-30 00:00"))]


def test_a_first_activity_at_the_moment_a_silence_counts_from_begins_no_second_one() -> None:
    """Begun anew, the crossing had the id of the first one: the inbox refused it, and each sweep found it again."""
    defined, customer = known(waking()), a_customer()
    matched(customer, an_event("customer.created", time=NOON), defined)
    assert [days for _, days, _ in pass_time(customer, defined, NOON + timedelta(days=31))] == [30]
    late = an_event("visit", time=NOON, received=NOON + timedelta(days=31))
    matched(customer, late, defined)
    assert (clock(customer).active, clock(customer).level) == (True, 30)
    assert pass_time(customer, defined, NOON + timedelta(days=40)) == []


class TestCrossing:
    @pytest.mark.parametrize(
        ("last", "days", "zone_name", "expected"),
        [
            ("2026-03-01 23:59", 1, "Asia/Shanghai", "2026-03-02 00:00"),
            ("2026-03-01 00:00", 1, "Asia/Shanghai", "2026-03-02 00:00"),
            ("2028-02-28 12:00", 2, "Asia/Shanghai", "2028-03-01 00:00"),  # over a leap day
            ("2026-03-07 12:00", 2, "America/New_York", "2026-03-09 00:00"),  # a day of 23 hours between
            ("2026-09-05 12:00", 1, "America/Santiago", "2026-09-06 01:00"),  # midnight does not exist: the gap's end
        ],
    )
    def test_is_at_the_customers_midnight_so_many_calendar_days_later(
        self, last: str, days: int, zone_name: str, expected: str
    ) -> None:
        assert crossing(at(last, zone_name), days, zone_name) == at(expected, zone_name)

    def test_at_a_midnight_that_exists_twice_is_at_the_first(self) -> None:
        found = crossing(at("2026-10-24 12:00", "Atlantic/Azores"), 1, "Atlantic/Azores")
        assert (found, found + timedelta(hours=1)) == (at("2026-10-25 00:00", "UTC"), at("2026-10-25 01:00", "UTC"))

    def test_each_threshold_is_crossed_once_an_episode(self) -> None:
        customer, defined = a_customer(), known(waking(30), waking(7))
        matched(customer, did("visit"), defined)
        crossed = pass_time(customer, defined, NOON + timedelta(days=400))
        assert crossed == [("any", 7, at("2026-03-08 00:00")), ("any", 30, at("2026-03-31 00:00"))]
        matched(customer, did("visit", NOON + timedelta(days=400)), defined)
        assert [days for _, days, _ in pass_time(customer, defined, NOON + timedelta(days=800))] == [7, 30]

    def test_the_same_event_again_changes_nothing(self) -> None:
        customer, defined = a_customer(), known(waking())
        matched(customer, did("visit"), defined)
        (event,) = due_events(customer, NOON + timedelta(days=30))
        matched(customer, event, defined)
        again = matched(customer, replace(event, id="another"), defined)
        assert (again.outcome, len(customer.timelines)) == ({"reason": "superseded"}, 1)

    def test_is_checked_again_when_it_is_matched(self) -> None:
        customer, defined = a_customer(), known(waking())
        matched(customer, did("visit"), defined)
        (event,) = due_events(customer, NOON + timedelta(days=30))
        matched(customer, did("visit", NOON + timedelta(days=29)), defined)
        assert matched(customer, event, defined).outcome == {"reason": "superseded"}
        assert customer.timelines == []

    def test_the_events_id_names_customer_clock_threshold_and_last_activity(self) -> None:
        customer, defined = a_customer(), known(waking())
        matched(customer, did("visit"), defined)
        (event,) = due_events(customer, NOON + timedelta(days=30))
        assert event.start_id == "engine/silent:c-1:any:30:2026-03-01T04:00:00.000000+00:00"

    def test_moves_with_the_customers_zone(self) -> None:
        customer, defined = a_customer(), known(waking())
        matched(customer, did("visit"), defined)
        matched(customer, an_event("customer.updated", {"timezone": "America/New_York"}), defined)
        assert clock(customer).next_at == at(
            "2026-03-30 00:00", "America/New_York"
        )  # noon in Shanghai is the day before there

    def test_starts_steps_that_count_from_that_midnight(self) -> None:
        customer, defined = a_customer(), known(waking(steps=[{"id": "d0", "day": 0, "message": {"text": "好久不见"}}]))
        matched(customer, did("visit"), defined)
        pass_time(customer, defined, NOON + timedelta(days=30))
        assert customer.timelines[0].step_due == at("2026-03-31 10:00")

    def test_ends_a_while_that_asks_for_activity(self) -> None:
        watching = a_sop({"while": [{"not": {"silent": {"clock": "any", "days": 10}}}]})
        customer, defined = a_customer(), known(watching)
        matched(customer, did("visit"), defined)
        matched(customer, an_event(), defined)
        (timeline,) = customer.active_timelines()
        pass_time(customer, defined, NOON + timedelta(days=10))
        assert (timeline.state, timeline.reason) == ("exited", "while_ended")


class TestQuietly:
    """Thresholds that were past before they were defined, or before the engine heard of the activity, make no event."""

    def defined_on(self, day: str, *sops: Sop) -> Definitions:
        defined = known(*sops)
        return replace(
            defined, defined_since={name: dict.fromkeys(days, at(day)) for name, days in defined.thresholds.items()}
        )

    def test_a_threshold_defined_later_is_crossed_by_those_who_pass_it_from_then_on(self) -> None:
        early, late, defined = a_customer(), a_customer(), self.defined_on("2026-03-31 12:00", waking())
        matched(early, did("visit", NOON), defined)
        matched(late, did("visit", NOON + timedelta(days=1)), defined)
        assert (clock(early).level, clock(early).next_at) == (30, None)
        assert pass_time(late, defined, NOON + timedelta(days=60)) == [("any", 30, at("2026-04-01 00:00"))]

    def test_one_that_was_due_before_the_change_is_still_crossed_with_an_event(self) -> None:
        customer, defined = a_customer(), known(waking(30), waking(35))
        matched(customer, did("visit"), defined)
        changed = replace(defined, defined_since={"any": {30: NOON, 35: NOON + timedelta(days=40)}})
        assert [days for _, days, _ in pass_time(customer, changed, NOON + timedelta(days=50))] == [30]
        assert clock(customer).level == 35

    @pytest.mark.parametrize(
        ("received", "backfill", "quiet"), [(31, False, False), (33, False, True), (31, True, True)]
    )
    def test_an_activity_heard_of_long_after(self, received: int, backfill: bool, quiet: bool) -> None:
        customer, defined = a_customer(), known(waking())
        then = NOON + timedelta(days=received)
        matched(customer, did("visit", received=then, backfill=backfill), defined)
        assert pass_time(customer, defined, then) == ([] if quiet else [("any", 30, at("2026-03-31 00:00"))])
        assert clock(customer).level == 30

    def test_the_lifecycle_is_what_it_would_be(self) -> None:
        customer = a_customer()
        matched(customer, did("purchase", received=NOON + timedelta(days=130), backfill=True), known())
        fact = customer.dimensions["lifecycle"]
        assert (fact.value, fact.since, clock(customer, "purchase").level) == ("睡眠期", at("2026-07-06 00:00"), 127)


class TestLifecycle:
    def test_begins_with_the_first_activity_and_follows_the_days(self) -> None:
        customer, defined = a_customer(), known()
        assert lifecycle(customer) is None
        seen = []
        matched(customer, did("purchase"), defined)
        for day in (0, 63, 64, 126, 127, 365, 366, 900):
            pass_time(customer, defined, at("2026-03-01 12:00") + timedelta(days=day))
            seen.append((day, lifecycle(customer)))
        names = ["活跃期", "活跃期", "沉默期", "沉默期", "睡眠期", "睡眠期", "流失期", "流失期"]
        assert seen == list(zip((0, 63, 64, 126, 127, 365, 366, 900), names, strict=True))

    def test_goes_back_to_the_first_value_with_activity(self) -> None:
        customer, defined = a_customer(), known()
        matched(customer, did("purchase"), defined)
        pass_time(customer, defined, NOON + timedelta(days=130))
        again = NOON + timedelta(days=131)
        matched(customer, did("purchase", again), defined)
        fact = customer.dimensions["lifecycle"]
        assert (fact.value, fact.since, fact.why) == ("活跃期", again, "purchase")

    def test_says_why(self) -> None:
        customer, defined = a_customer(), known()
        matched(customer, did("purchase"), defined)
        pass_time(customer, defined, NOON + timedelta(days=64))
        fact = customer.dimensions["lifecycle"]
        assert (fact.since, fact.why) == (at("2026-05-04 00:00"), "silent 64 days")

    def test_its_values_start_and_end_sops(self) -> None:
        calm = a_sop(
            sop="calm", trigger=[{"entered": {"lifecycle": "沉默期"}}], exit=[{"left": {"lifecycle": "沉默期"}}]
        )
        deep = a_sop(sop="deep", trigger=[{"entered": {"lifecycle": "睡眠期", "from": "沉默期"}}])
        back = a_sop(sop="back", trigger=[{"entered": {"lifecycle": "活跃期", "from": "睡眠期"}}])
        customer, defined = a_customer(), known(calm, deep, back)
        matched(customer, did("purchase"), defined)
        pass_time(customer, defined, NOON + timedelta(days=64))
        assert running(customer) == ["calm"]
        pass_time(customer, defined, NOON + timedelta(days=127))
        assert running(customer) == ["deep"]
        matched(customer, did("purchase", NOON + timedelta(days=128)), defined)
        assert running(customer) == ["back"]
        assert [(each.sop, each.reason) for each in customer.timelines[:2]] == [
            ("calm", "exit"),
            ("deep", "active_again"),
        ]

    def test_is_not_taken_from_the_crm(self) -> None:
        customer, defined = a_customer(), known()
        matched(customer, did("purchase"), defined)
        told = matched(customer, an_event("stage.changed", {"dimension": "lifecycle", "value": "流失期"}), defined)
        assert (told.outcome["reason"], lifecycle(customer)) == ("unknown_value", "活跃期")

    def test_of_the_clock_any_begins_when_the_customer_is_first_known(self) -> None:
        customer = a_customer()
        matched(customer, an_event("tag.added", {"tag": "A"}), known(any={"kinds": ["visit"], "lifecycle": LEVELS}))
        assert lifecycle(customer) == "活跃期"


def running(customer: Customer) -> list[str]:
    return [each.sop for each in customer.active_timelines()]


class TestWhatAnEpisodeEnds:
    def test_activity_of_another_clock_does_not(self) -> None:
        sop = a_sop(sop="wake", trigger=[{"silent": {"clock": "purchase", "days": 30}}])
        customer, defined = a_customer(), known(sop)
        matched(customer, did("purchase"), defined)
        pass_time(customer, defined, NOON + timedelta(days=30))
        matched(customer, did("visit", NOON + timedelta(days=31)), defined)
        assert running(customer) == ["wake"]
        matched(customer, did("purchase", NOON + timedelta(days=31)), defined)
        assert running(customer) == []

    def test_timelines_that_started_otherwise_go_on(self) -> None:
        customer, defined = (
            a_customer(),
            known(a_sop(sop="both", trigger=[{"silent": {"days": 30}}, {"tag_added": "装修意向"}])),
        )
        matched(customer, an_event(), defined)
        matched(customer, did("visit", NOON + timedelta(days=1)), defined)
        assert running(customer) == ["both"]


class TestDefinitionsChanged:
    NOW = NOON + timedelta(days=70)

    def redefined(self, *sops: Sop, **clocks: Any) -> Definitions:
        defined = known(*sops, **clocks)
        return replace(
            defined, defined_since={name: dict.fromkeys(days, self.NOW) for name, days in defined.thresholds.items()}
        )

    def test_a_clock_defined_only_now_is_filled_from_what_was_done(self) -> None:
        activities = {"visit": Activity(NOON, NOON + timedelta(days=5), 3), "purchase": Activity(NOON, NOON, 1)}
        customer = a_customer(activities=activities, known_since=NOON)
        bring_in_line(customer, self.redefined(), self.NOW)
        assert {name: (fact.last_at, fact.active) for name, fact in customer.clocks.items()} == {
            "any": (NOON + timedelta(days=5), True),
            "purchase": (NOON, True),
        }
        fact = customer.dimensions["lifecycle"]
        assert (fact.value, fact.since, fact.written_at, fact.why) == (
            "沉默期",
            at("2026-05-04 00:00"),
            self.NOW,
            REDEFINED,
        )
        assert clock(customer, "purchase").next_days == 127

    def test_a_clock_without_activity_is_not_started_but_any(self) -> None:
        customer = a_customer(known_since=NOON)
        bring_in_line(customer, self.redefined(), self.NOW)
        assert {name: fact.active for name, fact in customer.clocks.items()} == {"any": False}

    def test_a_new_threshold_already_past_is_crossed_quietly(self) -> None:
        customer = a_customer(clocks={"any": ClockFact(NOON, True, 30)}, activities={"visit": Activity(NOON, NOON, 1)})
        bring_in_line(customer, self.redefined(waking(60), waking(90)), self.NOW)
        assert (clock(customer).level, clock(customer).next_days, list(due_events(customer, self.NOW))) == (60, 90, [])

    def test_a_lower_lifecycle_level_is_entered(self) -> None:
        customer = a_customer(
            clocks={"purchase": ClockFact(NOON, True)},
            activities={"purchase": Activity(NOON, NOON, 1)},
            dimensions={"lifecycle": DimensionFact("活跃期", NOON, NOON)},
        )
        bring_in_line(
            customer,
            self.redefined(purchase={"kinds": ["purchase"], "lifecycle": {"活跃期": 0, "沉默期": 40}}),
            self.NOW,
        )
        assert lifecycle(customer) == "沉默期"

    def test_a_clock_that_no_longer_counts_a_kind_goes_by_the_others(self) -> None:
        activities = {"visit": Activity(NOON, NOON + timedelta(days=5), 3), "purchase": Activity(NOON, NOON, 1)}
        customer = a_customer(clocks={"any": ClockFact(NOON + timedelta(days=5), True)}, activities=activities)
        bring_in_line(customer, self.redefined(any={"kinds": ["purchase"]}), self.NOW)
        assert clock(customer).last_at == NOON

    def test_what_is_right_already_is_not_written(self) -> None:
        customer, defined = a_customer(), known(waking())
        matched(customer, did("purchase"), defined)
        customer.dirty.clear()
        bring_in_line(customer, defined, NOON)
        assert customer.dirty == set()


@pytest.mark.parametrize(("days", "holds"), [(30, True), (31, False)])
def test_the_condition_counts_days_even_before_a_sweep(days: int, holds: bool) -> None:
    customer, defined = a_customer(), known()
    matched(customer, did("visit"), defined)
    (asked,) = [some_conditions(f"[{{silent: {{clock: any, days: {days}}}}}]")]
    assert evaluate_all(asked, Context(customer, defined, NOON + timedelta(days=30), {}), "when", Trace()) is holds


def test_a_clock_that_has_not_started_is_not_silent() -> None:
    asked: Sequence[Any] = some_conditions("[{silent: {clock: purchase, days: 1}}]")
    assert evaluate_all(asked, Context(a_customer(), known(), NOON, {}), "when", Trace()) is False
