"""Days off from the `holidays` package, with its gaps closed.

It lists public holidays and the days moved for them, but not the weekend days inside or beside a break, so those are added:
a weekend day that adjoins a holiday, directly or through other weekend days, belongs to the break unless it is a make-up
workday. Where a government moves working days by a yearly notice, the library knows them only once it has been published.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from engine.core.definitions.calendar import WorkCalendar
from engine.core.errors import DefinitionError, did_you_mean, meant
from engine.core.problems import Problem
from engine.core.sentence import Sentence, codes
from engine.core.time.days_off import NONE_OFF, DaysOff
from engine.core.validation.files import problem

YEARS = range(1990, 2100)
"""Years that days off are worked out for: all that anything is planned in; it takes hundredths of a second."""

_STILL_MOVED = 2024
"""A country whose last moved working day the library knows is older than this has given the practice up."""

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Country:
    """What the library knows of a country (and subdivision) in some years."""

    holidays: frozenset[date]
    weekend: frozenset[date]
    """Every weekend day of these years."""
    weekdays: frozenset[int]
    """The days of the week that are weekend now."""
    makeup: frozenset[date]
    """Weekend days that are workdays in return for a moved one."""
    known_until: date


def days_off(calendar: WorkCalendar | None, years: range = YEARS) -> DaysOff:
    """Return the days off of a calendar, NONE_OFF where none is configured.

    Parameters:
        years: those the holidays are worked out for; weekends, `also` and `except` hold in all.

    Raises DefinitionError for an unknown country or subdivision.
    """
    return NONE_OFF if calendar is None else _days_off(calendar, years.start, years.stop)


@lru_cache(maxsize=32)
def _days_off(calendar: WorkCalendar, first: int, stop: int) -> DaysOff:
    wrong = check(calendar)
    if wrong:
        raise DefinitionError(wrong[0].message)
    country = _country(calendar.country, calendar.subdivision, first - 1, stop + 1)
    breaks = _breaks(country) if "public_holiday" in calendar.skip else frozenset()
    also, never = frozenset(calendar.also), frozenset(calendar.except_)
    return DaysOff(
        skipped=(frozenset(each for each in breaks if first <= each.year < stop) | also) - never,
        weekend=country.weekdays if "weekend" in calendar.skip else frozenset(),
        workdays=(country.makeup | never) - also,
        known_until=min(country.known_until, date(stop - 1, 12, 31)),
    )


def check(calendar: WorkCalendar) -> list[Problem]:
    """Return what is wrong with a calendar that only the library can tell: an unknown country or subdivision."""
    known = _codes()
    if calendar.country not in known:
        message = Sentence(
            "`{code}` is not a country whose holidays are known; write its ISO 3166 code: CN, HK, US.{hint}",
            code=calendar.country, hint=_did_you_mean_country(calendar.country),
        )  # fmt: skip
        return [_problem("country", message)]
    parts, part = known[calendar.country], calendar.subdivision
    if part is None or part in parts:
        return []
    if not parts:
        message = Sentence("{code} has no subdivisions with holidays of their own; remove it", code=calendar.country)
        return [_problem("subdivision", message)]
    message = Sentence(
        "`{part}` is not a subdivision of {code}; write one of {names}.{hint}",
        part=part, code=calendar.country, names=codes(parts), hint=did_you_mean(part, parts),
    )  # fmt: skip
    return [_problem("subdivision", message)]


def gaps(calendar: WorkCalendar | None, years: Iterable[int]) -> list[tuple[Sentence, Sentence]]:
    """Return the years in which the days off are not known completely, in a sentence each, with what to do about it.

    Parameters:
        years: those that are planned in, usually this one and the next.
    """
    if calendar is None or check(calendar):
        return []
    known = days_off(calendar).known_until
    assert known is not None
    unknown = Sentence(
        "calendar {code}: breaks and make-up workdays of {year} are not known (this version of the engine "
        "knows them until {known}); the rules alone are followed, so days moved by the official notice are missing"
    )
    remedy = Sentence("When it is published, upgrade the `holidays` package, or add them under `also` and `except`")
    return [
        (unknown.with_values(code=calendar.country, year=year, known=known), remedy)
        for year in sorted(set(years))
        if year > known.year
    ]


def _breaks(country: _Country) -> frozenset[date]:
    """Return the holidays and the weekend days that adjoin them, make-up workdays left out."""
    free = country.weekend - country.makeup
    breaks = set(country.holidays - country.makeup)
    edge = list(breaks)
    while edge:
        day = edge.pop()
        for beside in (day - _ONE_DAY, day + _ONE_DAY):
            if beside in free and beside not in breaks:
                breaks.add(beside)
                edge.append(beside)
    return frozenset(breaks)


@lru_cache(maxsize=32)
def _country(code: str, subdivision: str | None, first: int, stop: int) -> _Country:
    from holidays import (
        country_holidays,
    )  # reading it takes longer than most commands: only where a calendar is configured

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of years it knows nothing of; `known_until` says that
        found = country_holidays(code, subdiv=subdivision, years=range(first, stop))
    days = _each_day(date(first, 1, 1), date(stop - 1, 12, 31))
    week = _each_day(date(stop - 1, 12, 25), date(stop - 1, 12, 31))
    return _Country(
        holidays=frozenset(found),
        weekend=frozenset(day for day in days if found.is_weekend(day)),
        weekdays=frozenset(day.weekday() for day in week if found.is_weekend(day)),
        makeup=frozenset(found.weekend_workdays),
        known_until=date(_last_year(found), 12, 31),
    )


def _last_year(found: Any) -> int:
    """Return the last year whose holidays the library knows completely."""
    moved = max((day.year for day in found.weekend_workdays), default=0)
    return min(moved, found.end_year) if moved >= _STILL_MOVED else int(found.end_year)


def _each_day(first: date, last: date) -> Iterator[date]:
    return (date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1))


@lru_cache(maxsize=1)
def _codes() -> dict[str, tuple[str, ...]]:
    """Return the countries the library knows, with their subdivisions."""
    from holidays import list_supported_countries  # see _country

    known = list_supported_countries(include_aliases=False)
    return {code: tuple(map(str, parts)) for code, parts in sorted(known.items())}


def _did_you_mean_country(written: str) -> Sentence:
    """Name the code most like what is written, or that of the country whose name is most like it."""
    from holidays.registry import COUNTRIES  # see _country

    if written.upper() in _codes():
        return meant(written.upper())
    named = {name: codes[1] for name, codes in COUNTRIES.items()} | {codes[2]: codes[1] for codes in COUNTRIES.values()}
    wanted = written.strip().replace(" ", "_")
    names = difflib.get_close_matches(wanted.lower(), named, n=1, cutoff=0.85)  # Deutschland is not nearly netherlands
    near = named.get(wanted.upper()) or (named[names[0]] if names else None)
    return meant(near) if near else Sentence("")


def _problem(key: str, message: Sentence) -> Problem:
    return problem("engine.yaml", ("calendar", key), message)
