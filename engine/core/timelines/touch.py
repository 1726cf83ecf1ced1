"""A touch as it is decided: one step of one timeline, to be sent, done, or skipped."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from engine.core.customers.customer import Timeline
from engine.core.reasons import Reason

DELAYED = "held"
"""The status of a touch that is not made yet because something holds it back; it is never stored."""


FIXABLE_REASONS = (Reason.MISSING_VALUE, Reason.TEMPLATE_ERROR)
"""What a touch waits for until somebody mends it."""
DELAY_REASONS = (Reason.QUIET_HOURS, Reason.HOLIDAY, Reason.CAP, Reason.PAUSED, *FIXABLE_REASONS)
"""What a touch can have waited for."""


@dataclass(slots=True)
class Touch:
    """One step of one timeline, to be sent, done, or skipped."""

    timeline: Timeline
    step: str
    kind: str
    status: str
    due_at: datetime
    limit: datetime
    key: str
    version: int
    channel: str | None = None
    reason: str | None = None
    detail: str | None = None
    body: dict[str, Any] | None = None
    trace: list[dict[str, Any]] = field(default_factory=list)
    ready_at: datetime | None = None
    """When it was allowed to go out; None: when due."""
    send_before: datetime | None = None
    """When what allows it ends (quiet hours begin, the day it counts on is over); None: at its limit."""
    until: datetime | None = None
    """Of one held back: when to look again."""
    delayed_by: str | None = None
    """What last held it back before."""
    variant: str | None = None
    counted_on: date | None = None
    """The customer's date on which it counts under caps."""
    fallback: int = 0
    """So many channels were tried before."""
    fallback_after: timedelta | None = None

    def skip(self, reason: str, detail: str | None = None) -> Touch:
        """Let it be skipped, for a reason."""
        self.status, self.reason, self.detail = "skipped", reason, detail
        return self

    def delay(self, reason: str, until: datetime, detail: str | None = None) -> Touch:
        """Hold it back until a moment, for a reason."""
        self.status, self.reason, self.until, self.detail = DELAYED, reason, until, detail
        return self


def touch_key(installation: str, ref: str, timeline: Timeline, step: str, fallback: int = 0) -> str:
    """Return the idempotency key: a function of installation, customer, SOP, timeline key, start, step and channel tried.

    Parameters:
        installation: id of this installation
        ref: the customer's
        timeline: by its SOP, key and start, never by a row's id
        step: id of the step
        fallback: how many channels were tried before
    """
    parts = {
        "sop": timeline.sop,
        "key": timeline.key,
        "start": timeline.start_id,
        "step": step,
        "customer": ref,
        **({"fallback": str(fallback)} if fallback else {}),
    }
    return str(
        uuid.uuid5(_namespace(installation), "\x1f".join(f"{name}={value}" for name, value in sorted(parts.items())))
    )


@lru_cache(maxsize=8)
def _namespace(installation: str) -> uuid.UUID:
    return uuid.UUID(installation)


MAX_TRIES = 8
"""After so many tries a touch has failed: with the waits below, after about an hour and a half."""

_FIRST, _LONGEST = 5.0, 3600.0


def retry_after(key: str, attempt: int, asked: float | None = None) -> timedelta:
    """Return the wait after try number `attempt` (from 1): 5, 15, 45 … seconds, an hour at most, never less than `asked` seconds.

    Up to a quarter is added, by the key, so that touches refused together do not come back together.
    """
    wait = min(_FIRST * 3 ** (attempt - 1), _LONGEST)
    spread = int.from_bytes(hashlib.blake2b(f"{key}:{attempt}".encode(), digest_size=4).digest(), "big") / 2**32
    return timedelta(seconds=max(wait, asked or 0.0) * (1 + spread / 4))
