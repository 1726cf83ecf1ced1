"""The stepped clock's driver: posts what the CRM reports, and moves time on once everything due is done."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import httpx2
import orjson

from engine.clocks import SteppedClock
from engine.core.errors import InstallationError
from engine.core.sentence import Sentence
from engine.demo.feed import Post
from engine.store.database import transaction
from engine.store.reports import progress
from engine.wiring import Wiring

_PATIENCE = 30.0
"""Real seconds within which everything due at one moment must be done."""


@dataclass(slots=True)
class Driven:
    """What the driver did."""

    posted: int = 0
    moments: int = 0
    duplicates: int = 0
    receipts: dict[str, datetime] = field(default_factory=dict)
    """Event id → the moment it was posted at."""


class Driver:
    """Moves business time from moment to moment. Nothing else in the demo knows that time is not real."""

    def __init__(self, wiring: Wiring, url: str, key: str, on_moment: Callable[[datetime, Driven], None]) -> None:
        self._wiring, self._on_moment = wiring, on_moment
        self._clock = SteppedClock(wiring.engine)
        self._http = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=15)
        self.done = Driven()

    def run(self, posts: Sequence[Post], end: datetime) -> Driven:
        """Post and step until `end`. Raises InstallationError where the work of a moment does not get done."""
        waiting = deque(posts)
        while (moment := self._next(waiting)) is not None and moment <= end:
            self._clock.move(moment)
            self._post([waiting.popleft().event for _ in range(len(waiting)) if waiting[0].at <= moment], moment)
            self._wiring.hints.look_for_due()
            self._await_idle(moment)
            self.done.moments += 1
            self._on_moment(moment, self.done)
        self._clock.move(end)
        return self.done

    def _next(self, waiting: deque[Post]) -> datetime | None:
        with transaction(self._wiring.engine) as connection:
            due = progress.next_moment(connection)
        return min([*([due] if due else []), *([waiting[0].at] if waiting else [])], default=None)

    def _post(self, events: list[dict[str, object]], moment: datetime) -> None:
        """Post a moment's events as one batch, in their order."""
        if not events:
            return
        answer = self._http.post(
            "/v1/events", content=orjson.dumps(events), headers={"Content-Type": "application/cloudevents-batch+json"}
        )
        if answer.status_code != 202 or answer.json()["rejected"]:
            raise InstallationError(
                Sentence(
                    "the API did not take the events of {moment}: {status} {answer}",
                    moment=moment,
                    status=answer.status_code,
                    answer=answer.text[:500],
                )
            )
        self.done.posted += answer.json()["accepted"]
        self.done.duplicates += answer.json()["duplicates"]
        self.done.receipts |= {str(event["id"]): moment for event in events}

    def _await_idle(self, moment: datetime) -> None:
        """Wait until matcher, planner and sender have done all that is due."""
        end, pause = time.monotonic() + _PATIENCE, 0.004
        while True:
            with transaction(self._wiring.engine) as connection:
                if progress.is_idle(connection, moment):
                    return
            if time.monotonic() > end:
                raise InstallationError(
                    Sentence(
                        "what is due at {moment} was not done within {seconds} s; see the logs of the processes",
                        moment=moment,
                        seconds=f"{_PATIENCE:.0f}",
                    )
                )
            time.sleep(pause)
            pause = min(pause * 1.3, 0.03)
