"""Sending on real servers: what a channel answers, and what becomes of the touch."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.core.stored_sentence import unpacked
from engine.core.timelines.touch import MAX_TRIES, retry_after
from engine.ports import Receipt
from engine.store.state import concurrency
from tests.support.interleaving import Stop, in_background
from tests.support.pipeline import AT_ONCE, Pipeline

UNKEYED = AT_ONCE.replace("channel: log", "channel: second")


@pytest.fixture
def one(pipeline: Pipeline) -> Pipeline:
    """One touch on `log` is ready."""
    return ready(pipeline, AT_ONCE, "c1")


def ready(pipeline: Pipeline, sop: str, *subjects: str) -> Pipeline:
    pipeline.apply(sop)
    pipeline.tag(*subjects, tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()
    return pipeline


@pytest.mark.parametrize(
    ("receipt", "status", "reason"),
    [
        (Receipt("sent", "200", provider_id="p-1"), "sent", None),
        (Receipt("failed", "400"), "failed", "refused_by_provider"),
        (Receipt("unknown", "timeout"), "unknown", "outcome_unknown"),
        (Receipt("handed"), "handed", None),
        (Receipt("retry", "503"), "queued", "retry"),
    ],
)
def test_what_the_channel_says_becomes_the_touchs_state(
    one: Pipeline, receipt: Receipt, status: str, reason: str | None
) -> None:
    one.log.answers = [receipt]
    one.send()
    touch = one.touch("hi")
    assert (touch.status, touch.reason, touch.provider_id, touch.lease_until) == (
        status,
        reason,
        receipt.provider_id,
        None,
    )
    (attempt,) = one.rows("select * from attempts")
    assert (attempt.attempt, attempt.claim_no, attempt.outcome) == (1, 1, receipt.outcome)


def test_a_retry_waits_longer_each_time_and_fails_after_the_last(one: Pipeline) -> None:
    one.log.answers = [Receipt("retry", "503")] * MAX_TRIES
    for attempt in range(1, MAX_TRIES):
        one.send()
        touch = one.touch("hi")
        assert (touch.status, touch.attempt) == ("queued", attempt)
        assert touch.ready_at == one.clock.at + retry_after(touch.key, attempt)
        one.clock.at = touch.ready_at - timedelta(microseconds=1)
        assert one.send().claimed == 0
        one.clock.at = touch.ready_at
    one.send()
    assert one.told() == [("hi", "failed", "too_many_tries")]
    assert len({each.key for each in one.log.delivered}) == 1


def test_the_time_a_provider_asks_for_is_waited(one: Pipeline) -> None:
    one.log.answers = [Receipt("retry", "429", retry_after=600)]
    one.send()
    assert timedelta(seconds=600) <= one.touch("hi").ready_at - one.clock.at <= timedelta(seconds=750)


def test_a_retry_that_would_come_after_the_touchs_time_expires(one: Pipeline) -> None:
    one.log.answers = [Receipt("retry", "429", retry_after=2 * 86400)]
    one.send()
    one.wait(days=4)
    one.send()
    assert one.told() == [("hi", "expired", "expired")]


@pytest.mark.parametrize(
    ("sop", "channel", "told"),
    [(AT_ONCE, "log", ("queued", "retry")), (UNKEYED, "second", ("unknown", "outcome_unknown"))],
)
def test_a_channel_that_raises_leaves_the_outcome_open(
    pipeline: Pipeline, sop: str, channel: str, told: tuple[str, str]
) -> None:
    def breaks() -> None:
        raise RuntimeError("broken adapter")

    ready(pipeline, sop, "c1")
    pipeline.channels[channel].during = breaks
    pipeline.send(channel)
    touch = pipeline.touch("hi")
    assert (touch.status, touch.reason) == told
    assert unpacked(touch.detail) == "the channel raised RuntimeError"


def test_a_channel_that_answers_for_too_few_is_not_believed(pipeline: Pipeline) -> None:
    ready(pipeline, AT_ONCE, "c1", "c2")
    pipeline.log.send = lambda deliveries: [Receipt("sent")]  # type: ignore[method-assign]  # breaks its promise
    pipeline.send()
    assert [each.status for each in pipeline.touches()] == ["unknown", "unknown"]


def test_each_delivery_gets_its_own_answer(pipeline: Pipeline) -> None:
    ready(pipeline, AT_ONCE, "c1", "c2", "c3")
    pipeline.log.answers = [Receipt("sent"), Receipt("failed"), Receipt("sent")]
    assert pipeline.send().recorded == 3
    assert [(each.ref, each.status) for each in pipeline.touches()] == [
        ("c1", "sent"),
        ("c2", "failed"),
        ("c3", "sent"),
    ]


def test_no_call_carries_more_than_the_channel_takes(pipeline: Pipeline) -> None:
    ready(pipeline, AT_ONCE, "c1", "c2", "c3", "c4", "c5")
    pipeline.log.batch_size = 2
    sizes: list[int] = []
    before = 0

    def measure() -> None:
        nonlocal before
        sizes.append(len(pipeline.log.delivered) - before)
        before = len(pipeline.log.delivered)

    pipeline.log.during = measure
    pipeline.send()
    assert sizes == [2, 2, 1]


def test_two_senders_never_share_a_touch(pipeline: Pipeline) -> None:
    ready(pipeline, AT_ONCE, *(f"c{number}" for number in range(10)))
    pipeline.log.batch_size = 5
    stop, calls = Stop(), []

    def first_stops() -> None:
        calls.append(1)
        if len(calls) == 1:
            stop()

    pipeline.log.during = first_stops
    with in_background(pipeline.send) as first:
        stop.await_reached()
        second = pipeline.another().wiring.sender.run("log")
        stop.go()
        assert (first.result().recorded, second.recorded) == (5, 5)
    assert len({each.key for each in pipeline.log.delivered}) == len(pipeline.log.delivered) == 10


def test_a_channel_is_called_by_no_more_senders_at_once_than_it_allows(pipeline: Pipeline) -> None:
    ready(pipeline, AT_ONCE, "c1", "c2")
    pipeline.log.batch_size = pipeline.log.concurrency = 1
    pipeline.log.during = stop = Stop()
    with in_background(pipeline.send) as first:
        stop.await_reached()
        assert pipeline.another().wiring.sender.run("log").claimed == 0
        stop.go()
        assert first.result().recorded == 2


def test_places_are_counted_over_all_processes_and_free_again_after_use(pipeline: Pipeline) -> None:
    other = pipeline.another().wiring.engine
    with (
        concurrency.limit(pipeline.engine, "x", 2) as first,
        concurrency.limit(other, "x", 2) as second,
        concurrency.limit(other, "x", 2) as third,
        concurrency.limit(other, "y", 1) as elsewhere,
    ):
        assert (first, second, third, elsewhere) == (True, True, False, True)
    with concurrency.limit(other, "x", 1) as again:
        assert again


def test_a_dead_holders_place_is_free(pipeline: Pipeline) -> None:
    dead = pipeline.another("dead").wiring.engine
    with dead.connect() as connection, concurrency.limit(dead, "x", 1):
        pid = connection.exec_driver_sql("select pid from pg_locks where locktype = 'advisory'").scalar()
        pipeline.rows("select pg_terminate_backend(:pid, 5000)", pid=pid)
        with concurrency.limit(pipeline.engine, "x", 1) as free:
            assert free


def test_only_channels_with_something_ready_are_looked_at(pipeline: Pipeline) -> None:
    ready(pipeline, UNKEYED, "c1")
    assert pipeline.wiring.sender.ready() == ["second"]
    pipeline.send("second")
    assert pipeline.wiring.sender.ready() == []


def test_a_channel_nobody_defined_sends_nothing(pipeline: Pipeline) -> None:
    pipeline.apply(AT_ONCE)
    assert pipeline.send("pigeon").claimed == 0
