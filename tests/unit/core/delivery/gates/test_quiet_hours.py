"""Nothing goes out while the customer's clock shows a quiet hour, whatever clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.core.definitions.calendar import QuietHours
from engine.core.delivery.quiet_hours import next_quiet_start, quiet_until
from engine.core.time.arithmetic import FOREVER
from tests.support.builders import SHANGHAI, at

CHANGES = {
    "America/New_York": ["2026-03-08 07:00", "2026-11-01 06:00"],
    "Europe/London": ["2026-03-29 01:00", "2026-10-25 01:00"],
    "Australia/Lord_Howe": ["2026-04-04 15:00", "2026-10-03 15:30"],
    "America/Sao_Paulo": ["2018-11-04 03:00", "2019-02-17 02:00"],
    "Africa/Cairo": ["2026-04-23 22:00", "2026-10-29 21:00"],
    "Africa/Casablanca": ["2026-02-15 02:00", "2026-03-22 02:00"],
    "Pacific/Apia": ["2011-12-30 10:00"],
    "Asia/Shanghai": ["2026-03-01 00:00"],  # no change
}
"""When clocks change, in UTC."""


def quiet(start: str, end: str) -> QuietHours:
    return QuietHours.model_validate([start, end])


NIGHT = quiet("21:00", "09:00")

clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
hours = (
    st.tuples(clocks, clocks)
    .filter(lambda pair: pair[0] != pair[1])
    .map(lambda pair: QuietHours(start=pair[0], end=pair[1]))
)
places = st.sampled_from([(name, change) for name, changes in CHANGES.items() for change in changes])
minutes = st.integers(-36 * 60, 36 * 60)


def near(place: tuple[str, str], minutes: int) -> datetime:
    return datetime.fromisoformat(place[1]).replace(tzinfo=UTC) + timedelta(minutes=minutes)


def shown(moment: datetime, zone_name: str) -> time:
    return moment.astimezone(ZoneInfo(zone_name)).time()


def test_at_night_a_message_waits_for_the_morning() -> None:
    assert quiet_until(at("2026-03-01 20:59"), NIGHT, SHANGHAI) is None
    assert quiet_until(at("2026-03-01 21:00"), NIGHT, SHANGHAI) == at("2026-03-02 09:00")
    assert quiet_until(at("2026-03-02 03:00"), NIGHT, SHANGHAI) == at("2026-03-02 09:00")
    assert quiet_until(at("2026-03-02 09:00"), NIGHT, SHANGHAI) is None


def test_quiet_hours_within_a_day() -> None:
    noon = quiet("12:00", "14:00")
    assert quiet_until(at("2026-03-01 12:30"), noon, SHANGHAI) == at("2026-03-01 14:00")
    assert quiet_until(at("2026-03-01 23:00"), noon, SHANGHAI) is None


def test_the_next_start() -> None:
    assert next_quiet_start(at("2026-03-01 12:00"), NIGHT, SHANGHAI) == at("2026-03-01 21:00")
    assert next_quiet_start(at("2026-03-01 21:00"), NIGHT, SHANGHAI) == at("2026-03-02 21:00")
    assert next_quiet_start(at("2026-03-02 08:00"), NIGHT, SHANGHAI) == at("2026-03-02 21:00")


def test_without_quiet_hours_it_is_never_quiet() -> None:
    assert quiet_until(at("2026-03-01 03:00"), None, SHANGHAI) is None
    assert next_quiet_start(at("2026-03-01 03:00"), None, SHANGHAI) is None


@pytest.mark.parametrize("moment", [FOREVER, FOREVER - timedelta(hours=1)])
@pytest.mark.parametrize("zone_name", ["Asia/Shanghai", "Pacific/Kiritimati"])
def test_the_end_of_the_calendar_is_no_error(moment: datetime, zone_name: str) -> None:
    quiet_until(moment, NIGHT, zone_name)
    next_quiet_start(moment, NIGHT, zone_name)


@given(hours, places, minutes)
@example(quiet("22:00", "01:30"), ("America/New_York", "2026-11-01 06:00"), 10)  # 01:10 for the second time
@example(quiet("02:30", "03:30"), ("America/New_York", "2026-03-08 07:00"), 0)  # begins in the gap
@example(quiet("21:00", "09:00"), ("Pacific/Apia", "2011-12-30 10:00"), 0)  # a day is missing
def test_no_quiet_hour_is_taken_for_a_loud_one(quiet: QuietHours, place: tuple[str, str], minutes: int) -> None:
    moment = near(place, minutes)
    if quiet.cover(shown(moment, place[0])):
        assert quiet_until(moment, quiet, place[0]) is not None


@given(hours, places, minutes)
@example(quiet("21:00", "09:00"), ("Pacific/Apia", "2011-12-30 10:00"), -60)
def test_the_end_is_the_first_moment_that_may_send(quiet: QuietHours, place: tuple[str, str], minutes: int) -> None:
    moment = near(place, minutes)
    end = quiet_until(moment, quiet, place[0])
    if end is not None:
        assert moment < end <= moment + timedelta(hours=25)
        assert quiet_until(end, quiet, place[0]) is None
        assert quiet_until(end - timedelta(seconds=1), quiet, place[0]) == end


@given(hours, places, minutes)
def test_what_waits_though_the_clock_is_not_quiet_waits_in_an_hour_that_comes_twice(
    quiet: QuietHours, place: tuple[str, str], minutes: int
) -> None:
    moment = near(place, minutes)
    if quiet_until(moment, quiet, place[0]) is not None and not quiet.cover(shown(moment, place[0])):
        local = moment.astimezone(ZoneInfo(place[0]))
        assert local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


@given(hours, places, minutes)
def test_the_next_start_begins_quiet_hours(quiet: QuietHours, place: tuple[str, str], minutes: int) -> None:
    moment = near(place, minutes)
    start = next_quiet_start(moment, quiet, place[0])
    assert start is not None
    assert quiet_until(start, quiet, place[0]) is not None
    if quiet_until(moment, quiet, place[0]) is None:
        assert quiet_until(start - timedelta(seconds=1), quiet, place[0]) is None
        steps = range(0, int((start - moment).total_seconds()), 900)
        assert all(quiet_until(moment + timedelta(seconds=each), quiet, place[0]) is None for each in steps)
