"""When each step is due: a function of anchor, definition and the dates it counts from."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.customers.customer import Customer
from engine.core.time.arithmetic import FOREVER
from engine.core.time.iso8601 import as_date
from engine.core.timelines.due_step import DueStep
from engine.core.timelines.schedule import next_step, schedule
from tests.support.builders import NOON, SHANGHAI, a_customer, a_sop, a_timeline, at, definitions, hours


def steps_of(
    steps: str,
    *,
    anchor: datetime = NOON,
    customer: Customer | None = None,
    data: dict[str, Any] | None = None,
    **defaults: Any,
) -> list[DueStep]:
    """Schedule steps written `id: time`, one a line."""
    written = [line.strip().split(": ", 1) for line in steps.strip().splitlines()]
    text = "\n".join(f"- {{id: {name}, message: {{text: 您好}}, {time}}}" for name, time in written)
    sop = a_sop(f"steps:\n{text}", defaults={"at": "10:00", "channel": "log"} | defaults)
    timeline = a_timeline(sop, anchor, event={"type": "x", "data": data or {}})
    return schedule(timeline, sop, customer or a_customer(), definitions(sop))


def dues(found: list[DueStep]) -> list[tuple[str, datetime]]:
    return [(each.step.id, each.due) for each in found]


def test_days_are_calendar_days_after_the_anchors_date() -> None:
    found = steps_of("d0: day: 0, at: '18:30'\nd1: day: 1\nd15: day: 15", anchor=at("2026-03-01 23:59"))
    assert dues(found) == [
        ("d0", at("2026-03-01 18:30")),
        ("d1", at("2026-03-02 10:00")),
        ("d15", at("2026-03-16 10:00")),
    ]


def test_the_customers_zone_decides_about_date_and_time() -> None:
    customer = a_customer(timezone="America/New_York")
    (one,) = steps_of("d1: day: 1", anchor=at("2026-03-02 10:00"), customer=customer)  # still 1 March there
    assert one.due == at("2026-03-02 10:00", "America/New_York")


@pytest.mark.parametrize(("zone_name", "day"), [("America/New_York", "2026-03-07"), ("Europe/London", "2026-10-24")])
def test_a_day_is_not_24_hours_when_clocks_change(zone_name: str, day: str) -> None:
    start = at(f"{day} 10:00", zone_name)
    by_day, by_hours = steps_of("d1: day: 1\nh24: after: 24h", anchor=start, customer=a_customer(timezone=zone_name))
    assert {by_day.step.id, by_hours.step.id} == {"d1", "h24"}
    assert abs(by_day.due - by_hours.due) == hours(1)


def test_negative_days_lie_before() -> None:
    assert dues(steps_of("before: day: -3\nafter: day: 1")) == [
        ("before", at("2026-02-26 10:00")),
        ("after", at("2026-03-02 10:00")),
    ]


def test_after_is_elapsed_time_from_the_anchor() -> None:
    assert dues(steps_of("soon: after: 90s\nlater: after: 2h")) == [
        ("soon", at("2026-03-01 12:01:30")),
        ("later", NOON + hours(2)),
    ]


def test_steps_run_in_order_of_their_time_and_at_one_time_as_written() -> None:
    assert [each.step.id for each in steps_of("d3: day: 3\nb: day: 1\na: day: 1\nd0: after: 1m")] == [
        "d0",
        "b",
        "a",
        "d3",
    ]


class TestCountingFromAnotherDate:
    """`from: event.data.runs_out_on` or `from: attr.due_date` with `day`."""

    def test_from_the_starting_event(self) -> None:
        found = steps_of("x: day: -3, from: event.data.order.ends", data={"order": {"ends": "2026-04-01"}})
        assert dues(found) == [("x", at("2026-03-29 10:00"))]

    def test_from_an_attribute(self) -> None:
        customer = a_customer(attributes={"due": "2026-04-01"})
        assert dues(steps_of("x: day: 0, from: attr.due", customer=customer)) == [("x", at("2026-04-01 10:00"))]

    def test_not_known_it_is_absent_and_known_later_it_appears(self) -> None:
        customer = a_customer()
        written = "d1: day: 1\nx: day: 0, from: attr.due"
        assert [each.step.id for each in steps_of(written, customer=customer)] == ["d1"]
        customer.attributes["due"] = "2026-03-01"
        assert [each.step.id for each in steps_of(written, customer=customer)] == ["x", "d1"]

    @pytest.mark.parametrize("never", ["9999-12-31", "9999-12-31T23:59:59Z", "0001-01-01", "0001-01-01T00:00:00Z"])
    def test_dates_that_crms_write_for_never_do_no_harm(self, never: str) -> None:
        found = steps_of("x: day: 1, from: attr.due", customer=a_customer(attributes={"due": never}))
        assert all(each.due <= each.limit <= FOREVER for each in found)

    @pytest.mark.parametrize(
        ("value", "found"),
        [
            ("2026-04-01", date(2026, 4, 1)),
            (date(2026, 4, 1), date(2026, 4, 1)),
            ("2026-03-31T17:00:00Z", date(2026, 4, 1)),
            (datetime(2026, 3, 31, 17, tzinfo=UTC), date(2026, 4, 1)),
            ("2026-04-01T23:00:00", date(2026, 4, 1)),  # without an offset: the customer's clocks
            ("9999-12-31T23:59:59Z", None),  # the year 10000 there
            ("1.4.2026", None), ("", None), (20260401, None), (True, None), (None, None), ([], None),
        ],
    )  # fmt: skip
    def test_dates(self, value: Any, found: date | None) -> None:
        assert as_date(value, SHANGHAI) == found


class TestLimit:
    """Held back no longer than `expires` after the due time, and never later than the next step."""

    def test_expiry_is_36_hours_or_what_the_sop_or_step_says(self) -> None:
        assert steps_of("a: day: 1")[0].limit == at("2026-03-02 10:00") + hours(36)
        assert steps_of("a: day: 1", expires="2h")[0].limit == at("2026-03-02 12:00")
        assert steps_of("a: day: 1, expires: 1h", expires="2h")[0].limit == at("2026-03-02 11:00")

    def test_what_is_written_counts_even_if_it_is_nothing(self) -> None:
        assert steps_of("a: day: 1, expires: 0s")[0].limit == at("2026-03-02 10:00")

    def test_the_next_step_ends_it(self) -> None:
        first, second = steps_of("a: day: 1\nb: day: 2")
        assert (first.limit, second.limit) == (second.due, second.due + hours(36))

    def test_a_later_step_that_reaches_nobody_does_not(self) -> None:
        sop = a_sop(
            "steps: [{id: a, day: 1, message: {text: 一}}, {id: tag, day: 1, at: '10:01', do: [{add_tag: 热}]}]"
        )
        known = definitions(sop)
        first, _ = schedule(a_timeline(sop), sop, a_customer(), known)
        assert first.limit == first.due + hours(36)

    def test_a_step_at_the_same_time_does_not(self) -> None:
        first, second, third = steps_of("a: day: 1\nb: day: 1\nc: day: 2")
        assert first.limit == second.limit == third.due


def test_the_next_step_is_the_earliest_not_had() -> None:
    found = steps_of("d3: day: 3\nd1: day: 1\nd2: day: 2")
    timeline = a_timeline(a_sop(), had={"d1"})
    assert (following := next_step(timeline, found)) and following.step.id == "d2"
    timeline.had = {"d1", "d2", "d3"}
    assert next_step(timeline, found) is None


_times = st.tuples(st.integers(-5, 40), st.sampled_from(["00:00", "10:00", "23:59"]))


@given(st.lists(_times, min_size=1, max_size=8), st.integers(0, 365 * 24))
def test_a_schedule_is_ordered_and_leaves_each_step_time(times: list[tuple[int, str]], hour: int) -> None:
    written = "\n".join(f"s{place}: day: {day}, at: '{clock}'" for place, (day, clock) in enumerate(times))
    found = steps_of(written, anchor=NOON + hours(hour), customer=a_customer(timezone="Europe/London"))
    assert len(found) == len(times)
    assert [each.due for each in found] == sorted(each.due for each in found)
    assert all(each.due < each.limit for each in found)
