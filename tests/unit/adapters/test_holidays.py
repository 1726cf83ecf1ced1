"""Days off are those of the official notices: whole breaks with their weekends, make-up workdays worked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from engine.adapters.holidays import check, days_off, gaps
from engine.core.definitions.calendar import WorkCalendar
from engine.core.errors import DefinitionError
from engine.core.time.days_off import NONE_OFF
from tests.support.chinese import english_left

# Breaks (first and last day) and make-up workdays as the notices give them.
# 国务院办公厅关于2024年部分节假日安排的通知(国办发明电〔2023〕7号)
NOTICE_2024 = (
    {
        "元旦": ("2023-12-30", "2024-01-01"),  # 1月1日放假,与周末连休
        "春节": ("2024-02-10", "2024-02-17"),
        "清明节": ("2024-04-04", "2024-04-06"),
        "劳动节": ("2024-05-01", "2024-05-05"),
        "端午节": ("2024-06-08", "2024-06-10"),  # 6月10日放假,与周末连休
        "中秋节": ("2024-09-15", "2024-09-17"),
        "国庆节": ("2024-10-01", "2024-10-07"),
    },
    ["2024-02-04", "2024-02-18", "2024-04-07", "2024-04-28", "2024-05-11", "2024-09-14", "2024-09-29", "2024-10-12"],
)
# 国务院办公厅关于2025年部分节假日安排的通知(国办发明电〔2024〕12号)
NOTICE_2025 = (
    {
        "元旦": ("2025-01-01", "2025-01-01"),
        "春节": ("2025-01-28", "2025-02-04"),
        "清明节": ("2025-04-04", "2025-04-06"),
        "劳动节": ("2025-05-01", "2025-05-05"),
        "端午节": ("2025-05-31", "2025-06-02"),
        "国庆节、中秋节": ("2025-10-01", "2025-10-08"),
    },
    ["2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11"],
)
# 国务院办公厅关于2026年部分节假日安排的通知(国办发明电〔2025〕7号)
NOTICE_2026 = (
    {
        "元旦": ("2026-01-01", "2026-01-03"),
        "春节": ("2026-02-15", "2026-02-23"),
        "清明节": ("2026-04-04", "2026-04-06"),
        "劳动节": ("2026-05-01", "2026-05-05"),
        "端午节": ("2026-06-19", "2026-06-21"),
        "中秋节": ("2026-09-25", "2026-09-27"),
        "国庆节": ("2026-10-01", "2026-10-07"),
    },
    ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"],
)
NOTICES = {2024: NOTICE_2024, 2025: NOTICE_2025, 2026: NOTICE_2026}
TODAY = date.fromisoformat


def a_calendar(country: str = "CN", *skip: str, **fields: Any) -> WorkCalendar:
    return WorkCalendar.model_validate({"country": country, "skip": skip or ("public_holiday",), **fields})


def days_of(year: int) -> Iterator[date]:
    return (date(year, 1, 1) + timedelta(days=each) for each in range((date(year + 1, 1, 1) - date(year, 1, 1)).days))


def off_in(year: int, breaks: dict[str, tuple[str, str]]) -> set[date]:
    """Every day of the year that a notice gives off; those of the next year's 元旦 too."""
    spans = [*breaks.values(), *[span for name, span in NOTICES.get(year + 1, ({},))[0].items() if name == "元旦"]]
    return {day for day in days_of(year) if any(TODAY(first) <= day <= TODAY(last) for first, last in spans)}


@pytest.mark.parametrize("year", NOTICES)
def test_chinese_breaks_are_those_of_the_notice_on_every_day_of_the_year(year: int) -> None:
    breaks, _ = NOTICES[year]
    known = days_off(a_calendar())
    assert {day for day in days_of(year) if known.skips(day)} == off_in(year, breaks)


@pytest.mark.parametrize("year", NOTICES)
def test_with_weekends_skipped_make_up_workdays_are_worked(year: int) -> None:
    breaks, makeup = NOTICES[year]
    known = days_off(a_calendar("CN", "public_holiday", "weekend"))
    weekends = {day for day in days_of(year) if day.weekday() >= 5} - {TODAY(day) for day in makeup}
    assert {day for day in days_of(year) if known.skips(day)} == off_in(year, breaks) | weekends


@pytest.mark.parametrize("year", NOTICES)
def test_weekends_alone_leave_the_week_as_the_notice_has_it(year: int) -> None:
    known = days_off(a_calendar("CN", "weekend"))
    assert [str(day) for day in days_of(year) if day.weekday() >= 5 and not known.skips(day)] == NOTICES[year][1]
    assert (
        not known.skips(date(year, 10, 1)) or date(year, 10, 1).weekday() >= 5
    )  # a holiday on a weekday is not asked for


def test_the_next_open_day_after_a_break() -> None:
    known = days_off(a_calendar())
    assert known.next_open(date(2026, 2, 15)) == date(2026, 2, 24)
    assert known.next_open(date(2026, 10, 1)) == date(2026, 10, 8)
    assert known.next_open(date(2026, 2, 14)) == date(2026, 2, 14)  # a Saturday, worked
    assert days_off(a_calendar("CN", "public_holiday", "weekend")).next_open(date(2026, 1, 1)) == date(2026, 1, 4)


@pytest.mark.parametrize(
    ("country", "subdivision", "off", "on"),
    [
        # https://www.opm.gov/policy-data-oversight/pay-leave/federal-holidays/: 4 July 2026 is a Saturday, observed on Friday
        ("US", None, ["2026-07-03", "2026-07-04", "2026-07-05", "2026-09-05", "2026-09-07", "2026-11-26"], ["2026-11-27"]),
        ("US", "CA", ["2026-03-31"], ["2026-02-12"]),  # Cesar Chavez Day
        # https://www.gov.uk/bank-holidays: Easter is one break from Friday to Monday; 26 December 2026 is a Saturday
        ("GB", "ENG", ["2026-04-03", "2026-04-04", "2026-04-05", "2026-04-06", "2026-12-25", "2026-12-28"], ["2026-04-07"]),
        ("GB", "SCT", ["2026-01-02", "2026-11-30"], ["2026-04-06"]),
        # 内閣府「国民の祝日について」: 2026-09-22 is a day between two holidays
        ("JP", None, ["2026-05-04", "2026-05-06", "2026-09-21", "2026-09-22", "2026-09-23"], ["2026-05-07", "2026-09-24"]),
    ],
)  # fmt: skip
def test_other_countries(country: str, subdivision: str | None, off: list[str], on: list[str]) -> None:
    known = days_off(a_calendar(country, subdivision=subdivision))
    assert [day for day in off if not known.skips(TODAY(day))] == []
    assert [day for day in on if known.skips(TODAY(day))] == []


def test_a_weekend_is_that_of_the_country() -> None:
    known = days_off(a_calendar("SA", "weekend"))
    assert [day for day in range(9, 16) if known.skips(date(2026, 1, day))] == [9, 10]  # Friday and Saturday


def test_operators_correct_the_calendar_and_have_the_last_word() -> None:
    corrected = a_calendar(
        "CN", "public_holiday", "weekend", also=["2026-02-24", "2026-02-28"], **{"except": ["2026-10-07", "2026-10-17"]}
    )
    known = days_off(corrected)
    assert known.skips(date(2026, 2, 24))
    assert known.skips(date(2026, 2, 28))  # a make-up workday, off all the same
    assert not known.skips(date(2026, 10, 7))  # in the break, worked all the same
    assert not known.skips(date(2026, 10, 17))  # a Saturday, worked
    assert known.skips(date(2026, 10, 18))


def test_what_operators_add_takes_no_weekend_with_it() -> None:
    known = days_off(a_calendar(also=["2026-07-17"]))  # a Friday
    assert known.skips(date(2026, 7, 17))
    assert not known.skips(date(2026, 7, 18))


def test_a_year_whose_notice_is_not_out_is_told() -> None:
    calendar = a_calendar()
    assert days_off(calendar).known_until == date(2026, 12, 31)
    ((told, remedy),) = gaps(calendar, (2026, 2027))
    for part in ("CN", "2027", "2026-12-31", "make-up workdays"):
        assert part in told
    for part in ("`also`", "`except`", "upgrade"):
        assert part in remedy
    assert english_left(told) == english_left(remedy) == []
    assert days_off(calendar).skips(date(2027, 10, 1))  # by the rules


def test_no_gap_is_told_where_nothing_is_moved_by_notice() -> None:
    assert gaps(a_calendar("US"), range(2026, 2031)) == []
    assert gaps(None, (2030,)) == []


def test_a_break_over_the_end_of_the_asked_years_is_whole() -> None:
    assert days_off(a_calendar(), range(2023, 2024)).skips(date(2023, 12, 30))  # beside 1 January 2024


def test_without_a_calendar_no_day_is_off() -> None:
    assert days_off(None) is NONE_OFF


@pytest.mark.parametrize(
    ("written", "near"),
    [("China", "CN"), ("cn", "CN"), ("CHN", "CN"), ("Untied Kingdom", "GB"), ("United States", "US")],
)
def test_an_unknown_country_is_refused_with_its_code(written: str, near: str) -> None:
    (problem,) = check(a_calendar(written))
    assert problem.path == "calendar/country"
    assert problem.file == "engine.yaml"
    assert f"`{written}`" in problem.message
    assert f"Did you mean `{near}`?" in problem.message
    with pytest.raises(DefinitionError, match="ISO 3166"):
        days_off(a_calendar(written))


@pytest.mark.parametrize("written", ["Deutschland", "中国", "XX"])
def test_nothing_is_guessed_where_nothing_is_near(written: str) -> None:
    (problem,) = check(a_calendar(written))
    assert "Did you mean" not in problem.message


def test_an_unknown_subdivision_is_refused_with_those_there_are() -> None:
    (problem,) = check(a_calendar("GB", subdivision="ENGL"))
    assert problem.path == "calendar/subdivision"
    assert "write one of ENG, NIR, SCT, WLS. Did you mean `ENG`?" in problem.message
    (problem,) = check(a_calendar("SG", subdivision="X"))
    assert "no subdivisions" in problem.message
    assert "remove it" in problem.message
