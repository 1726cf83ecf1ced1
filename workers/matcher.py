"""The matcher: takes hints from the stream and has the customers they name matched. `python -m workers.matcher`."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType

import structlog

from engine import logs
from engine.adapters.hint_queue import QueueError, RedisHintQueue
from engine.clocks import wall_now
from engine.processes.collector import spare_the_collector
from engine.settings import Settings
from engine.store import installation
from engine.store.database import DatabaseUnavailable, transaction
from engine.store.reports import progress
from engine.wiring import Wiring

log = structlog.get_logger()

_WAIT = 1.0
"""Seconds to wait for hints, and after a server was away."""
_CATCHING_UP = 0.05
"""Seconds to wait for hints after some had to be written anew: there may be more to find."""


class MatcherLoop:
    """The loop around `Matcher.run_once`."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._stop = threading.Event()
        self._next_beat = 0.0
        self._wait = _WAIT

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End after the round under way."""
        self._stop.set()

    def run(self) -> None:
        """Match until stopped. Servers that are away are waited for."""
        log.info("matcher.started")
        while not self._stop.is_set():
            try:
                self._round()
            except (QueueError, DatabaseUnavailable) as error:
                log.warning("matcher.waiting", error=type(error).__name__)
                self._stop.wait(_WAIT)
        log.info("matcher.stopped")

    def _round(self) -> None:
        """Match what is hinted at; with no hints left, look in PostgreSQL for customers whose hints got lost."""
        if not self._next_beat:
            RedisHintQueue(self._wiring.redis).tidy()
        self._beat()
        hints = self._wiring.hints.take(self._wiring.settings.match_batch, self._wait)
        if not hints:
            self._wait = _CATCHING_UP if self._wiring.reconciler.hint_waiting() else _WAIT
            return
        done = self._wiring.matcher.run_once(hints)
        if any(hint.subject is None for hint in hints):
            for work in self._due():
                self._hand_on(work)
        if done.due:
            self._hand_on("plan")
        if not done.events and done.skipped:
            self._stop.wait(0.01)

    def _due(self) -> list[str]:
        with transaction(self._wiring.engine) as connection:
            return progress.due_work(connection, self._wiring.clock.now())

    def _hand_on(self, work: str) -> None:
        """Have Celery look for work that is due at once; beat's tick would find it too."""
        from workers import tasks

        task = getattr(tasks, work)
        try:
            task.apply_async(expires=max(1.0, self._wiring.settings.plan_interval))
        except task.app.connection_for_write().connection_errors as error:
            log.warning("hint.lost", customers=0, error=type(error).__name__)

    def _beat(self) -> None:
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + 5
            with transaction(self._wiring.engine) as connection:
                installation.beat(connection, "matcher", wall_now())


def main() -> None:
    """Run the matcher until SIGTERM or SIGINT."""
    settings = Settings()
    logs.configure(settings.log_level, "matcher")
    matcher = MatcherLoop(Wiring(settings, "matcher"))
    signal.signal(signal.SIGTERM, matcher.stop)
    signal.signal(signal.SIGINT, matcher.stop)
    spare_the_collector()
    matcher.run()


if __name__ == "__main__":
    main()
