"""Days are calendar days in the customer's zone; arithmetic is in UTC; no local time is lost or taken twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.core.definitions.base import parse_duration, parse_time_of_day
from engine.core.time.arithmetic import (
    FOREVER,
    at_local,
    day_shift,
    later,
    local_date,
    zone,
)
from tests.support.builders import at

ZONES = [
    "Asia/Shanghai",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Asia/Kathmandu",  # +05:45
    "America/Sao_Paulo",  # until 2019, midnight itself was skipped
    "Africa/Casablanca",  # winter time in Ramadan
    "Pacific/Apia",  # had no 30 December 2011
]
days = st.dates(date(1990, 1, 1), date(2060, 12, 31))
clocks = st.builds(time, st.integers(0, 23), st.integers(0, 59))


def shown(moment: datetime, zone_name: str) -> datetime:
    """What clocks in the zone show."""
    return moment.astimezone(ZoneInfo(zone_name)).replace(tzinfo=None)


@given(days, clocks, st.sampled_from(ZONES))
@example(date(2026, 3, 8), time(2, 30), "America/New_York")
@example(date(2011, 12, 30), time(10, 0), "Pacific/Apia")
@example(date(2018, 11, 4), time(0, 0), "America/Sao_Paulo")
@example(date(2026, 10, 4), time(2, 15), "Australia/Lord_Howe")
def test_clocks_show_the_wanted_time_or_it_is_the_end_of_a_gap(day: date, clock: time, zone_name: str) -> None:
    wanted, found = datetime.combine(day, clock), at_local(day, clock, zone_name)
    assert shown(found, zone_name) >= wanted  # never before
    if shown(found, zone_name) != wanted:
        assert shown(found - timedelta(seconds=1), zone_name) < wanted  # jumped over


@given(days, clocks, st.sampled_from(ZONES))
@example(date(2026, 11, 1), time(1, 30), "America/New_York")
@example(date(2026, 4, 5), time(1, 45), "Australia/Lord_Howe")
def test_a_time_that_exists_twice_is_taken_the_first_time(day: date, clock: time, zone_name: str) -> None:
    found = at_local(day, clock, zone_name)
    for earlier in (timedelta(minutes=30), timedelta(hours=1), timedelta(hours=24)):
        assert shown(found - earlier, zone_name) != shown(found, zone_name)


@given(days, st.lists(clocks, min_size=2, max_size=5).map(sorted), st.sampled_from(ZONES))
def test_times_of_a_day_keep_their_order(day: date, ordered: list[time], zone_name: str) -> None:
    found = [at_local(day, clock, zone_name) for clock in ordered]
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("day", "clock", "zone_name", "utc"),
    [
        (date(2026, 3, 9), time(10), "Asia/Shanghai", "2026-03-09 02:00"),
        (date(2026, 3, 9), time(10), "Asia/Kathmandu", "2026-03-09 04:15"),
        (date(2026, 3, 8), time(2, 30), "America/New_York", "2026-03-08 07:00"),  # the gap ends at 03:00 EDT
        (date(2026, 11, 1), time(1, 30), "America/New_York", "2026-11-01 05:30"),  # still EDT
        (date(2026, 3, 29), time(1, 0), "Europe/London", "2026-03-29 01:00"),
        (date(2026, 10, 25), time(1, 30), "Europe/London", "2026-10-25 00:30"),
        (date(2026, 10, 4), time(2, 15), "Australia/Lord_Howe", "2026-10-03 15:30"),
        (date(2018, 11, 4), time(0, 0), "America/Sao_Paulo", "2018-11-04 03:00"),  # midnight did not exist
        (date(2026, 3, 22), time(2, 30), "Africa/Casablanca", "2026-03-22 02:00"),  # Ramadan is over
        (date(2011, 12, 30), time(10), "Pacific/Apia", "2011-12-30 10:00"),  # the day did not exist
    ],
)
def test_changes_of_the_clock(day: date, clock: time, zone_name: str, utc: str) -> None:
    assert at_local(day, clock, zone_name) == at(utc, "UTC")


@pytest.mark.parametrize("zone_name", ["Asia/Shanghai", "America/New_York"])
@pytest.mark.parametrize("day", [date.min, date.max])
def test_the_calendars_ends_are_moments_too(day: date, zone_name: str) -> None:
    """9999-12-31 is what CRMs write for "never", 0001-01-01 for "unknown"."""
    for clock in (time(0, 0), time(23, 59)):
        assert datetime.min.replace(tzinfo=UTC) <= at_local(day, clock, zone_name) <= FOREVER


def test_moving_stops_at_the_calendars_ends() -> None:
    assert day_shift(date.max, 1) == date.max
    assert day_shift(date.min, -1) == date.min
    assert later(FOREVER - timedelta(hours=1), timedelta(hours=36)) == FOREVER


def test_the_date_is_that_of_the_customers_zone() -> None:
    moment = at("2026-03-01 17:00", "UTC")
    assert local_date(moment, "Asia/Shanghai") == date(2026, 3, 2)
    assert local_date(moment, "America/New_York") == date(2026, 3, 1)


def test_durations() -> None:
    assert [parse_duration(text) for text in ("90s", "15m", "36h", "2d", "0s")] == [
        timedelta(seconds=90), timedelta(minutes=15), timedelta(hours=36), timedelta(days=2), timedelta(0),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "2", "d", "-2d", "1.5h", "2 d", "1w", "9999999d", None, 2])
def test_other_durations_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="whole number and a unit"):
        parse_duration(text)


def test_times_of_day() -> None:
    assert [parse_time_of_day(text) for text in ("00:00", "09:05", "23:59")] == [time(0), time(9, 5), time(23, 59)]


@pytest.mark.parametrize("text", ["24:00", "9:00", "10:60", "10:00:00", "10：00", "", None, 600, "10:00\n", "1٠:00"])
def test_other_times_of_day_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="HH:MM"):
        parse_time_of_day(text)


@pytest.mark.parametrize("name", ["", "Asia", "Asia/Peking", "../etc/passwd", "x" * 300, "Asia/Shanghai\0"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        zone(name)
