"""Quiet hours, caps and calendars as they are written, and days off as decisions see them."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.core.definitions.calendar import Cap, QuietHours, WorkCalendar
from engine.core.time.days_off import NONE_OFF, DaysOff

A_MONDAY = date(2026, 3, 2)


def refused(model: type[Cap] | type[QuietHours] | type[WorkCalendar], value: Any) -> str:
    """What is said of a value that is no such part."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return "; ".join(each["msg"] for each in caught.value.errors())


def test_quiet_hours_are_a_pair_of_times() -> None:
    quiet = QuietHours.model_validate(["21:00", "09:00"])
    assert (quiet.start, quiet.end, quiet.over_midnight) == (time(21), time(9), True)
    assert quiet.model_dump(mode="json") == ["21:00", "09:00"]
    assert not QuietHours.model_validate(["12:00", "14:00"]).over_midnight


def test_quiet_hours_cover_their_start_and_not_their_end() -> None:
    night, noon = QuietHours.model_validate(["21:00", "09:00"]), QuietHours.model_validate(["12:00", "14:00"])
    assert [clock for clock in (20, 21, 23, 0, 8, 9, 12) if night.cover(time(clock))] == [21, 23, 0, 8]
    assert [clock for clock in (11, 12, 13, 14, 0) if noon.cover(time(clock))] == [12, 13]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["21:00"], 'two times of day, from and to: ["21:00", "09:00"]'),
        ("21:00-09:00", 'two times of day, from and to: ["21:00", "09:00"]'),
        ({"start": "21:00", "end": "09:00"}, 'two times of day, from and to: ["21:00", "09:00"]'),
        (["21:00", "9:00"], '`9:00` is not a time of day; write "HH:MM"'),
        (["21:00", "24:00"], "`24:00` is not a time of day"),
        (["21:00", "21:00"], "either never or always"),
    ],
)
def test_what_is_no_quiet_hours(value: Any, said: str) -> None:
    assert said in refused(QuietHours, value)


def test_equal_ends_name_the_pause_that_may_be_meant() -> None:
    assert "sop pause --all" in refused(QuietHours, ["00:00", "00:00"])


def test_a_cap_counts_calendar_days() -> None:
    cap = Cap.model_validate({"max": 4, "per": "7d", "channel": "sms"})
    assert (cap.max, cap.days, cap.per, cap.channel) == (4, 7, timedelta(days=7), "sms")
    assert Cap.model_validate({"max": 1, "per": "366d"}).days == 366


def test_a_cap_of_nothing_is_a_pause() -> None:
    assert "write a pause instead: `sop pause --all`" in refused(Cap, {"max": 0, "per": "1d"})


@pytest.mark.parametrize("per", ["24h", "0d", "367d", "1", "d", 1, "1.5d", "99999d", None])
def test_a_cap_is_per_whole_days(per: Any) -> None:
    said = refused(Cap, {"max": 1, "per": per})
    assert f"`{per}`" in said
    assert "1d (the customer's local day) to 366d" in said


@pytest.mark.parametrize("most", [True, "1", 1.5])
def test_a_cap_is_a_whole_number(most: Any) -> None:
    assert "valid integer" in refused(Cap, {"max": most, "per": "1d"})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"skip": []}, "at least 1 item"),
        ({"skip": ["holiday"]}, "'public_holiday' or 'weekend'"),
        ({"skip": ["weekend", "weekend"]}, "listed twice: weekend"),
        ({"also": ["2026-2-1"]}, "`2026-2-1` is not a date; write it as 2026-10-08"),
        ({"also": [1767225600]}, "`1767225600` is not a date"),
        ({"also": [date(2026, 1, 1), "2026-01-01"]}, "listed twice: 2026-01-01"),
        ({"also": ["2026-01-01"], "except": ["2026-01-01"]}, "2026-01-01 stands under `also` and under `except`"),
        ({"holidays": []}, "not permitted"),
    ],
)
def test_what_is_no_calendar(fields: dict[str, Any], said: str) -> None:
    assert said in refused(WorkCalendar, {"country": "CN", "skip": ["public_holiday"], **fields})


@pytest.mark.parametrize(
    ("model", "good", "bad"),
    [
        (QuietHours, ["21:00", "09:00"], ["21:00"]),
        (QuietHours, ["21:00", "09:00"], ["21:00", "9"]),
        (Cap, {"max": 1, "per": "30d"}, {"max": 0, "per": "30d"}),
        (Cap, {"max": 1, "per": "30d"}, {"max": 1, "per": "30h"}),
        (WorkCalendar, {"country": "CN", "skip": ["weekend"], "except": ["2026-01-04"]}, {"country": "CN", "skip": []}),
    ],
)
def test_editors_are_told_the_same(model: type[Cap], good: Any, bad: Any) -> None:
    schema = model.model_json_schema(by_alias=True)
    jsonschema.validate(good, schema)
    model.model_validate(good)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, schema)
    refused(model, bad)


@pytest.mark.parametrize("model", [QuietHours, Cap, WorkCalendar])
def test_every_key_has_its_hover_text(model: type[Cap]) -> None:
    assert [name for name, info in model.model_fields.items() if not info.description] == []


def test_with_no_calendar_every_day_is_open() -> None:
    assert not NONE_OFF
    assert NONE_OFF.next_open(A_MONDAY) == A_MONDAY
    assert not NONE_OFF.skips(date(2026, 1, 1))


def test_weekends_are_skipped_except_workdays() -> None:
    known = DaysOff(weekend=frozenset((5, 6)), workdays=frozenset((date(2026, 3, 8),)))
    assert known
    assert known.next_open(date(2026, 3, 7)) == date(2026, 3, 8)
    assert known.next_open(date(2026, 3, 14)) == date(2026, 3, 16)


def test_the_calendar_has_an_end() -> None:
    assert DaysOff(skipped=frozenset((date.max,))).next_open(date.max) == date.max


def test_a_week_without_an_open_day_is_refused() -> None:
    with pytest.raises(ValueError, match="seven days"):
        DaysOff(weekend=frozenset(range(7)))


days = st.dates(date(2026, 1, 1), date(2026, 3, 31))


@given(
    st.frozensets(days, max_size=60),
    st.frozensets(st.integers(0, 6), max_size=6),
    st.frozensets(days, max_size=9),
    days,
)
def test_the_next_open_day(
    skipped: frozenset[date], weekend: frozenset[int], workdays: frozenset[date], day: date
) -> None:
    """It is open, not before the day asked for, and no open day lies between."""
    known = DaysOff(skipped, weekend, workdays)
    found = known.next_open(day)
    assert not known.skips(found)
    assert found >= day
    assert all(known.skips(day + timedelta(days=each)) for each in range((found - day).days))


def test_the_next_day_off() -> None:
    known = DaysOff(skipped=frozenset((date(2026, 3, 4),)), weekend=frozenset((5, 6)))
    assert known.next_off(A_MONDAY, date(2026, 3, 31)) == date(2026, 3, 4)
    assert known.next_off(date(2026, 3, 5), date(2026, 3, 31)) == date(2026, 3, 7)
    assert known.next_off(date(2026, 3, 4), date(2026, 3, 4)) == date(2026, 3, 4)
    assert known.next_off(A_MONDAY, date(2026, 3, 3)) is None
    assert NONE_OFF.next_off(A_MONDAY, date.max) is None
