"""The stream of hints on a real server."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import redis

from engine.adapters.hint_queue import GROUP, STREAM, BestEffortHints, QueueError, RedisHintQueue, connect


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    client = connect(redis_url)
    yield client
    client.close()


@pytest.fixture
def queue(client: redis.Redis) -> RedisHintQueue:
    queue = RedisHintQueue(client, "a")
    assert queue.take(1, 0) == []  # makes the group
    return queue


def test_hints_come_out_in_the_order_they_went_in(queue: RedisHintQueue) -> None:
    queue.look_at(["c1", "c2"])
    queue.look_for_due()
    queue.look_at(["c3"], careful=True)
    hints = queue.take(10, 0)
    assert [(hint.subject, hint.careful) for hint in hints] == [
        ("c1", False),
        ("c2", False),
        (None, False),
        ("c3", True),
    ]


def test_hints_written_before_anybody_read_are_not_lost(client: redis.Redis) -> None:
    queue = RedisHintQueue(client)
    queue.look_at(["early"])
    assert queue.take(10, 0) == []
    assert [hint.subject for hint in queue.take(10, 0)] == ["early"]


def test_no_more_than_asked_for_is_taken(queue: RedisHintQueue) -> None:
    queue.look_at([f"c{number}" for number in range(5)])
    assert [len(queue.take(2, 0)) for _ in range(4)] == [2, 2, 1, 0]


def test_a_finished_hint_is_gone(queue: RedisHintQueue, client: redis.Redis) -> None:
    queue.look_at(["c1"])
    queue.done([hint.id for hint in queue.take(10, 0)])
    assert queue.length() == 0
    assert client.xpending(STREAM, GROUP)["pending"] == 0
    queue.done([])


def test_what_a_dead_consumer_left_lying_is_taken_over_with_care(queue: RedisHintQueue, client: redis.Redis) -> None:
    queue.look_at(["c1"])
    queue.take(10, 0)
    patient, heir = RedisHintQueue(client, "b"), RedisHintQueue(client, "c", claim_after_ms=0)
    assert patient.take(10, 0) == []
    assert [(hint.subject, hint.careful) for hint in heir.take(10, 0)] == [("c1", True)]


def test_two_consumers_never_get_the_same_hint(queue: RedisHintQueue, client: redis.Redis) -> None:
    queue.look_at([f"c{number}" for number in range(10)])
    taken = [hint.subject for hint in [*queue.take(5, 0), *RedisHintQueue(client, "b").take(10, 0)]]
    assert sorted(taken) == sorted(f"c{number}" for number in range(10))  # type: ignore[type-var]  # all have a subject


def test_an_emptied_server_is_worked_with_again(queue: RedisHintQueue, client: redis.Redis) -> None:
    client.flushall()
    assert queue.take(10, 0) == []
    queue.look_at(["c1"])
    assert [hint.subject for hint in queue.take(10, 0)] == ["c1"]


def test_waiting_ends_when_a_hint_comes(queue: RedisHintQueue, redis_url: str) -> None:
    assert queue.take(10, 0.01) == []
    other = connect(redis_url)
    RedisHintQueue(other, "b").look_at(["c1"])
    assert [hint.subject for hint in queue.take(10, 1.5)] == ["c1"]
    other.close()


def test_a_server_that_is_away_is_an_error_at_once_and_forgiven_by_intake() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused
        client = connect(f"redis://127.0.0.1:{nobody.getsockname()[1]}/0")
        queue = RedisHintQueue(client)
        with pytest.raises(QueueError):
            queue.look_at(["c1"])
        forgiving = BestEffortHints(queue)
        forgiving.look_at(["c1"])
        forgiving.look_for_due()
        forgiving.done(["1-1"])
        with pytest.raises(QueueError):
            forgiving.take(1, 0)
        client.close()


def test_consumers_long_gone_are_forgotten_those_that_hold_entries_are_not(client: redis.Redis) -> None:
    holding, gone = RedisHintQueue(client, "holding"), RedisHintQueue(client, "gone")
    holding.take(1, 0)  # makes the group
    holding.look_at(["c1"])
    assert [hint.subject for hint in holding.take(1, 0)] == ["c1"]
    gone.take(1, 0)
    now = RedisHintQueue(client, "now", gone_after_ms=-1)
    assert now.tidy() == 1
    assert {each["name"] for each in client.xinfo_consumers("sop:events", "matchers")} == {"holding"}
