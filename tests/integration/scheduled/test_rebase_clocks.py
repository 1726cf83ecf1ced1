"""Clocks follow their definitions: new thresholds concern those who pass them from then on, in the background, batch by batch."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.services.scheduled.rebase_clocks import ClockRebaser
from tests.support.interleaving import Killed, Stop, await_blocked, die, in_background
from tests.support.pipeline import ENGINE, LEAD, START, Pipeline, Process
from tests.support.silent_customers import CLOCKS, WAKE, silent_since_the_start

EARLIER = WAKE.replace("days: 30", "days: 20")
LOWER = CLOCKS.replace("沉默期: 64", "沉默期: 40")


def rethresholding(process: Process, batch: int = 1_000) -> ClockRebaser:
    wiring = process.wiring
    return ClockRebaser(wiring.runtime, batch)


def bring_in_line(pipeline: Pipeline) -> int:
    return rethresholding(pipeline).run().customers


def next_days(pipeline: Pipeline, clock: str = "any") -> list[tuple[int, int | None]]:
    """Return level and next threshold of every customer's clock."""
    found = pipeline.rows(
        "select level, next_days from customer_clocks where clock = :clock order by customer_id", clock=clock
    )
    return [(row.level, row.next_days) for row in found]


def sweep(pipeline: Pipeline) -> int:
    found = pipeline.wiring.silence_sweeper.run().crossings
    pipeline.work()
    return found


def buy(pipeline: Pipeline, subject: str) -> None:
    pipeline.post(subject, "purchase", order=f"SO-{subject}-{pipeline.clock.at.isoformat()}", amount=1)
    pipeline.work()


def test_those_already_past_a_new_threshold_start_nothing_and_the_others_do_when_they_pass_it(
    pipeline: Pipeline,
) -> None:
    pipeline.apply(LEAD, engine=CLOCKS)
    buy(pipeline, "early")
    pipeline.wait_until(10)
    buy(pipeline, "late")
    pipeline.wait_until(30)
    assert pipeline.apply(EARLIER.replace("20", "25"), engine=CLOCKS).clocks_differ
    assert bring_in_line(pipeline) == 2
    assert next_days(pipeline) == [(25, None), (0, 25)]
    pipeline.wait_until(40)
    sweep(pipeline)
    assert [each.ref for each in pipeline.timelines()] == ["late"]


def test_a_new_threshold_is_right_even_before_the_clocks_are_set_anew(pipeline: Pipeline) -> None:
    """Matching aims a clock by the new definitions meanwhile; a threshold that was past makes no event then either."""
    pipeline.apply(WAKE, engine=CLOCKS)
    buy(pipeline, "c1")
    pipeline.wait_until(25)
    pipeline.apply(EARLIER, engine=CLOCKS)
    pipeline.post("c1", "customer.updated", timezone="Europe/Berlin")
    pipeline.work()
    assert (next_days(pipeline), sweep(pipeline)) == ([(20, None)], 0)


def test_a_crossing_that_was_due_before_the_change_still_happens(pipeline: Pipeline) -> None:
    pipeline.apply(WAKE, engine=CLOCKS)
    buy(pipeline, "c1")
    pipeline.wait_until(31)  # nobody has swept since day 30
    pipeline.apply(WAKE, EARLIER.replace("wake", "sooner"), engine=CLOCKS)
    bring_in_line(pipeline)
    sweep(pipeline)
    assert [each.sop for each in pipeline.timelines()] == ["wake"]


def test_the_lifecycle_is_set_right_quietly(pipeline: Pipeline) -> None:
    started_by_it = WAKE.replace("silent: {clock: any, days: 30}", "entered: {lifecycle: 沉默期}")
    pipeline.apply(started_by_it, engine=CLOCKS)
    buy(pipeline, "c1")
    pipeline.wait_until(50)
    pipeline.apply(started_by_it, engine=LOWER)
    bring_in_line(pipeline)
    (_, last) = pipeline.rows("select value_before, value_after, at, why from dimension_history order by id")
    assert tuple(last) == ("活跃期", "沉默期", START + timedelta(days=50), "definitions changed")
    (fact,) = pipeline.rows("select value, since from customer_dimensions")
    assert (fact.value, fact.since - START) == ("沉默期", timedelta(days=40, hours=-10))
    assert (sweep(pipeline), pipeline.timelines()) == (0, [])


def test_clocks_defined_for_the_first_time_are_filled_from_what_customers_have_done(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.post("c1", "tag.added", tag="x")
    buy(pipeline, "c2")
    pipeline.wait_until(3)
    pipeline.post("c2", "visit")
    pipeline.work()
    pipeline.wait_until(70)
    pipeline.apply(WAKE, engine=CLOCKS)
    bring_in_line(pipeline)
    found = pipeline.rows(
        """select c.ref, k.clock, k.active, k.last_at, k.level from customer_clocks k join customers c on c.id = k.customer_id
           order by 1, 2"""
    )
    assert [tuple(row) for row in found] == [
        ("c1", "any", False, START, 30),
        ("c2", "any", True, START + timedelta(days=3), 30),
        ("c2", "purchase", True, START, 64),
    ]
    assert [row.value for row in pipeline.rows("select value from customer_dimensions")] == ["沉默期"]
    assert (sweep(pipeline), pipeline.timelines()) == (0, [])


def test_a_clock_no_longer_defined_is_forgotten(pipeline: Pipeline) -> None:
    pipeline.apply(WAKE, engine=CLOCKS)
    buy(pipeline, "c1")
    pipeline.apply(LEAD, engine=ENGINE)
    bring_in_line(pipeline)
    assert pipeline.rows("select 1 from customer_clocks") == []


def test_another_zone_of_the_engine_moves_the_midnights_of_those_without_their_own(pipeline: Pipeline) -> None:
    pipeline.apply(WAKE, engine=CLOCKS)
    buy(pipeline, "c1")
    pipeline.post("c2", "customer.updated", timezone="Asia/Tokyo")
    buy(pipeline, "c2")
    statement = "select next_at from customer_clocks where clock = 'any' order by customer_id"
    before = [row.next_at for row in pipeline.rows(statement)]
    pipeline.apply(WAKE, engine=CLOCKS.replace("Asia/Shanghai", "Asia/Tokyo"))
    bring_in_line(pipeline)
    assert [row.next_at - was for row, was in zip(pipeline.rows(statement), before, strict=True)] == [
        -timedelta(hours=1),
        timedelta(),
    ]


def test_a_change_that_concerns_no_clock_sets_none_anew(pipeline: Pipeline) -> None:
    pipeline.apply(WAKE, engine=CLOCKS)
    silent_since_the_start(pipeline, 2)
    assert bring_in_line(pipeline) == 2
    assert not pipeline.apply(WAKE, LEAD, engine=CLOCKS).clocks_differ
    assert bring_in_line(pipeline) == 0


def test_it_goes_in_batches_and_says_how_far_it_has_come(pipeline: Pipeline) -> None:
    pipeline.apply(WAKE, engine=CLOCKS)
    silent_since_the_start(pipeline, 25)
    pipeline.apply(EARLIER, engine=CLOCKS)
    told: list[tuple[int, int]] = []
    done = rethresholding(pipeline, batch=10).run(progress=lambda *how_far: told.append(how_far))
    assert (done.customers, done.finished, told[:3]) == (25, True, [(10, 25), (20, 25), (25, 25)])
    assert set(next_days(pipeline)) == {(0, 20)}


def test_it_is_taken_up_where_it_was_left(pipeline: Pipeline) -> None:
    pipeline.apply(WAKE, engine=CLOCKS)
    silent_since_the_start(pipeline, 25)
    pipeline.apply(EARLIER, engine=CLOCKS)
    first = rethresholding(pipeline, batch=10).run(seconds=0)
    pipeline.definitions.before = die
    with pytest.raises(Killed):
        rethresholding(pipeline, batch=10).run()
    second = rethresholding(pipeline.another(), batch=10).run()
    assert (first.customers, first.finished, second.customers, second.finished) == (10, False, 15, True)
    assert set(next_days(pipeline)) == {(0, 20)}


def test_a_second_change_meanwhile_begins_anew(pipeline: Pipeline) -> None:
    """Seen failing with: `advance` not asking where it stood before (the first ten keep the thresholds of the change before)."""
    pipeline.apply(WAKE, engine=CLOCKS)
    silent_since_the_start(pipeline, 25)
    pipeline.apply(EARLIER, engine=CLOCKS)
    rethresholding(pipeline, batch=10).run(seconds=0)
    slow, stop = pipeline.another(), Stop()
    slow.definitions.before = stop
    with in_background(lambda: rethresholding(slow, batch=10).run()) as under_way:
        stop.await_reached()
        with in_background(lambda: pipeline.apply(EARLIER.replace("20", "15"), engine=CLOCKS)) as applied:
            applied.result()
            slow.definitions.before = lambda connection: None
            stop.go()
        under_way.result()
    assert bring_in_line(pipeline) == 0
    assert set(next_days(pipeline)) == {(0, 15)}


def test_one_process_does_it_at_a_time(pipeline: Pipeline) -> None:
    pipeline.apply(WAKE, engine=CLOCKS)
    silent_since_the_start(pipeline, 5)
    slow, stop = pipeline.another(), Stop()
    slow.definitions.before = stop
    with in_background(lambda: rethresholding(slow).run()) as under_way:
        stop.await_reached()
        other = rethresholding(pipeline).run()
        stop.go()
        assert (other.customers, other.finished, under_way.result().customers) == (0, False, 5)


def test_it_is_done_under_the_customers_lock(pipeline: Pipeline) -> None:
    """Seen failing with: `lock_by_id` left out (what the matcher decided meanwhile is overwritten)."""
    pipeline.apply(WAKE, engine=CLOCKS)
    silent_since_the_start(pipeline, 1)
    pipeline.wait_until(5)
    matcher, stop = pipeline.another(), Stop()
    pipeline.post("s000001", "visit")
    matcher.definitions.before = stop
    with in_background(matcher.match):
        stop.await_reached()
        with in_background(lambda: bring_in_line(pipeline)) as anew:
            await_blocked(pipeline.engine)
            stop.go()
            assert anew.result() == 1
    (clock,) = pipeline.rows("select last_at from customer_clocks where clock = 'any'")
    assert clock.last_at - START == timedelta(days=5)
