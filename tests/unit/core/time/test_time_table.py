"""Time is right everywhere: literal moments, worked out by hand from the zones' published changes.

Every expected moment is in UTC. What local clocks show stands in the comments.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from engine.adapters.holidays import days_off
from engine.core.definitions.calendar import QuietHours, WorkCalendar
from engine.core.delivery.quiet_hours import next_quiet_start, quiet_until
from engine.core.playback.run import play
from engine.core.time.arithmetic import at_local
from engine.core.timelines.schedule import schedule
from tests.support.builders import INSTALLATION, a_customer, a_sop, a_timeline, an_engine, an_event, definitions


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


DAY_STEPS = [
    # zone, anchor, day, at, due
    ("Asia/Shanghai", "2026-03-01 04:00", 1, "10:00", "2026-03-02 02:00"),
    ("Asia/Shanghai", "2026-03-01 16:30", 1, "10:00", "2026-03-03 02:00"),  # started 00:30 on 2 March
    ("Asia/Shanghai", "2026-03-01 04:00", 15, "10:00", "2026-03-16 02:00"),
    ("Asia/Shanghai", "2028-02-28 04:00", 1, "10:00", "2028-02-29 02:00"),  # leap day
    ("Asia/Shanghai", "2028-02-28 04:00", 2, "10:00", "2028-03-01 02:00"),
    ("Asia/Shanghai", "2028-02-29 04:00", 365, "10:00", "2029-02-28 02:00"),
    ("Asia/Shanghai", "2028-02-29 04:00", 366, "10:00", "2029-03-01 02:00"),
    ("Asia/Shanghai", "2026-12-31 15:59", 1, "00:00", "2026-12-31 16:00"),  # 23:59 and, a minute later, the new year
    ("America/New_York", "2026-03-07 17:00", 1, "10:00", "2026-03-08 14:00"),  # clocks went forward in the night
    ("America/New_York", "2026-03-07 17:00", 1, "02:30", "2026-03-08 07:00"),  # no 02:30: 03:00
    ("America/New_York", "2026-03-07 17:00", 1, "02:00", "2026-03-08 07:00"),
    ("America/New_York", "2026-10-31 16:00", 1, "10:00", "2026-11-01 15:00"),  # clocks went back
    ("America/New_York", "2026-10-31 16:00", 1, "01:30", "2026-11-01 05:30"),  # 01:30 twice: the first
    ("Europe/London", "2026-03-28 12:00", 1, "10:00", "2026-03-29 09:00"),
    ("Europe/London", "2026-03-28 12:00", 1, "01:30", "2026-03-29 01:00"),  # no 01:30: 02:00
    ("Europe/London", "2026-10-24 12:00", 1, "10:00", "2026-10-25 10:00"),
    ("Europe/London", "2026-10-24 12:00", 1, "01:30", "2026-10-25 00:30"),  # the first
    ("Australia/Lord_Howe", "2026-10-03 01:00", 1, "10:00", "2026-10-03 23:00"),  # half an hour forward
    ("Australia/Lord_Howe", "2026-10-03 01:00", 1, "02:15", "2026-10-03 15:30"),  # no 02:15: 02:30
    ("Australia/Lord_Howe", "2026-04-04 01:00", 1, "10:00", "2026-04-04 23:30"),  # half an hour back
    ("Australia/Lord_Howe", "2026-04-04 01:00", 1, "01:45", "2026-04-04 14:45"),  # the first
    ("Asia/Kathmandu", "2026-02-28 06:00", 1, "10:00", "2026-03-01 04:15"),  # +05:45
    ("Asia/Kathmandu", "2026-02-28 18:20", 1, "10:00", "2026-03-02 04:15"),  # started 00:05 on 1 March
    ("America/Sao_Paulo", "2026-03-01 12:00", 1, "10:00", "2026-03-02 13:00"),
    ("America/Sao_Paulo", "2018-11-03 12:00", 1, "00:00", "2018-11-04 03:00"),  # no midnight: 01:00
    ("America/Sao_Paulo", "2018-11-03 12:00", 1, "10:00", "2018-11-04 12:00"),
    ("America/Sao_Paulo", "2019-02-15 12:00", 1, "23:30", "2019-02-17 01:30"),  # 23:30 of the 16th twice: the first
    ("America/Sao_Paulo", "2019-02-17 02:15", 1, "10:00", "2019-02-17 13:00"),  # started 23:15 of the 16th, the second
    ("Africa/Casablanca", "2026-02-14 12:00", 1, "10:00", "2026-02-15 10:00"),  # Ramadan: an hour back
    ("Africa/Casablanca", "2026-02-14 12:00", 1, "02:30", "2026-02-15 01:30"),  # the first
    ("Africa/Casablanca", "2026-03-21 12:00", 1, "10:00", "2026-03-22 09:00"),  # forward again
    ("Africa/Casablanca", "2026-03-21 12:00", 1, "02:30", "2026-03-22 02:00"),  # no 02:30: 03:00
    ("Pacific/Apia", "2026-03-01 00:00", 1, "10:00", "2026-03-01 21:00"),  # +13: local Monday is Sunday here
    ("Pacific/Apia", "2011-12-29 20:00", 1, "10:00", "2011-12-30 10:00"),  # no 30 December: 31 December 00:00
    ("Pacific/Apia", "2011-12-29 20:00", 2, "10:00", "2011-12-30 20:00"),
    ("Asia/Kolkata", "2026-03-01 12:00", 1, "10:00", "2026-03-02 04:30"),
    ("Asia/Kolkata", "2026-12-31 18:45", 0, "10:00", "2027-01-01 04:30"),  # started 00:15 on 1 January
    ("America/St_Johns", "2026-03-07 15:00", 1, "10:00", "2026-03-08 12:30"),
    ("America/St_Johns", "2026-03-07 15:00", 1, "02:30", "2026-03-08 05:30"),  # no 02:30: 03:00
    ("America/St_Johns", "2026-10-31 15:00", 1, "10:00", "2026-11-01 13:30"),
    ("America/St_Johns", "2026-10-31 15:00", 1, "01:30", "2026-11-01 04:00"),  # the first
    ("America/St_Johns", "2027-01-01 02:00", 1, "10:00", "2027-01-01 13:30"),  # started 22:30 on 31 December
    ("Africa/Cairo", "2026-04-23 10:00", 1, "00:30", "2026-04-23 22:00"),  # no 00:30: 01:00
    ("Africa/Cairo", "2026-04-23 10:00", 1, "10:00", "2026-04-24 07:00"),
    ("Africa/Cairo", "2026-10-28 10:00", 1, "23:30", "2026-10-29 20:30"),  # the first
    ("Africa/Cairo", "2026-10-29 10:00", 1, "10:00", "2026-10-30 08:00"),
    ("Pacific/Auckland", "2026-04-03 23:00", 1, "10:00", "2026-04-04 22:00"),
    ("Pacific/Auckland", "2026-04-03 23:00", 1, "02:30", "2026-04-04 13:30"),  # the first
    ("Pacific/Auckland", "2026-09-25 23:00", 1, "10:00", "2026-09-26 21:00"),
    ("Pacific/Auckland", "2026-09-25 23:00", 1, "02:30", "2026-09-26 14:00"),  # no 02:30: 03:00
    ("Pacific/Auckland", "2026-12-31 11:30", 0, "10:00", "2026-12-31 21:00"),  # started 00:30 on 1 January
    ("UTC", "2026-12-31 23:59", 1, "10:00", "2027-01-01 10:00"),
    ("UTC", "2027-02-28 12:00", 1, "10:00", "2027-03-01 10:00"),  # no leap day
]


@pytest.mark.parametrize(("zone_name", "anchor", "day", "clock", "due"), DAY_STEPS)
def test_a_day_step_is_due_at_its_local_time(zone_name: str, anchor: str, day: int, clock: str, due: str) -> None:
    sop = a_sop(steps=[{"id": "s", "day": day, "at": clock, "message": {"text": "您好"}}])
    (step,) = schedule(a_timeline(sop, utc(anchor)), sop, a_customer(timezone=zone_name), definitions(sop))
    assert step.due == utc(due)


ELAPSED = [
    # zone, anchor, after, due: elapsed time, whatever clocks do meanwhile
    ("America/New_York", "2026-03-08 06:30", "2h", "2026-03-08 08:30"),  # 01:30 to 04:30
    ("America/New_York", "2026-11-01 05:30", "1h", "2026-11-01 06:30"),  # 01:30 to 01:30
    ("Australia/Lord_Howe", "2026-04-04 14:45", "30m", "2026-04-04 15:15"),
    ("Pacific/Apia", "2011-12-30 09:00", "2h", "2011-12-30 11:00"),  # 29 December 23:00 to 31 December 01:00
]


@pytest.mark.parametrize(("zone_name", "anchor", "after", "due"), ELAPSED)
def test_elapsed_time_knows_no_clocks(zone_name: str, anchor: str, after: str, due: str) -> None:
    sop = a_sop(steps=[{"id": "s", "after": after, "message": {"text": "您好"}}])
    (step,) = schedule(a_timeline(sop, utc(anchor)), sop, a_customer(timezone=zone_name), definitions(sop))
    assert step.due == utc(due)


QUIET = [
    # zone, from, to, moment, end (None: may be sent)
    ("Asia/Shanghai", "21:00", "09:00", "2026-03-01 12:59", None),
    ("Asia/Shanghai", "21:00", "09:00", "2026-03-01 13:00", "2026-03-02 01:00"),
    ("Asia/Shanghai", "21:00", "09:00", "2026-03-02 00:59", "2026-03-02 01:00"),
    ("Asia/Shanghai", "21:00", "09:00", "2026-03-02 01:00", None),
    ("Asia/Shanghai", "21:00", "09:00", "2026-12-31 15:00", "2027-01-01 01:00"),  # over the year's end
    ("Asia/Shanghai", "21:00", "09:00", "2028-02-28 15:00", "2028-02-29 01:00"),  # into the leap day
    ("Asia/Shanghai", "21:00", "09:00", "2028-02-29 15:00", "2028-03-01 01:00"),
    ("Asia/Shanghai", "12:00", "14:00", "2026-03-01 04:30", "2026-03-01 06:00"),
    ("America/New_York", "21:00", "09:00", "2026-03-08 02:00", "2026-03-08 13:00"),  # a night of 11 hours
    ("America/New_York", "21:00", "09:00", "2026-11-01 01:00", "2026-11-01 14:00"),  # a night of 13 hours
    ("America/New_York", "22:00", "02:30", "2026-03-08 06:00", "2026-03-08 07:00"),  # ends in the gap: its end
    ("America/New_York", "02:30", "06:00", "2026-03-08 06:59", None),  # 01:59
    ("America/New_York", "02:30", "06:00", "2026-03-08 07:00", "2026-03-08 10:00"),  # begins in the gap: 03:00
    ("America/New_York", "02:10", "02:50", "2026-03-08 07:00", None),  # swallowed by the gap
    ("America/New_York", "22:00", "01:30", "2026-11-01 05:00", "2026-11-01 06:30"),  # 01:00; ends at the second 01:30
    ("America/New_York", "22:00", "01:30", "2026-11-01 06:10", "2026-11-01 06:30"),  # the second 01:10
    ("America/New_York", "22:00", "01:30", "2026-11-01 06:30", None),
    ("America/New_York", "01:30", "05:00", "2026-11-01 05:29", None),
    ("America/New_York", "01:30", "05:00", "2026-11-01 05:30", "2026-11-01 10:00"),  # begins at the first 01:30
    ("Europe/London", "22:00", "07:00", "2026-03-28 22:30", "2026-03-29 06:00"),
    ("Europe/London", "22:00", "07:00", "2026-10-24 21:30", "2026-10-25 07:00"),
    ("Australia/Lord_Howe", "21:00", "09:00", "2026-04-04 10:00", "2026-04-04 22:30"),  # 12½ hours
    ("Australia/Lord_Howe", "21:00", "09:00", "2026-10-03 10:30", "2026-10-03 22:00"),  # 11½ hours
    ("Asia/Kathmandu", "21:00", "09:00", "2026-03-01 15:14", None),
    ("Asia/Kathmandu", "21:00", "09:00", "2026-03-01 15:15", "2026-03-02 03:15"),
    ("America/Sao_Paulo", "00:00", "08:00", "2018-11-04 02:59", None),
    ("America/Sao_Paulo", "00:00", "08:00", "2018-11-04 03:00", "2018-11-04 10:00"),  # begins at 01:00
    ("America/Sao_Paulo", "21:00", "23:30", "2019-02-17 02:10", "2019-02-17 02:30"),  # the second 23:10
    ("Africa/Casablanca", "21:00", "02:30", "2026-02-14 21:00", "2026-02-15 02:30"),  # the second 02:30
    ("Africa/Casablanca", "21:00", "09:00", "2026-03-21 23:00", "2026-03-22 08:00"),
    ("Pacific/Apia", "21:00", "09:00", "2011-12-30 09:00", "2011-12-30 19:00"),  # 29 to 31 December, 10 hours
    ("Pacific/Apia", "21:00", "09:00", "2026-03-01 08:00", "2026-03-01 20:00"),
    ("Asia/Kolkata", "20:00", "10:00", "2026-03-01 14:30", "2026-03-02 04:30"),
    ("America/St_Johns", "21:00", "09:00", "2026-03-08 00:30", "2026-03-08 11:30"),
    ("America/St_Johns", "21:00", "09:00", "2026-10-31 23:30", "2026-11-01 12:30"),
    ("Africa/Cairo", "00:00", "08:00", "2026-04-23 21:59", None),
    ("Africa/Cairo", "00:00", "08:00", "2026-04-23 22:00", "2026-04-24 05:00"),  # begins at 01:00
    ("Africa/Cairo", "23:00", "07:00", "2026-10-29 20:00", "2026-10-30 05:00"),  # 23:00 twice: from the first
    ("Pacific/Auckland", "21:00", "09:00", "2026-04-04 08:00", "2026-04-04 21:00"),
    ("Pacific/Auckland", "21:00", "09:00", "2026-09-26 09:00", "2026-09-26 20:00"),
    ("UTC", "21:00", "09:00", "2026-12-31 21:00", "2027-01-01 09:00"),
]


@pytest.mark.parametrize(("zone_name", "start", "end", "moment", "until"), QUIET)
def test_quiet_hours_end_at_their_local_time(
    zone_name: str, start: str, end: str, moment: str, until: str | None
) -> None:
    quiet = QuietHours.model_validate([start, end])
    assert quiet_until(utc(moment), quiet, zone_name) == (utc(until) if until else None)


QUIET_STARTS = [
    # zone, from, to, moment, next start
    ("Asia/Shanghai", "21:00", "09:00", "2026-03-01 02:00", "2026-03-01 13:00"),
    ("Asia/Shanghai", "21:00", "09:00", "2026-12-31 13:00", "2027-01-01 13:00"),
    ("America/New_York", "21:00", "09:00", "2026-03-08 14:00", "2026-03-09 01:00"),
    ("America/New_York", "02:30", "06:00", "2026-03-08 05:00", "2026-03-08 07:00"),  # the gap's end
    ("America/New_York", "02:10", "02:50", "2026-03-08 05:00", "2026-03-09 06:10"),  # swallowed: the next day's
    ("America/New_York", "01:30", "05:00", "2026-11-01 05:00", "2026-11-01 05:30"),  # the first 01:30
    ("Australia/Lord_Howe", "21:00", "09:00", "2026-10-03 23:00", "2026-10-04 10:00"),
    ("Pacific/Apia", "21:00", "09:00", "2011-12-29 20:00", "2011-12-30 07:00"),
    ("Africa/Cairo", "23:00", "07:00", "2026-10-29 10:00", "2026-10-29 20:00"),
]


@pytest.mark.parametrize(("zone_name", "start", "end", "moment", "begins"), QUIET_STARTS)
def test_quiet_hours_begin_at_their_local_time(zone_name: str, start: str, end: str, moment: str, begins: str) -> None:
    quiet = QuietHours.model_validate([start, end])
    assert next_quiet_start(utc(moment), quiet, zone_name) == utc(begins)


OPEN_DAYS = [
    # country, skip, zone, local date, open at 10:00
    ("CN", "public_holiday", "Asia/Shanghai", "2026-02-15", "2026-02-24 02:00"),  # the whole Spring Festival
    ("CN", "public_holiday", "Asia/Shanghai", "2026-02-14", "2026-02-14 02:00"),  # a make-up Saturday
    ("CN", "weekend", "Asia/Shanghai", "2026-02-28", "2026-02-28 02:00"),  # a make-up Saturday
    ("CN", "weekend", "Asia/Shanghai", "2026-03-01", "2026-03-02 02:00"),
    ("CN", "public_holiday", "Asia/Shanghai", "2025-10-01", "2025-10-09 02:00"),  # 国庆节 and 中秋节 together
    ("CN", "public_holiday", "Asia/Shanghai", "2023-12-30", "2024-01-02 02:00"),  # over the year's end
    ("CN", "public_holiday", "America/New_York", "2026-10-07", "2026-10-08 14:00"),  # by the customer's local date
    ("US", "public_holiday", "America/New_York", "2026-07-03", "2026-07-06 14:00"),
    ("US", "public_holiday", "America/New_York", "2026-11-26", "2026-11-27 15:00"),
    ("GB", "public_holiday", "Europe/London", "2026-04-03", "2026-04-07 09:00"),  # Good Friday; the Monday is England's
    ("JP", "public_holiday", "Asia/Tokyo", "2026-09-21", "2026-09-24 01:00"),
    ("NZ", "public_holiday", "Pacific/Auckland", "2026-02-06", "2026-02-08 21:00"),  # Waitangi Day, a Friday
]


@pytest.mark.parametrize(("country", "skip", "zone_name", "day", "opens"), OPEN_DAYS)
def test_a_day_off_moves_to_the_next_open_day(country: str, skip: str, zone_name: str, day: str, opens: str) -> None:
    part = "ENG" if country == "GB" else None
    known = days_off(WorkCalendar.model_validate({"country": country, "subdivision": part, "skip": [skip]}))
    found = known.next_open(date.fromisoformat(day))
    assert at_local(found, time(10), zone_name) == utc(opens)


WINDOWS = [
    # zone, anchor, day, window, from, to (not included)
    ("Asia/Shanghai", "2026-03-01 04:00", 1, "10:00-11:30", "2026-03-02 02:00", "2026-03-02 03:30"),
    ("Asia/Kathmandu", "2026-02-28 18:20", 1, "10:00-11:30", "2026-03-02 04:15", "2026-03-02 05:45"),
    ("America/New_York", "2026-03-07 17:00", 1, "02:00-03:00", "2026-03-08 07:00", "2026-03-08 07:01"),  # no such hour
    ("America/New_York", "2026-03-07 17:00", 1, "10:00-11:30", "2026-03-08 14:00", "2026-03-08 15:30"),
    ("America/New_York", "2026-10-31 16:00", 1, "01:00-02:00", "2026-11-01 05:00", "2026-11-01 06:00"),  # the first
    ("Australia/Lord_Howe", "2026-10-03 01:00", 1, "02:00-02:30", "2026-10-03 15:30", "2026-10-03 15:31"),
    ("Africa/Cairo", "2026-04-23 10:00", 1, "00:00-00:30", "2026-04-23 22:00", "2026-04-23 22:01"),
    ("Pacific/Auckland", "2026-12-31 11:30", 0, "09:00-10:00", "2026-12-31 20:00", "2026-12-31 21:00"),
]


@pytest.mark.parametrize(("zone_name", "anchor", "day", "window", "begin", "end"), WINDOWS)
def test_a_window_lies_in_the_local_day(
    zone_name: str, anchor: str, day: int, window: str, begin: str, end: str
) -> None:
    sop = a_sop(steps=[{"id": "s", "day": day, "window": window, "message": {"text": "您好"}}])
    for number in range(40):
        customer = a_customer(timezone=zone_name, ref=f"c-{number}")
        (step,) = schedule(a_timeline(sop, utc(anchor)), sop, customer, definitions(sop))
        assert utc(begin) <= step.due < utc(end)


NIGHT = {"quiet_hours": ["21:00", "09:00"]}
CHINA = {"calendar": {"country": "CN", "skip": ["public_holiday"]}}
CHINA_AND_WEEKENDS = {"calendar": {"country": "CN", "skip": ["public_holiday", "weekend"]}}
ONE_A_DAY = {"caps": [{"max": 1, "per": "1d"}]}
TWO_A_WEEK = {"caps": [{"max": 2, "per": "7d"}]}

THROUGH_DELIVERY = [
    # zone, engine.yaml, anchor, steps (day and time of day, or elapsed time), when each goes out (or why not)
    ("Asia/Shanghai", NIGHT, "2026-03-01 04:00", ["1 22:00"], ["2026-03-03 01:00"]),
    ("Asia/Shanghai", NIGHT, "2026-12-30 04:00", ["1 21:00"], ["2027-01-01 01:00"]),
    ("Asia/Shanghai", NIGHT, "2028-02-27 04:00", ["1 23:59", "2 09:00"], ["expired quiet_hours", "2028-02-29 01:00"]),
    ("Asia/Shanghai", NIGHT, "2026-03-01 04:00", ["1 20:59", "2 09:00"], ["2026-03-02 12:59", "2026-03-03 01:00"]),
    ("America/New_York", NIGHT, "2026-03-07 17:00", ["10h"], ["2026-03-08 13:00"]),  # 22:00; 09:00 after the change
    ("America/New_York", NIGHT, "2026-10-31 16:00", ["10h"], ["2026-11-01 14:00"]),
    ("America/New_York", {"quiet_hours": ["22:00", "02:30"]}, "2026-03-07 17:00", ["1 01:00"], ["2026-03-08 07:00"]),
    ("Europe/London", NIGHT, "2026-03-28 12:00", ["1 01:30"], ["2026-03-29 08:00"]),  # no 01:30
    ("Europe/London", NIGHT, "2026-10-24 12:00", ["0 23:00"], ["2026-10-25 09:00"]),
    ("Australia/Lord_Howe", NIGHT, "2026-10-03 01:00", ["0 22:00"], ["2026-10-03 22:00"]),
    ("Asia/Kathmandu", NIGHT, "2026-03-01 06:00", ["0 21:00"], ["2026-03-02 03:15"]),
    ("America/Sao_Paulo", {"quiet_hours": ["00:00", "08:00"]}, "2018-11-03 12:00", ["1 00:00"], ["2018-11-04 10:00"]),
    ("Africa/Casablanca", NIGHT, "2026-02-14 12:00", ["1 02:30"], ["2026-02-15 09:00"]),
    ("Pacific/Apia", NIGHT, "2011-12-29 20:00", ["0 23:00"], ["2011-12-30 19:00"]),  # over the missing day
    ("Asia/Kolkata", NIGHT, "2026-03-01 06:00", ["0 21:30"], ["2026-03-02 03:30"]),
    ("America/St_Johns", NIGHT, "2026-03-07 15:00", ["0 23:00"], ["2026-03-08 11:30"]),
    ("Africa/Cairo", NIGHT, "2026-10-28 10:00", ["1 23:30"], ["2026-10-30 07:00"]),
    ("Pacific/Auckland", NIGHT, "2026-04-03 23:00", ["0 22:00"], ["2026-04-04 21:00"]),
    ("UTC", NIGHT, "2026-12-31 12:00", ["12h"], ["2027-01-01 09:00"]),
    # days 1, 3, 8 and 15 from Friday 13 February 2026: the 14th is worked, the 16th and 21st lie in one break
    (
        "Asia/Shanghai", CHINA, "2026-02-13 04:00", ["1 10:00", "3 10:00", "8 10:00", "15 10:00"],
        ["2026-02-14 02:00", "expired holiday", "2026-02-24 02:00", "2026-02-28 02:00"],
    ),
    ("Asia/Shanghai", CHINA_AND_WEEKENDS, "2026-02-26 04:00", ["2 10:00", "3 10:00"], ["2026-02-28 02:00", "2026-03-02 02:00"]),
    ("Asia/Shanghai", CHINA, "2026-09-29 04:00", ["2 10:00"], ["2026-10-08 02:00"]),
    ("Asia/Shanghai", CHINA, "2023-12-29 04:00", ["1 10:00"], ["2024-01-02 02:00"]),  # over the year's end
    ("America/New_York", CHINA, "2026-10-06 16:00", ["1 23:00"], ["2026-10-09 03:00"]),  # 8 October 23:00 there
    ("Europe/London", CHINA, "2026-10-06 23:30", ["0 10:00"], ["2026-10-08 09:00"]),  # started on 7 October, 00:30
    ("Asia/Shanghai", {**CHINA, **NIGHT}, "2026-02-22 04:00", ["1 22:00"], ["2026-02-25 01:00"]),
    ("Asia/Shanghai", {**CHINA, **NIGHT}, "2026-09-29 04:00", ["1 22:00"], ["expired quiet_hours, holiday"]),
    ("Asia/Shanghai", ONE_A_DAY, "2028-02-28 04:00", ["1 09:00", "1 11:00"], ["2028-02-29 01:00", "2028-03-01 03:00"]),
    ("Asia/Shanghai", ONE_A_DAY, "2026-12-30 04:00", ["1 09:00", "1 11:00"], ["2026-12-31 01:00", "2027-01-01 03:00"]),
    ("America/New_York", ONE_A_DAY, "2026-03-06 17:00", ["1 09:00", "1 11:00"], ["2026-03-07 14:00", "2026-03-08 15:00"]),
    ("Africa/Cairo", ONE_A_DAY, "2026-10-28 10:00", ["1 23:00", "1 23:30"], ["2026-10-29 20:00", "2026-10-30 21:30"]),
    (
        "Asia/Shanghai", TWO_A_WEEK, "2026-03-01 04:00", ["0 13:00", "1 10:00", "2 10:00", "7 10:00"],
        ["2026-03-01 05:00", "2026-03-02 02:00", "expired cap", "2026-03-08 02:00"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("zone_name", "engine", "anchor", "steps", "outcome"), THROUGH_DELIVERY)
def test_through_delivery(
    zone_name: str, engine: dict[str, Any], anchor: str, steps: list[str], outcome: list[str]
) -> None:
    sop = a_sop(
        trigger=[{"event": {"type": "go"}}],
        steps=[{"id": f"s{place}", **_at(each), "message": {"text": "您好"}} for place, each in enumerate(steps)],
    )
    config = an_engine(**engine)
    known = replace(definitions(sop, engine=config), days_off=days_off(config.calendar))
    start = utc(anchor)
    events = [
        an_event("customer.updated", {"timezone": zone_name}, time=start - timedelta(hours=1)),
        an_event("go", time=start),
    ]
    touches = play(events, known, start + timedelta(days=40), INSTALLATION).touches
    out = {
        each.touch.step: f"{each.at:%Y-%m-%d %H:%M}"
        if each.touch.status == "queued"
        else f"{each.touch.reason} {each.touch.detail}"
        for each in touches
    }
    assert [out[f"s{place}"] for place in range(len(steps))] == outcome


def _at(written: str) -> dict[str, Any]:
    day, _, clock = written.partition(" ")
    return {"day": int(day), "at": clock} if clock else {"after": day}
