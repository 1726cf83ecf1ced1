"""What the services need from outside, as interfaces. Their adapters are chosen in `engine.wiring` only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from engine.core.problems import Problem as Problem


class Clock(Protocol):
    """Business time. Read once per transaction."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One touch as a channel gets it. What it carries is stored with the touch, so every try sends the same bytes."""

    key: str
    """Idempotency key, the same for every try of this touch."""
    customer: str
    """The customer's ref in the CRM."""
    sop: str
    step: str
    kind: Literal["message", "task"]
    body: dict[str, Any]
    """message: {text, attachments?}; task: {to, title, due?, staff?}."""
    due_at: datetime
    attempt: int
    """1 for the first try."""


Outcome = Literal["sent", "retry", "failed", "unknown", "handed"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one delivery. Channels return one for each delivery they were given, in the same order."""

    outcome: Outcome
    detail: str = ""
    """A short sentence for operators (status code, error class); never personal data, never a secret."""
    retry_after: float | None = None
    """Seconds the provider asked us to wait, for `retry`."""
    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """So many touches per second, minute or hour."""

    number: int
    per: Literal["s", "m", "h"]

    @property
    def per_day(self) -> int:
        """How many that is in a day."""
        return self.number * {"s": 86_400, "m": 1_440, "h": 24}[self.per]

    def __str__(self) -> str:
        return f"{self.number}/{self.per}"


class Rates(Protocol):
    """Counts what goes out over channels, over all processes."""

    def take(self, channel: str, rate: Rate, wanted: int) -> int:
        """Return how many touches may go out now, at most `wanted`."""


class Channel(Protocol):
    """A way to customers. `send` never raises for what a provider answers; it says so in the receipt."""

    name: str
    batch_size: int
    """At most so many deliveries per `send`."""
    timeout: float
    """Seconds after which `send` has returned, whatever happens."""
    honours_key: bool
    """True when the same key twice has the effect of once, so a try of unknown outcome may be repeated."""
    concurrency: int
    """So many `send` calls at once, over all workers."""
    rate: Rate | None
    """At most so many deliveries in a time, over all workers; None: as many as it takes."""

    def send(self, deliveries: Sequence[Delivery]) -> list[Receipt]:
        """Hand the deliveries to the provider and tell what became of each."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One entry of the queue: a customer to look at, or (no subject) due work to look for."""

    id: str
    subject: str | None
    careful: bool = False
    """Looked at before without an end: to be matched on its own, counting attempts."""


class HintQueue(Protocol):
    """Whom to look at. Entries may be lost, doubled or late without any effect on the outcome."""

    def look_at(self, subjects: Sequence[str], *, careful: bool = False) -> None:
        """Ask that these customers be looked at soon."""

    def look_for_due(self) -> None:
        """Ask that due work be looked for now, not at the next tick."""

    def take(self, limit: int, wait: float) -> list[Hint]:
        """Return up to `limit` hints, waiting at most `wait` seconds for the first."""

    def done(self, ids: Sequence[str]) -> None:
        """Forget these entries."""

    def length(self) -> int:
        """Return how many entries wait or are being worked on."""
