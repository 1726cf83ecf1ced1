"""The shipped definitions are right, and do what their comments say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine import definitions_yaml
from engine.core.definitions.catalog import DefinedSop, Definitions
from engine.core.events.event import ENGINE_SOURCE, STAGE, Event
from engine.core.playback.played import Playback
from engine.core.playback.run import play
from engine.core.time.arithmetic import local_date
from engine.definitions_yaml.shipped import shipped_definitions
from engine.wiring import CHANNEL_TYPES
from tests.support.builders import INSTALLATION, SHANGHAI, an_event, at

LOADED = definitions_yaml.load(shipped_definitions(), CHANNEL_TYPES)


def known() -> Definitions:
    assert LOADED.engine is not None
    sops = {name: DefinedSop(sop, 1) for name, sop in LOADED.sops.items()}
    return Definitions(1, LOADED.engine, sops, segments=LOADED.segments)


def lived(*events: Event, until: str) -> Playback:
    """Play one customer's events; they are known since 2026-01-05."""
    met = an_event(
        "customer.updated",
        {"attributes": {"name": "王女士"}, "staff": {"owner": "li", "manager": "zhou"}},
        time=at("2026-01-05 11:00"),
    )
    return play([met, *events], known(), at(until), INSTALLATION)


def on(day: str, kind: str, **data: Any) -> Event:
    """Something at noon of a day."""
    return an_event(kind, data, time=at(f"{day} 12:00"))


def computed(dimension: str, value: str, time: datetime) -> Event:
    """What a refresh reports."""
    return an_event(
        STAGE, {"dimension": dimension, "value": value}, time=time, source=ENGINE_SOURCE, cause={"refresh": dimension}
    )


def sent(played: Playback, sop: str) -> list[tuple[str, str]]:
    """Step and moment, in Shanghai, of what an SOP sends or gives staff to do."""
    return [
        (each.touch.step, f"{(each.at + timedelta(hours=8)):%m-%d %H:%M}")
        for each in played.touches
        if each.touch.timeline.sop == sop and each.touch.status == "queued"
    ]


def ends(played: Playback, sop: str) -> list[tuple[str, str | None, str | None]]:
    return [(each.state, each.reason, each.detail) for _, each in played.timelines if each.sop == sop]


def texts(played: Playback, sop: str) -> Iterable[str]:
    return [str((each.touch.body or {}).get("text")) for each in played.touches if each.touch.timeline.sop == sop]


def test_they_have_no_problem_of_any_kind() -> None:
    assert LOADED.problems == [], definitions_yaml.render_problems(LOADED.problems)
    assert len(LOADED.sops) == 14


class TestWakeUp:
    def test_on_days_0_3_and_7_with_a_rising_offer_then_a_task_for_the_owner(self) -> None:
        played = lived(until="2026-03-31 00:00")
        assert sent(played, "wake-up") == [
            ("d0", "02-04 10:00"),
            ("d3", "02-07 10:00"),
            ("d7", "02-11 10:00"),
            ("call", "02-18 10:00"),
        ]
        offers = list(texts(played, "wake-up"))
        assert "500 元" in offers[1] and "2000 元" in offers[2]
        task = next(each.touch for each in played.touches if each.touch.step == "call")
        assert (task.kind, (task.body or {})["staff"]) == ("task", "li")

    def test_a_reply_stops_it_at_once(self) -> None:
        played = lived(on("2026-02-06", "message.received", text="在的"), until="2026-03-05 00:00")
        assert sent(played, "wake-up") == [("d0", "02-04 10:00")]
        assert ends(played, "wake-up") == [("exited", "exit", "回复")]

    def test_so_does_a_purchase(self) -> None:
        played = lived(on("2026-02-06", "purchase", order="A", amount=500), until="2026-03-01 00:00")
        assert ends(played, "wake-up") == [("exited", "exit", "成交")]

    def test_and_any_other_activity(self) -> None:
        played = lived(on("2026-02-06", "visit"), until="2026-03-01 00:00")
        assert ends(played, "wake-up") == [("exited", "active_again", None)]

    def test_what_the_engine_sends_is_no_activity(self) -> None:
        """The touches of the wake-up itself, and of others, leave the silence as it is."""
        played = lived(on("2026-01-20", "tag.added", tag="别的"), until="2026-02-20 00:00")
        assert [step for step, _ in sent(played, "wake-up")] == ["d0", "d3", "d7", "call"]

    def test_silent_again_it_comes_again_after_90_days(self) -> None:
        replies = [on("2026-02-06", "message.received"), on("2026-04-20", "message.received")]
        played = lived(*replies, until="2026-06-01 00:00")
        assert [moment for step, moment in sent(played, "wake-up") if step == "d0"] == ["02-04 10:00", "05-20 10:00"]

    @pytest.mark.parametrize(
        "kept_out",
        [on("2026-01-06", STAGE, value="成交客户"), on("2026-01-06", "customer.updated", attributes={"黑名单": True})],
    )
    def test_customers_who_bought_or_are_blocked_are_left_alone(self, kept_out: Event) -> None:
        assert sent(lived(kept_out, until="2026-04-01 00:00"), "wake-up") == []


class TestLifecycles:
    def test_each_level_has_its_sop_and_the_next_takes_over(self) -> None:
        played = lived(
            on("2026-01-10", STAGE, value="成交客户"),
            on("2026-01-10", "purchase", order="A", amount=500),
            until="2027-02-01 00:00",
        )
        assert sent(played, "lifecycle-silent") == [("d0", "03-15 10:00"), ("d7", "03-22 10:00")]
        assert sent(played, "lifecycle-asleep") == [
            ("d0", "05-17 10:00"),
            ("d10", "05-27 10:00"),
            ("call", "06-06 10:00"),
        ]
        assert sent(played, "lifecycle-lost") == [("d0", "01-11 10:00"), ("call", "01-16 10:00")]

    def test_buying_again_ends_it(self) -> None:
        bought = [
            on("2026-01-10", "purchase", order="A", amount=500),
            on("2026-03-17", "purchase", order="B", amount=300),
        ]
        played = lived(on("2026-01-10", STAGE, value="成交客户"), *bought, until="2026-04-01 00:00")
        assert sent(played, "lifecycle-silent") == [("d0", "03-15 10:00")]
        assert ends(played, "lifecycle-silent") == [("exited", "exit", "复购")]


class TestGold:
    def test_whoever_becomes_gold_is_welcomed_that_afternoon(self) -> None:
        moved = [computed("tier", "普通", at("2026-01-06 03:00")), computed("tier", "金卡", at("2026-02-01 03:00"))]
        played = lived(*moved, until="2026-03-01 00:00")
        assert sent(played, "gold-welcome") == [("welcome", "02-01 14:00"), ("gift", "02-02 10:00")]

    def test_down_and_up_again_is_not_welcomed_twice(self) -> None:
        moves = [("金卡", "2026-01-06"), ("银卡", "2026-02-06"), ("金卡", "2026-03-06")]
        played = lived(*(computed("tier", value, at(f"{day} 03:00")) for value, day in moves), until="2026-04-01 00:00")
        assert len(sent(played, "gold-welcome")) == 2


class TestDates:
    def test_a_birthday_three_days_before_and_on_the_day_every_year(self) -> None:
        played = lived(
            on("2026-01-06", "customer.updated", attributes={"birthday": "1992-02-29"}), until="2027-12-31 00:00"
        )
        assert sent(played, "birthday") == [
            ("coupon", "02-25 10:00"), ("wishes", "02-28 09:30"), ("coupon", "02-25 10:00"), ("wishes", "02-28 09:30"),
        ]  # fmt: skip
        assert "2 月 28 日" in next(iter(texts(played, "birthday")))

    def test_points_are_reminded_of_until_they_are_used(self) -> None:
        has = on("2026-01-06", "customer.updated", attributes={"points": 350, "points_expire_on": "2026-02-01"})
        assert sent(lived(has, until="2026-03-01 00:00"), "points-expiry") == [
            ("week", "01-25 10:00"),
            ("last", "01-31 10:00"),
        ]
        used = lived(has, on("2026-01-26", "points.used", points=300), until="2026-03-01 00:00")
        assert ends(used, "points-expiry") == [("exited", "exit", "已使用")]
        fewer = lived(has, on("2026-01-26", "customer.updated", attributes={"points": 50}), until="2026-03-01 00:00")
        assert ends(fewer, "points-expiry") == [("exited", "while_ended", "while/0/attr/points")]

    def test_a_new_batch_of_points_is_a_new_date(self) -> None:
        batches = [
            on("2026-01-06", "customer.updated", attributes={"points": 350, "points_expire_on": "2026-02-01"}),
            on("2026-02-10", "customer.updated", attributes={"points": 200, "points_expire_on": "2027-02-01"}),
        ]
        assert len(sent(lived(*batches, until="2027-03-01 00:00"), "points-expiry")) == 4


class TestVip:
    def test_gold_and_not_seen_for_180_days_is_work_for_the_manager(self) -> None:
        played = lived(computed("tier", "金卡", at("2026-01-06 03:00")), until="2026-09-01 00:00")
        assert sent(played, "vip-unseen") == [("call", "07-04 09:30"), ("again", "07-18 09:30")]
        tasks = [each.touch for each in played.touches if each.touch.timeline.sop == "vip-unseen"]
        assert {(task.body or {})["staff"] for task in tasks} == {"zhou"}
        assert local_date(at("2026-01-05 11:00"), SHANGHAI) + timedelta(days=180) == local_date(
            at("2026-07-04 00:00"), SHANGHAI
        )

    def test_seen_again_the_second_task_is_not_given(self) -> None:
        gold, seen = computed("tier", "金卡", at("2026-01-06 03:00")), on("2026-07-06", "visit")
        assert sent(lived(gold, seen, until="2026-08-01 00:00"), "vip-unseen") == [("call", "07-04 09:30")]

    def test_others_are_not_the_managers_business(self) -> None:
        assert sent(lived(until="2026-09-01 00:00"), "vip-unseen") == []
