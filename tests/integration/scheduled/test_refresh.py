"""Refreshing: numbers from purchases and activities, customers up and down the tiers, each slot done once whatever happens."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.core.definitions import EngineConfig, SegmentsConfig
from engine.services.scheduled.refresh_segments import SegmentRefresher
from engine.store.scheduled import segment_moves
from tests.support.interleaving import eventually
from tests.support.pipeline import START, Pipeline
from tests.support.refreshing import GOLD, SEGMENTS, buy, next_night, numbers_of, put_in_force, refresh, value_of


def test_a_tier_goes_up_and_down_and_starts_an_sop(pipeline: Pipeline) -> None:
    put_in_force(pipeline, GOLD)
    refresh(pipeline)
    buy(pipeline, "c1", 21000, "A1")
    buy(pipeline, "c2", 100, "B1")

    next_night(pipeline)
    assert refresh(pipeline).moves == 2
    assert (value_of(pipeline, "c1"), value_of(pipeline, "c2")) == ("金卡", "普通")
    assert [(each.ref, each.state) for each in pipeline.timelines()] == [("c1", "active")]

    pipeline.clock.at += timedelta(hours=7)
    pipeline.work()
    assert [each.body["text"] for each in pipeline.log.delivered] == ["您已消费 21000 元"]

    next_night(pipeline, 730)
    assert refresh(pipeline).moves == 1
    assert value_of(pipeline, "c1") == "普通"
    assert pipeline.timeline().state == "exited"
    history = pipeline.rows(
        "select value_before, value_after from dimension_history where dimension = 'tier' order by at, customer_id"
    )
    assert [tuple(each) for each in history] == [(None, "金卡"), (None, "普通"), ("金卡", "普通")]


def test_only_changed_customers_make_events_and_rows(pipeline: Pipeline) -> None:
    put_in_force(pipeline)
    for number in range(5):
        buy(pipeline, f"c{number}", 6000, f"o{number}")
    assert refresh(pipeline).moves == 5

    buy(pipeline, "c3", 20000, "more")
    next_night(pipeline)
    done = refresh(pipeline)
    assert done.moves == 1 and value_of(pipeline, "c3") == "金卡"
    assert done.numbers >= 1
    assert refresh(pipeline).moves == 0, "the slot is taken"
    assert len(pipeline.rows("select from events where type = 'stage.changed'")) == 6


def test_a_new_dimension_tells_where_everybody_stands_and_starts_nothing(pipeline: Pipeline) -> None:
    """Whoever is gold already did not just become so."""
    put_in_force(pipeline, segments="metrics: {}")
    buy(pipeline, "old", 30000, "A1")
    put_in_force(pipeline, GOLD)
    assert refresh(pipeline).moves == 1
    assert value_of(pipeline, "old") == "金卡"
    assert pipeline.timelines() == []

    buy(pipeline, "new", 30000, "B1")
    next_night(pipeline)
    refresh(pipeline)
    assert [each.ref for each in pipeline.timelines()] == ["new"]


def test_the_crm_cannot_set_what_is_computed(pipeline: Pipeline) -> None:
    put_in_force(pipeline)
    row = pipeline.post("c1", "stage.changed", dimension="tier", value="金卡")
    pipeline.match_all()
    assert value_of(pipeline, "c1") is None
    assert pipeline.event(row).outcome["reason"] == "unknown_value"
    assert "computed by segments.yaml" in pipeline.event(row).outcome["dropped"][0]


def test_missed_slots_are_caught_up_once(pipeline: Pipeline) -> None:
    """After a week away only the newest slot is taken, and it bears its own time."""
    put_in_force(pipeline)
    refresh(pipeline)
    buy(pipeline, "c1", 6000, "A1")
    next_night(pipeline, 7)
    refresh(pipeline)
    (event,) = pipeline.rows("select time, event_id from events where type = 'stage.changed'")
    assert event.time == pipeline.clock.at - timedelta(minutes=1)
    assert event.event_id == f"dimension:tier:{event.time.isoformat()}:c1"


def test_a_new_number_is_computed_at_once(pipeline: Pipeline) -> None:
    put_in_force(pipeline)
    buy(pipeline, "c1", 6000, "A1")
    refresh(pipeline)
    assert "spend_1y" not in numbers_of(pipeline, "c1")
    put_in_force(pipeline, segments=SEGMENTS.replace("metrics:", "metrics:\n  spend_1y: {spend: 365d}"))
    refresh(pipeline)
    assert numbers_of(pipeline, "c1")["spend_1y"] == 6000


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_windows_are_counted_in_hours_before_the_slot(pipeline: Pipeline) -> None:
    """30 days are 30 × 24 hours before 03:00: what happened at that very moment is out, a second later is in."""
    put_in_force(pipeline)
    refresh(pipeline)
    next_night(pipeline, 31)
    slot = pipeline.clock.at - timedelta(minutes=1)
    pipeline.post("c1", "message.received", at=slot - timedelta(days=30), text="out")
    pipeline.post("c1", "message.received", at=slot - timedelta(days=30, seconds=-1), text="in")
    pipeline.post("c1", "message.received", at=slot, text="in")
    pipeline.post("c1", "message.received", at=slot + timedelta(seconds=1), text="after the slot")
    pipeline.match_all()
    refresh(pipeline)
    assert numbers_of(pipeline, "c1")["chats_30d"] == 2


def story(at: datetime) -> list[tuple[str, dict[str, Any]]]:
    """Purchases corrected and refunded: what counts is what is said last, by time."""
    return [
        ("purchase", {"at": at, "order": "A", "amount": 100}),
        ("purchase", {"at": at + timedelta(hours=1), "order": "A", "amount": 80.5}),
        ("purchase.refunded", {"at": at + timedelta(hours=2), "order": "A", "amount": 20}),
        ("purchase.refunded", {"at": at + timedelta(hours=3), "order": "A", "amount": 30}),
        ("purchase", {"at": at, "order": "B", "amount": 50}),
        ("purchase.refunded", {"at": at + timedelta(hours=1), "order": "B", "amount": 50}),
        ("purchase.refunded", {"at": at, "order": "never bought", "amount": 999}),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_orders_come_out_the_same_in_any_order(pipeline: Pipeline, seed: int) -> None:
    """Corrected by order, refunded by order, one batch or many, a refund before its purchase."""
    put_in_force(pipeline)
    events = story(START - timedelta(days=2))
    random.Random(seed).shuffle(events)
    for number, (kind, data) in enumerate(events):
        pipeline.post("c1", kind, **data)
        if seed % 2 or number == 3:
            pipeline.match_all()
    pipeline.match_all()
    refresh(pipeline)
    numbers = numbers_of(pipeline, "c1")
    assert (numbers["spend_2y"], numbers["orders_ever"]) == (50.5, 1)


def test_a_customer_of_whom_nothing_is_known_has_zeros_and_no_scores(pipeline: Pipeline) -> None:
    sop = """
sop: quiet
title: 未消费
trigger: [{tag_added: vip}]
when: [{metric: {spend_2y: 0, orders_ever: 0, chats_30d: {lt: 1}}}, {not: {segment: 健谈}}]
defaults: {at: "10:00", channel: log}
steps: [{id: d1, day: 1, message: {text: 您好}}]
"""
    scored = sop.replace("quiet", "scored").replace("spend_2y: 0", "rfm.r: {gte: 1}")
    since = sop.replace("quiet", "since").replace("spend_2y: 0", "last_buy: {gte: 1}")
    put_in_force(pipeline, sop, scored, since)
    refresh(pipeline)
    row = pipeline.post("c1", "tag.added", tag="vip")
    pipeline.match_all()
    assert [each.sop for each in pipeline.timelines()] == ["quiet"]
    refused = {each["sop"]: (each["reason"], each["detail"]) for each in pipeline.event(row).outcome["refused"]}
    assert refused == {"scored": ("unknown", "metrics.rfm.r"), "since": ("unknown", "metrics.last_buy")}


# ── crashes and company ──────────────────────────────────────────────────────────────────────────────────────


class Killed(Exception):
    """The process is gone."""


def dying_after(batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process die within a later batch, after its events are inserted and before they are committed."""
    insert, numbers = segment_moves.insert_moves, itertools.count(1)

    def dying(*args: Any, **more: Any) -> list[str]:
        subjects = insert(*args, **more)
        if next(numbers) > batches:
            raise Killed
        return subjects

    monkeypatch.setattr(segment_moves, "insert_moves", dying)


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_a_slot_goes_on_where_a_crash_left_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    put_in_force(pipeline)
    refresh(pipeline)
    pipeline.run("insert into customers (ref) select 'm' || n from generate_series(1, 50) n")
    next_night(pipeline)
    refreshing = SegmentRefresher(pipeline.wiring.runtime, batch=10)
    with monkeypatch.context() as patched:
        dying_after(batches, patched)
        with pytest.raises(Killed):
            refreshing.run()
    begun = len(pipeline.rows("select from events"))
    assert begun == batches * 10

    pipeline.wait(minutes=5)
    assert refreshing.run().moves == 50 - begun
    pipeline.match_all()
    found = pipeline.rows(
        "select ref, (select count(*) from events e where e.subject = c.ref) as events from customers c"
    )
    assert {each.events for each in found} == {1}
    assert len(pipeline.rows("select from dimension_history where value_after = '普通'")) == 50


def test_many_workers_take_a_slot_once(pipeline: Pipeline) -> None:
    """Batch by batch in turn, on connections of their own."""
    put_in_force(pipeline)
    refresh(pipeline)
    pipeline.run("insert into customers (ref) select 'm' || n from generate_series(1, 60) n")
    next_night(pipeline)
    others = [pipeline, pipeline.another("two"), pipeline.another("three")]
    workers = [SegmentRefresher(each.wiring.runtime, batch=10) for each in others]
    workers[0].run(seconds=0)
    moves = [worker.run_once("tier") for _ in range(4) for worker in workers]
    assert sum(each or 0 for each in moves) == 60
    assert len(pipeline.rows("select from events")) == 60


def test_a_slot_held_elsewhere_is_left_alone(pipeline: Pipeline) -> None:
    put_in_force(pipeline)
    refresh(pipeline)
    pipeline.run("insert into customers (ref) values ('c1')")
    next_night(pipeline)
    with pipeline.engine.begin() as other:
        other.exec_driver_sql("select from crons where name = 'dimension:tier' for update")
        assert pipeline.wiring.segment_refresher.run_once("tier") is None
    assert pipeline.wiring.segment_refresher.run_once("tier") == 1


def test_killed_again_and_again_no_move_is_lost_and_none_comes_twice(
    pipeline: Pipeline, database_url: str, redis_url: str
) -> None:
    """A real process refreshes and matches; it is killed with -9 wherever it happens to be."""
    number = 1_500
    put_in_force(pipeline, GOLD)
    refresh(pipeline)
    pipeline.run("insert into customers (ref) select 'k' || n from generate_series(1, :n) n", n=number)
    pipeline.run(
        """insert into purchases (customer_id, order_id, at, amount, written_at)
           select id, 'A', :at, 30000, :at from customers where id % 2 = 0""",
        at=pipeline.clock.at,
    )
    next_night(pipeline)
    command = [
        sys.executable,
        "-m",
        "tests.support.refreshing",
        database_url,
        redis_url,
        pipeline.clock.at.isoformat(),
    ]

    def matched() -> int:
        return int(
            pipeline.rows("select count(*) as n from events where type = 'stage.changed' and matched_at is not null")[
                0
            ].n
        )

    for kill in range(1, 5):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=os.getcwd())
        wanted = number if kill == 4 else matched() + 150 + 37 * kill
        try:
            eventually(lambda wanted=wanted: matched() >= wanted, f"{wanted} moves are matched")  # type: ignore[misc]  # the default binds the loop's value
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    values = pipeline.rows(
        "select value, count(*) as n from customer_dimensions where dimension = 'tier' group by 1 order by 1"
    )
    assert {row.value: row.n for row in values} == {"普通": number // 2, "金卡": number // 2}
    assert len(pipeline.rows("select from events where type = 'stage.changed'")) == number
    assert len(pipeline.rows("select from dimension_history")) == number
    assert len(pipeline.timelines()) == len({each.customer_id for each in pipeline.timelines()}) == number // 2


# ── preview ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_preview_shows_sizes_and_moves_and_writes_nothing(pipeline: Pipeline) -> None:
    put_in_force(pipeline)
    for number, amount in enumerate([100, 6000, 7000, 30000]):
        buy(pipeline, f"c{number}", amount, f"o{number}")
    refresh(pipeline)
    before = pipeline.rows("select count(*) from events")
    cheaper = SegmentsConfig.model_validate(
        {
            "metrics": {"spent": {"spend": "ever"}},
            "segments": {"大额": [{"metric": {"spent": {"gte": 6500}}}]},
            "dimensions": {
                "tier": {
                    "values": [{"value": "金卡", "when": [{"metric": {"spent": {"gte": 6500}}}]}, {"value": "普通"}]
                }
            },
        }
    )
    found = pipeline.wiring.segment_previewer.preview(EngineConfig(), cheaper)
    assert found.segments == {"大额": 2}
    assert found.dimensions["tier"].sizes == {"金卡": 2, "普通": 2}
    moves = {(each.before, each.after, each.customers) for each in found.dimensions["tier"].moves}
    assert moves == {("银卡", "金卡", 1), ("银卡", "普通", 1)}
    assert pipeline.rows("select count(*) from events") == before
    assert "spent" not in numbers_of(pipeline, "c3")
