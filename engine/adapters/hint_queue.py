"""The Redis stream of hints: whom to look at. Losing it all loses nothing; the reconciler writes it anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import Any

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from engine.ports import Hint, HintQueue

log = structlog.get_logger()

STREAM, GROUP = "sop:events", "matchers"
_CLAIM_AFTER_MS = 15_000
"""An entry that its consumer has not finished for so long is taken over."""

_GONE_AFTER_MS = 3_600_000

QueueError = redis.RedisError
"""What every call may raise while the server is away."""


def connect(url: str, *, timeout: float = 2.0) -> redis.Redis:
    """Return a client with bounded waits and no silent repeats (a repeated XADD is a second entry)."""
    never_again = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=never_again, decode_responses=True
    )


class RedisHintQueue:
    """The stream `sop:events`, read by the consumer group `matchers`."""

    def __init__(
        self,
        client: redis.Redis,
        consumer: str = "one",
        *,
        claim_after_ms: int = _CLAIM_AFTER_MS,
        gone_after_ms: int = _GONE_AFTER_MS,
    ) -> None:
        self._client = client
        self._consumer = consumer
        self._claim_after = claim_after_ms
        self._gone_after = gone_after_ms

    def look_at(self, subjects: Sequence[str], *, careful: bool = False) -> None:
        """Add one entry per subject; `careful` asks that it be matched on its own."""
        if not subjects:
            return
        pipeline = self._client.pipeline(transaction=False)
        for subject in subjects:
            pipeline.xadd(STREAM, {"s": subject, "c": "1"} if careful else {"s": subject})
        pipeline.execute()

    def look_for_due(self) -> None:
        """Add an entry without a subject: due work may wait."""
        self._client.xadd(STREAM, {"due": "1"})

    def take(self, limit: int, wait: float) -> list[Hint]:
        """Return up to `limit` entries: first those another consumer left lying, then new ones."""
        try:
            return self._abandoned(limit) or self._fresh(limit, wait)
        except redis.ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._make_group()
            return []

    def done(self, ids: Sequence[str]) -> None:
        """Acknowledge and delete these entries."""
        if ids:
            pipeline = self._client.pipeline(transaction=False)
            pipeline.xack(STREAM, GROUP, *ids)
            pipeline.xdel(STREAM, *ids)
            pipeline.execute()

    def tidy(self) -> int:
        """Remove consumers that hold nothing and were not seen for an hour: processes long gone. Return how many."""
        try:
            known: Any = self._client.xinfo_consumers(STREAM, GROUP)
        except redis.ResponseError:
            return 0  # no stream yet
        gone = [each["name"] for each in known if each["pending"] == 0 and each["idle"] > self._gone_after]
        for name in gone:
            self._client.xgroup_delconsumer(STREAM, GROUP, name)
        return len(gone)

    def length(self) -> int:
        """Return how many entries the stream holds."""
        return self._client.xlen(STREAM)

    def _make_group(self) -> None:
        try:
            self._client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _abandoned(self, limit: int) -> list[Hint]:
        answer: Any = self._client.xautoclaim(
            STREAM, GROUP, self._consumer, min_idle_time=self._claim_after, count=limit
        )
        return [_hint(entry, again=True) for entry in answer[1] if entry[1]]

    def _fresh(self, limit: int, wait: float) -> list[Hint]:
        block = max(1, int(wait * 1000)) if wait > 0 else None
        answer: Any = self._client.xreadgroup(GROUP, self._consumer, {STREAM: ">"}, count=limit, block=block)
        return [_hint(entry) for entry in _entries(answer)]


def _entries(answer: Any) -> list[Any]:
    """Return the entries of an XREADGROUP answer: pairs of stream and entries, or (RESP3) a mapping of them."""
    if not answer:
        return []
    entries = next(iter(answer.values())) if isinstance(answer, dict) else answer[0][1]
    nested = (
        bool(entries) and isinstance(entries[0], list) and bool(entries[0]) and isinstance(entries[0][0], (list, tuple))
    )
    return list(entries[0]) if nested else list(entries)


def _hint(entry: Any, *, again: bool = False) -> Hint:
    entry_id, fields = entry
    return Hint(entry_id, fields.get("s"), careful=again or fields.get("c") == "1")


class BestEffortHints:
    """Hints that may get lost: what cannot be written is logged and left to the reconciler.

    Parameters:
        patience: seconds a caller waits for the queue, which is then asked by a thread of its own; None: as long as it takes.
        pause: seconds in which no hint is tried after one was lost.
    """

    def __init__(self, queue: HintQueue, patience: float | None = None, pause: float = 0.0) -> None:
        self._queue, self._patience, self._pause = queue, patience, pause
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hints")
        self._stuck: Future[None] | None = None
        self._not_before = 0.0

    def look_at(self, subjects: Sequence[str], *, careful: bool = False) -> None:
        """Ask that these customers be looked at soon, if the queue answers."""
        self._ask(partial(self._queue.look_at, subjects, careful=careful), len(subjects))

    def look_for_due(self) -> None:
        """Ask that due work be looked for now, if the queue answers."""
        self._ask(self._queue.look_for_due, 0)

    def _ask(self, hint: Callable[[], None], customers: int) -> None:
        """Give a hint, or lose it."""
        if monotonic() < self._not_before:
            return
        if self._patience is not None:
            self._ask_within(self._patience, hint, customers)
            return
        try:
            hint()
        except QueueError as error:
            self._lost(customers, type(error).__name__)

    def _ask_within(self, patience: float, hint: Callable[[], None], customers: int) -> None:
        """Give a hint by the thread; a queue that hangs keeps it, and no further hint is tried until it lets go."""
        if self._stuck and not self._stuck.done():
            self._lost(customers, "the queue has not answered yet")
            return
        asking = self._thread.submit(hint)
        try:
            asking.result(timeout=patience)
        except Exception as error:  # whatever the queue's failure is, what the hint is about is committed
            self._stuck = asking
            self._lost(customers, type(error).__name__)

    def _lost(self, customers: int, error: str) -> None:
        self._not_before = monotonic() + self._pause
        pause = {"pause_seconds": self._pause} if self._pause else {}
        log.warning("hint.lost", customers=customers, error=error, **pause)

    def take(self, limit: int, wait: float) -> list[Hint]:
        """Return waiting hints; raises what the queue raises."""
        return self._queue.take(limit, wait)

    def done(self, ids: Sequence[str]) -> None:
        """Forget these entries, or let them come again."""
        try:
            self._queue.done(ids)
        except QueueError as error:
            log.warning("hint.kept", hints=len(ids), error=type(error).__name__)

    def length(self) -> int:
        """Return how many entries wait; raises what the queue raises."""
        return self._queue.length()
