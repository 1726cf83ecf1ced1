"""A simulation told: the calendar of each customer in order, and figures over all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.core.definitions.catalog import Definitions
from engine.core.events.event import Event
from engine.core.simulation.simulate import Report, Span, Wanted, simulate
from engine.core.simulation.totals import per_second
from engine.messages.calendar import CalendarFormatter
from tests.support.builders import ENGINE, a_sop, an_engine, an_event, at, definitions

BEGIN, END = at("2026-03-01 00:00"), at("2026-03-20 00:00")

GATED = an_engine(
    quiet_hours=["21:00", "09:00"],
    caps=[{"max": 1, "per": "1d"}],
    channels=ENGINE["channels"] | {"log": {"type": "log"}},
)


def tagged(day: str, ref: str = "c-1", clock: str = "12:00", **fields: Any) -> Event:
    return an_event("tag.added", {"tag": "装修意向"}, time=at(f"{day} {clock}"), subject=ref, **fields)


def ran(*events: Event, known: Definitions | None = None, until: datetime = END, **wanted: Any) -> Report:
    return simulate(events, known or definitions(LEAD), Span(BEGIN, until), Wanted(**wanted))


def lines(report: Report, language: str = "en") -> list[tuple[str, str]]:
    """Day, time and words of each line of the first calendar."""
    words = CalendarFormatter(language, report.calendars[0].timezone)
    return [(f"{line.at:%d %H:%M}", words.line(line).head) for line in report.calendars[0].lines]


LEAD = a_sop(
    steps=[
        {"id": "d1", "day": 1, "message": {"text": "{{ customer.ref }} 您好"}},
        {"id": "d3", "day": 3, "when": [{"tag": "vip"}], "message": {"text": "三"}},
        {"id": "call", "day": 4, "task": {"to": "owner", "title": "回访"}},
        {"id": "done", "day": 5, "do": [{"add_tag": "完成"}]},
    ]
)


class TestCalendar:
    def test_tells_what_came_about_in_order(self) -> None:
        assert lines(ran(tagged("2026-03-01"))) == [
            ("01 12:00", "tag.added 装修意向"),
            ("02 10:00", "培育, d1: message over log"),
            ("04 10:00", "培育, d3: skipped: a condition does not hold: lacks the tag vip (steps/d3/when/0/tag)"),
            ("05 10:00", "培育, call: task for staff over log"),
            ("06 10:00", "培育, done: done by the engine"),
            ("06 10:00", "tag.added 完成 (made by SOP lead)"),
            ("06 10:00", "培育: completed"),
        ]

    def test_in_chinese(self) -> None:
        assert lines(ran(tagged("2026-03-01")), "zh")[1:3] == [
            ("02 10:00", "「培育」d1：经 log 发给客户"),
            ("04 10:00", "「培育」d3：跳过：条件不成立：没有标签 vip（steps/d3/when/0/tag）"),
        ]

    def test_shows_the_text_as_the_customer_reads_it(self) -> None:
        (line,) = [each for each in ran(tagged("2026-03-01")).calendars[0].lines if each.what == "touch"][:1]
        assert line.text == "c-1 您好"

    def test_moments_are_in_the_customers_zone(self) -> None:
        moved = an_event("customer.updated", {"timezone": "America/New_York"}, time=at("2026-03-01 11:00"))
        report = ran(moved, tagged("2026-03-01"))
        assert report.calendars[0].timezone == "America/New_York"
        assert next(each.at.isoformat() for each in report.calendars[0].lines if each.what == "touch") == (
            "2026-03-01T10:00:00-05:00"
        )

    def test_a_refusal_names_what_decided(self) -> None:
        known = definitions(a_sop(when=[{"is": {"stage": "意向客户"}}]))
        (line,) = ran(tagged("2026-03-01"), known=known).calendars[0].lines
        said = CalendarFormatter("en", "Asia/Shanghai").line(line).more
        assert said == (
            "did not start lead: a condition does not hold: stage is not set, wanted 意向客户 (when/0/is/stage)",
        )

    def test_what_is_put_off_says_from_when_to_when_and_why(self) -> None:
        known = definitions(a_sop(steps=[{"id": "hi", "after": "1m", "message": {"text": "您好"}}]), engine=GATED)
        report = ran(tagged("2026-03-01", clock="22:00"), known=known)
        held, sent = [each for each in report.calendars[0].lines if each.what in ("held", "touch")]
        assert (held.what, f"{held.due_at:%d %H:%M}", f"{held.until:%d %H:%M}") == ("held", "01 22:01", "02 09:00")
        assert lines(report)[1][1].startswith("培育, hi: due 2026-03-01 22:01, put off until 2026-03-02 09:00: ")
        assert (f"{sent.at:%d %H:%M}", sent.waited) == ("02 09:00", "quiet_hours")

    def test_one_that_still_runs_says_what_is_to_come(self) -> None:
        report = ran(tagged("2026-03-01"), until=at("2026-03-03 00:00"))
        (run,) = report.calendars[0].runs
        assert (run.state, [each.step for each in run.to_come]) == ("active", ["d3", "call", "done"])

    def test_only_one_sop_where_asked_though_all_are_played(self) -> None:
        other = a_sop(sop="other", title="另一个", steps=[{"id": "x", "day": 1, "message": {"text": "另"}}])
        report = ran(tagged("2026-03-01"), known=definitions(LEAD, other), sop="other")
        assert {getattr(each, "sop", "other") for each in report.calendars[0].lines} == {"other"}
        assert [(each.sop, each.step) for each in report.totals.steps] == [("other", "x")]


class TestFigures:
    def test_over_all_customers_of_whom_a_few_are_shown(self) -> None:
        report = ran(*(tagged("2026-03-01", f"c-{number}") for number in range(7)), limit=2)
        assert ([each.customer for each in report.calendars], report.not_shown) == (["c-0", "c-1"], 5)
        assert (report.totals.customers, report.totals.sent, report.totals.skipped) == (7, 14, 7)
        assert [(each.step, each.status, each.reason, each.number) for each in report.totals.steps] == [
            ("d1", "sent", None, 7), ("d3", "skipped", "condition", 7), ("call", "sent", None, 7), ("done", "sent", None, 7),
        ]  # fmt: skip
        assert [(each.what, each.number) for each in report.totals.timelines] == [("started", 7), ("completed", 7)]

    def test_each_day_and_channel(self) -> None:
        report = ran(tagged("2026-03-01"), tagged("2026-03-04", "c-2"))
        assert [(each.date, each.channel, each.number) for each in report.totals.days] == [
            ("2026-03-02", "log", 1), ("2026-03-05", "log", 2), ("2026-03-08", "log", 1),
        ]  # fmt: skip

    def test_the_busiest_minute_against_the_rate(self) -> None:
        engine = an_engine(channels={"log": {"type": "log", "rate": "2/s"}, "sms": {"type": "log"}})
        events = [tagged("2026-03-01", f"c-{number}") for number in range(9)]
        (total,) = ran(*events, known=definitions(LEAD, engine=engine)).totals.channels
        assert (total.in_busiest_minute, total.rate, total.drained_in) == (9, "2/s", 4.5)

    def test_how_full_caps_get_and_whom_they_hold_back(self) -> None:
        two = [{"id": step, "day": 1, "message": {"text": "一"}} for step in ("a", "b")]
        sops = [a_sop(sop=name, steps=two[number : number + 1]) for number, name in enumerate(("one", "two"))]
        report = ran(tagged("2026-03-01"), known=definitions(*sops, engine=GATED))
        assert [(each.fullest, each.customers_full) for each in report.totals.caps] == [(1, 1)]
        assert [(each.reason, each.number) for each in report.totals.held] == [("cap", 1)]

    def test_rates_as_they_are_written(self) -> None:
        assert [per_second(each) for each in ("50/s", "120/m", "36000/h", None, "fast")] == [50, 2, 10, None, None]


def test_the_same_again_is_the_same() -> None:
    events = [tagged("2026-03-01", f"c-{number}") for number in range(20)]
    assert ran(*events) == ran(*reversed(events))
