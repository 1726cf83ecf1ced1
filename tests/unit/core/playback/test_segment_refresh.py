"""Numbers and computed dimensions on the virtual clock come out as a refresh of the database has them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.core.definitions import SegmentsConfig
from engine.core.definitions.catalog import DefinedSop, Definitions
from engine.core.events.event import Event
from engine.core.playback.metric_history import MetricHistory
from engine.core.simulation.simulate import Report, Span, Wanted, simulate
from tests.support.builders import a_sop, an_engine, an_event, at

BEGIN = at("2026-03-01 00:00")
GOLD = {
    "refresh": "0 3 * * *",
    "values": [{"value": "金", "when": [{"metric": {"spent": {"gte": 100}}}]}, {"value": "无"}],
}


def known(metrics: dict[str, Any], dimensions: dict[str, Any], *sops: Any) -> Definitions:
    segments = SegmentsConfig.model_validate({"metrics": metrics, "dimensions": dimensions})
    return Definitions(1, an_engine(), {each.sop: DefinedSop(each, 1) for each in sops}, segments=segments)


def bought(day: str, amount: float, order: str, ref: str = "c-1", **fields: Any) -> Event:
    return an_event(
        "purchase",
        {"order": order, "amount": amount, "currency": "CNY"},
        time=at(f"{day} 12:00"),
        subject=ref,
        **fields,
    )


def refunded(day: str, amount: float, order: str) -> Event:
    return an_event("purchase.refunded", {"order": order, "amount": amount}, time=at(f"{day} 12:00"))


def numbers(metrics: dict[str, Any], *events: Event, ref: str = "c-1") -> list[tuple[str, dict[str, float]]]:
    """Day of the slot and the numbers from then on."""
    stored = SegmentsConfig.model_validate({"metrics": metrics}).stored_metrics
    slots = [at("2026-03-01 03:00") + timedelta(days=day) for day in range(40)]
    return [(f"{slot:%m-%d}", found) for slot, found in MetricHistory(stored, events, slots).changes(ref)]


def moves(report: Report) -> list[tuple[str, str]]:
    lines = [line for line in report.calendars[0].lines if line.what == "event" and line.event.type == "stage.changed"]
    return [(f"{line.at:%m-%d %H:%M}", str(line.event.data["value"])) for line in lines]


class TestNumbers:
    def test_spending_comes_into_the_window_at_the_next_slot_and_leaves_it(self) -> None:
        found = numbers({"spent": {"spend": "10d"}}, bought("2026-03-02", 60, "a"), bought("2026-03-05", 50, "b"))
        assert found == [("03-02", {"spent": 60}), ("03-05", {"spent": 110}), ("03-12", {"spent": 50}), ("03-15", {})]

    def test_what_is_refunded_is_taken_off_and_a_whole_order_is_none(self) -> None:
        events = (bought("2026-03-02", 60, "a"), refunded("2026-03-04", 20, "a"), refunded("2026-03-06", 60, "a"))
        found = numbers({"spent": {"spend": "ever"}, "times": {"orders": "ever"}}, *events)
        assert found == [("03-02", {"spent": 60, "times": 1}), ("03-04", {"spent": 40, "times": 1}), ("03-06", {})]

    def test_amounts_are_added_as_decimals(self) -> None:
        ((_, found),) = numbers(
            {"spent": {"spend": "ever"}}, bought("2026-03-02", 0.1, "a"), bought("2026-03-02", 0.2, "b")
        )
        assert found == {"spent": 0.3}

    def test_what_is_received_late_counts_from_its_receipt(self) -> None:
        late = bought("2026-03-02", 60, "a", received=at("2026-03-08 12:00"))
        assert numbers({"spent": {"spend": "ever"}}, late) == [("03-08", {"spent": 60})]

    def test_scores_compare_customers(self) -> None:
        events = [bought("2026-03-02", 100 * number, str(number), ref=f"c-{number}") for number in range(1, 6)]
        found = [
            numbers({"rfm": {"rfm": "purchase"}}, *events, ref=f"c-{number}")[0][1]["rfm.m"] for number in range(1, 6)
        ]
        assert found == [1, 2, 3, 4, 5]


class TestDimensions:
    def test_a_move_starts_an_sop_at_the_slot(self) -> None:
        sop = a_sop(trigger=[{"entered": {"level": "金"}}], steps=[{"id": "hi", "day": 0, "message": {"text": "恭喜"}}])
        definitions = known({"spent": {"spend": "10d"}}, {"level": GOLD}, sop)
        report = simulate([bought("2026-03-02", 150, "a")], definitions, Span(BEGIN, at("2026-03-20 00:00")), Wanted())
        assert moves(report) == [("03-03 03:00", "金"), ("03-13 03:00", "无")]
        assert [f"{line.at:%m-%d %H:%M}" for line in report.calendars[0].lines if line.what == "touch"] == [
            "03-03 10:00"
        ]

    def test_what_counts_days_changes_by_itself(self) -> None:
        away = {"values": [{"value": "远", "when": [{"metric": {"days": {"gte": 5}}}]}, {"value": "近"}]}
        definitions = known({"days": {"days_since": "visit"}}, {"level": away}, a_sop())
        visit = an_event("visit", {}, time=at("2026-03-02 12:00"))
        report = simulate([visit], definitions, Span(BEGIN, at("2026-03-20 00:00")), Wanted())
        assert moves(report) == [("03-03 03:00", "近"), ("03-07 03:00", "远")]

    def test_each_by_its_own_cron(self) -> None:
        weekly = GOLD | {"refresh": "0 5 * * MON"}
        definitions = known({"spent": {"spend": "ever"}}, {"daily": GOLD, "weekly": weekly}, a_sop())
        report = simulate([bought("2026-03-03", 150, "a")], definitions, Span(BEGIN, at("2026-03-20 00:00")), Wanted())
        assert moves(report) == [("03-04 03:00", "金"), ("03-09 05:00", "金")]

    @pytest.mark.parametrize("tag_day", ["2026-03-04", "2026-03-10"])
    def test_a_fact_is_looked_at_by_the_next_slot(self, tag_day: str) -> None:
        marked = {"values": [{"value": "有", "when": [{"tag": "vip"}]}, {"value": "无"}]}
        events = [bought("2026-03-02", 1, "a"), an_event("tag.added", {"tag": "vip"}, time=at(f"{tag_day} 12:00"))]
        report = simulate(events, known({}, {"level": marked}, a_sop()), Span(BEGIN, at("2026-03-20 00:00")), Wanted())
        day = int(tag_day[-2:]) + 1
        assert moves(report) == [("03-03 03:00", "无"), (f"03-{day:02} 03:00", "有")]
