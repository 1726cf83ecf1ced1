"""When dates and schedules come: leap days, changing clocks, cron's forms, days ahead."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.core.definitions import Moment
from engine.core.definitions.catalog import Definitions
from engine.core.matching import schedules
from engine.core.playback.run import play
from engine.core.time import cron
from engine.core.time.arithmetic import at_local, local_date, zone
from tests.support.builders import INSTALLATION, a_customer, a_moment, a_sop, an_event, at, definitions

NEW_YORK, HAVANA, SHANGHAI = "America/New_York", "America/Havana", "Asia/Shanghai"
DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


def by_date(text: str = "{attribute: due}", steps: Any = None) -> Definitions:
    """One SOP that a date starts."""
    return definitions(a_sop(f"trigger: [{{date: {text}}}]", **({"steps": steps} if steps else {})))


def days_met(named: date, every: str, begin: date, end: date) -> list[date]:
    return [
        day
        for number in range((end - begin).days)
        if schedules.is_met(named, day := begin + timedelta(days=number), every)
    ]


class TestDates:
    def test_every_year_from_the_date_on(self) -> None:
        met = days_met(date(2024, 5, 1), "year", date(2022, 1, 1), date(2027, 1, 1))
        assert met == [date(2024, 5, 1), date(2025, 5, 1), date(2026, 5, 1)]

    def test_once_is_the_date_itself(self) -> None:
        assert days_met(date(2024, 5, 1), "once", date(2022, 1, 1), date(2027, 1, 1)) == [date(2024, 5, 1)]

    def test_29_february_is_the_28th_in_other_years(self) -> None:
        met = days_met(date(1992, 2, 29), "year", date(2023, 1, 1), date(2029, 1, 1))
        assert [f"{day:%Y-%m-%d}" for day in met] == [
            "2023-02-28", "2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29",
        ]  # fmt: skip
        assert days_met(date(1992, 2, 28), "year", date(2024, 1, 1), date(2025, 1, 1)) == [date(2024, 2, 28)]

    @settings(max_examples=120)
    @given(named=DAYS, after=DAYS, every=st.sampled_from(["year", "once"]))
    def test_the_next_one_is_the_first_that_is_met(self, named: date, after: date, every: str) -> None:
        found = schedules.next_met(named, after, every)
        if found is None:
            assert every == "once" and named <= after
            return
        assert found > after and schedules.is_met(named, found, every)
        nearer = [after + timedelta(days=n) for n in range(1, min((found - after).days, 400))]
        assert not any(schedules.is_met(named, day, every) for day in nearer)

    @settings(max_examples=120)
    @given(named=DAYS, year=st.integers(1950, 2100))
    def test_each_year_once(self, named: date, year: int) -> None:
        met = days_met(named, "year", date(year, 1, 1), date(year + 1, 1, 1))
        assert len(met) == (year >= named.year)

    @settings(max_examples=120)
    @given(named=DAYS, day=DAYS)
    def test_looking_for_texts_near_a_day_finds_all_that_meet_it(self, named: date, day: date) -> None:
        if schedules.is_met(named, day, "year"):
            assert named.isoformat()[5:] in schedules.month_days_around([day])

    def test_a_leap_day_is_looked_for_on_the_28th(self) -> None:
        assert not calendar.isleap(2026)
        assert "02-29" in schedules.month_days_around([date(2026, 2, 28)])


class TestMidnights:
    def test_each_zone_has_its_own(self) -> None:
        found = schedules.midnights(
            [SHANGHAI, "Asia/Tokyo", "Asia/Taipei"], at("2026-03-01 12:00"), at("2026-03-02 12:00")
        )
        assert found == {at("2026-03-01 23:00"): ["Asia/Tokyo"], at("2026-03-02 00:00"): [SHANGHAI, "Asia/Taipei"]}

    def test_one_at_the_beginning_is_past_one_at_the_end_is_not(self) -> None:
        first, second = at("2026-03-02 00:00"), at("2026-03-03 00:00")
        assert list(schedules.midnights([SHANGHAI], first, second)) == [second]
        assert schedules.next_midnight([SHANGHAI], first) == second

    def test_where_clocks_change_at_midnight_a_day_begins_once(self) -> None:
        """In Havana 2026-03-08 begins at 01:00, and 2026-11-01 has the hour from 00:00 twice."""
        gap = schedules.midnights([HAVANA], at("2026-03-07 12:00", HAVANA), at("2026-03-08 12:00", HAVANA))
        assert [moment.astimezone(zone(HAVANA)).hour for moment in gap] == [1]
        fold = schedules.midnights([HAVANA], at("2026-10-31 12:00", HAVANA), at("2026-11-02 12:00", HAVANA))
        assert [local_date(moment, HAVANA).isoformat() for moment in fold] == ["2026-11-01", "2026-11-02"]
        assert list(fold)[1] - next(iter(fold)) == timedelta(hours=25)


class TestLead:
    def test_the_earliest_negative_day_of_the_steps(self) -> None:
        step = {"id": "a", "message": {"text": "x"}}
        assert (
            schedules.lead(
                a_sop(steps=[step | {"day": 0}, step | {"id": "b", "day": -3}, step | {"id": "c", "day": -1}])
            )
            == 3
        )
        assert schedules.lead(a_sop(steps=[step | {"day": 2}])) == 0
        assert (
            schedules.lead(a_sop(steps=[step | {"day": -9, "from": "attr.due"}, step | {"id": "b", "after": "1h"}]))
            == 0
        )

    def test_the_timeline_starts_so_many_days_before_and_counts_from_the_date(self) -> None:
        known = by_date(steps=[{"id": "early", "day": -3, "message": {"text": "x"}}])
        (source,) = schedules.sources(known)
        event = schedules.date_event(source, "c-1", date(2026, 5, 1), SHANGHAI, at("2026-04-28 00:01"))
        assert (event.time, event.data["anchor"]) == (at("2026-04-28 00:00"), at("2026-05-01 00:00").isoformat())
        assert event.id == "slot:lead:0:2026-05-01:c-1"


class TestCron:
    @pytest.mark.parametrize(
        ("expression", "first", "second"),
        [
            ("0 10 * * MON", "2026-05-04 10:00", "2026-05-11 10:00"),
            ("0 10 * * 1", "2026-05-04 10:00", "2026-05-11 10:00"),
            ("30 9 1 * *", "2026-05-01 09:30", "2026-06-01 09:30"),
            ("0 10 L * *", "2026-05-31 10:00", "2026-06-30 10:00"),
            ("0 10 * * MON#1", "2026-05-04 10:00", "2026-06-01 10:00"),
            ("0 0 29 2 *", "2028-02-29 00:00", "2032-02-29 00:00"),
            ("*/15 8-9 * * *", "2026-05-01 08:00", "2026-05-01 08:15"),
            ("@monthly", "2026-06-01 00:00", "2026-07-01 00:00"),
        ],
    )
    def test_its_forms(self, expression: str, first: str, second: str) -> None:
        found = cron.following(expression, SHANGHAI, at("2026-05-01 00:00"))
        assert found is not None and found.at == at(first)
        then = cron.following(expression, SHANGHAI, found.at)
        assert then is not None and then.at == at(second), "the slot itself is past"
        assert cron.newest(expression, SHANGHAI, then.at) == then
        assert cron.newest(expression, SHANGHAI, then.at - timedelta(seconds=1)) == found

    def test_a_time_that_comes_twice_is_one_slot(self) -> None:
        """New York, 2026-11-01: 01:30 comes at 05:30 and 06:30 UTC."""
        first = cron.following("30 1 * * *", NEW_YORK, datetime(2026, 11, 1, 4, tzinfo=UTC))
        assert first == cron.CronSlot("2026-11-01T01:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC))
        then = cron.following("30 1 * * *", NEW_YORK, first.at)
        assert then is not None and then.key == "2026-11-02T01:30"
        assert cron.newest("30 1 * * *", NEW_YORK, datetime(2026, 11, 1, 7, tzinfo=UTC)) == first

    def test_a_time_that_does_not_come_is_taken_at_the_end_of_the_gap(self) -> None:
        """New York, 2026-03-08: there is no 02:30."""
        found = cron.following("30 2 * * *", NEW_YORK, datetime(2026, 3, 8, 5, tzinfo=UTC))
        assert found == cron.CronSlot("2026-03-08T02:30", datetime(2026, 3, 8, 7, tzinfo=UTC))

    @settings(max_examples=150, deadline=None)
    @given(
        expression=st.sampled_from(
            ["30 1 * * *", "0 */7 * * *", "15 2 * * SUN", "0 0 1,15 * *", "45 23 * * 5", "0 10 L * *"]
        ),
        zone_name=st.sampled_from([NEW_YORK, HAVANA, SHANGHAI, "Australia/Lord_Howe", "Europe/London"]),
        now=st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    )
    def test_the_newest_and_the_following_leave_nothing_between(
        self, expression: str, zone_name: str, now: datetime
    ) -> None:
        newest, following = cron.newest(expression, zone_name, now), cron.following(expression, zone_name, now)
        assert newest is not None and following is not None
        assert newest.at <= now < following.at
        assert cron.following(expression, zone_name, newest.at) == following
        assert newest.at == at_local(
            date.fromisoformat(newest.key[:10]), datetime.fromisoformat(newest.key).time(), zone_name
        )

    @pytest.mark.parametrize(
        ("expression", "said"),
        [
            ("0 10 * *", "has 4 fields"),
            ("0 0 10 * * *", "has 6 fields"),
            ("0 25 * * *", "out of range"),
            ("0 10 * * 周一", "`周一` is neither a month (JAN) nor a weekday (MON)"),
            ("R R * * *", "`R` is neither"),
            ("0 0 31 2 *", "a day that never comes"),
            ("every monday", "has 2 fields"),
        ],
    )
    def test_what_is_none_says_why(self, expression: str, said: str) -> None:
        with pytest.raises(ValidationError) as raised:
            Moment.model_validate({"schedule": {"cron": expression}})
        assert said in str(raised.value) and "minute hour day month weekday" in str(raised.value)

    def test_its_zone_is_a_zone(self) -> None:
        with pytest.raises(ValidationError, match="`Asia/Peking` is not a time zone"):
            a_moment('schedule: {cron: "0 10 * * MON", timezone: Asia/Peking}')


class TestPlayed:
    """Playback takes the same slots for each customer on their own."""

    def test_a_birthday_year_after_year(self) -> None:
        steps = [
            {"id": "early", "day": -3, "message": {"text": "x"}},
            {"id": "day", "day": 0, "message": {"text": "y"}},
        ]
        known = by_date(steps=steps)
        born = an_event("customer.updated", {"attributes": {"due": "1992-02-29"}}, time=at("2026-01-01 09:00"))
        played = play([born], known, at("2028-12-31 00:00"), INSTALLATION)
        assert [(each.touch.step, f"{local_date(each.at, SHANGHAI)}") for each in played.touches] == [
            ("early", "2026-02-25"), ("day", "2026-02-28"), ("early", "2027-02-25"), ("day", "2027-02-28"),
            ("early", "2028-02-26"), ("day", "2028-02-29"),
        ]  # fmt: skip

    def test_known_too_late_it_is_met_next_year(self) -> None:
        known = by_date(steps=[{"id": "early", "day": -3, "message": {"text": "x"}}])
        born = an_event("customer.updated", {"attributes": {"due": "1992-03-03"}}, time=at("2026-03-01 09:00"))
        played = play([born], known, at("2027-12-31 00:00"), INSTALLATION)
        assert [local_date(each.at, SHANGHAI).isoformat() for each in played.touches] == ["2027-02-28"]

    def test_a_schedule_while_when_holds(self) -> None:
        sop = a_sop(
            'trigger: [{schedule: {cron: "0 10 * * MON"}}]\nwhen: [{tag: vip}]',
            steps=[{"id": "hello", "after": "1m", "message": {"text": "x"}}],
        )
        events = [
            an_event("visit", time=at("2026-03-01 09:00")),
            an_event("tag.added", {"tag": "vip"}, time=at("2026-03-03 09:00")),
            an_event("tag.removed", {"tag": "vip"}, time=at("2026-03-18 09:00")),
        ]
        played = play(events, definitions(sop), at("2026-04-01 00:00"), INSTALLATION)
        assert [each.at for each in played.touches] == [at("2026-03-09 10:01"), at("2026-03-16 10:01")]


class TestStillDue:
    def test_not_when_the_date_was_corrected_or_the_trigger_is_gone(self) -> None:
        known = by_date()
        (source,) = schedules.sources(known)
        sop = known.sops["lead"].sop
        event = schedules.date_event(source, "c-1", date(2026, 5, 1), SHANGHAI, at("2026-05-01 00:00"))
        assert schedules.is_still_due(a_customer(attributes={"due": "1990-05-01"}), event, sop, known)
        assert not schedules.is_still_due(a_customer(attributes={"due": "1990-05-02"}), event, sop, known)
        assert not schedules.is_still_due(a_customer(), event, sop, known)
        assert not schedules.is_still_due(a_customer(attributes={"due": "1990-05-01"}), event, a_sop(), known)
