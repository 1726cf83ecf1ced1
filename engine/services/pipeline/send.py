"""Sending: claim what is ready on a channel, hand it over, write down what became of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from engine.clocks import LeaseClock
from engine.core.reasons import Reason
from engine.core.sentence import Sentence
from engine.core.timelines.touch import MAX_TRIES, retry_after
from engine.definitions_in_force import CurrentChannels
from engine.ports import Channel, Rates, Receipt
from engine.runtime import Runtime
from engine.store.database import DatabaseUnavailable, retrying, transaction
from engine.store.state import concurrency, definitions, touches
from engine.store.state.touches import Claimed, Result

log = structlog.get_logger()

MARGIN = 30.0
"""Seconds a lease outlasts the channel's own timeout: room for a slow machine between claim and record."""

_RECORD_AGAIN = 0.2
"""Seconds between two tries to record while the database is away."""


@dataclass(slots=True)
class Sent:
    """What one run of sending did, by status."""

    claimed: int = 0
    recorded: int = 0
    stale: int = 0


class Sender:
    """Sends what is ready on one channel."""

    def __init__(
        self,
        runtime: Runtime,
        leases: LeaseClock,
        channels: CurrentChannels,
        rates: Rates,
        margin: float = MARGIN,
    ) -> None:
        self._engine, self._clock, self._leases, self._channels = runtime.engine, runtime.clock, leases, channels
        self._rates, self._margin = rates, margin

    def run(self, name: str, seconds: float = 20.0) -> Sent:
        """Send what is ready now, for `seconds` at most; nothing where all of the channel's places are taken.

        A call that is not full carried all of it; a trickle does not keep the place and the thread.
        """
        channel = self.channels().get(name)
        if channel is None:
            return Sent()
        done, end = Sent(), time.monotonic() + seconds
        with concurrency.limit(self._engine, f"send:{name}", channel.concurrency) as free:
            while free and time.monotonic() < end:
                part = self.run_once(channel)
                done.claimed, done.recorded = done.claimed + part.claimed, done.recorded + part.recorded
                done.stale += part.stale
                if part.claimed < channel.batch_size:
                    break
        return done

    def channels(self) -> dict[str, Channel]:
        """Return the channels in force by name."""
        with transaction(self._engine) as connection:
            return self._channels.read(connection)

    def ready(self) -> list[str]:
        """Return the channels that have something ready."""
        now = self._clock.now()
        with transaction(self._engine) as connection:
            return touches.channels_ready(connection, sorted(self._channels.read(connection)), now)

    def run_once(self, channel: Channel) -> Sent:
        """Claim one provider call's worth, make the call, record the results."""
        room = channel.batch_size
        if channel.rate is not None:
            room = self._rates.take(channel.name, channel.rate, room)
        if not room:
            return Sent()
        began = time.monotonic()
        claimed, looked = retrying(self._engine, lambda connection: self._claim(connection, channel, room))
        if not claimed:
            return Sent(claimed=looked)
        slept = time.monotonic() - began > self._margin  # by now somebody else may have taken them over
        receipts = [] if slept else self._call(channel, claimed)
        now = self._clock.now()
        if slept:
            late = Sentence("not begun: too late after the claim")
            results = [Result(one.id, one.claim_no, "queued", "retry", Reason.RETRY, late) for one in claimed]
        else:
            results = [_result(one, receipt, now) for one, receipt in zip(claimed, receipts, strict=True)]
        recorded = self._record(results, now, began + channel.timeout + self._margin)
        if recorded < len(results):
            log.warning("send.stale_claim", channel=channel.name, touches=len(results) - recorded)
        return Sent(looked, recorded, len(results) - recorded)

    def _record(self, results: Sequence[Result], now: datetime, until: float) -> int:
        """Write results down, again and again until `until` (monotonic) while the database is away.

        What was sent and not recorded is sent twice, or ends as unknown. Recorded twice it is once: the claim fences.
        """
        while True:
            try:
                return retrying(self._engine, lambda connection: touches.record(connection, results, now))
            except DatabaseUnavailable:
                if time.monotonic() > until:
                    raise
                log.warning("send.record_again", touches=len(results))
                time.sleep(_RECORD_AGAIN)

    def _claim(self, connection: Connection, channel: Channel, room: int) -> tuple[list[Claimed], int]:
        """Return what may be sent now, and how many touches were looked at (some may have been turned away)."""
        now = self._clock.now()
        definitions.lock_generation(connection)  # a pause waits for this: once it is told, nothing more is claimed
        if touches.paused(connection, channel.name):
            return [], 0
        ids = touches.lock_ready(connection, channel.name, now, room)
        if not ids:
            return [], 0
        touches.gate(connection, ids, now)
        lease_until = self._leases(connection) + timedelta(seconds=channel.timeout + self._margin)
        return touches.begin(connection, ids, lease_until), len(ids)

    @staticmethod
    def _call(channel: Channel, claimed: Sequence[Claimed]) -> list[Receipt]:
        """Make the call. A channel that breaks its promise not to raise leaves the outcome unknown."""
        try:
            receipts = channel.send([one.delivery for one in claimed])
        except Exception as error:
            log.exception("send.channel_raised", channel=channel.name)
            outcome = "retry" if channel.honours_key else "unknown"
            said = Sentence("the channel raised {error}", error=type(error).__name__)
            receipts = [Receipt(outcome, said)] * len(claimed)  # type: ignore[arg-type]  # one of the two
        if len(receipts) != len(claimed):
            log.error("send.receipts_missing", channel=channel.name, wanted=len(claimed), got=len(receipts))
            receipts = [Receipt("unknown", Sentence("the channel did not say"))] * len(claimed)
        return receipts


def _result(claimed: Claimed, receipt: Receipt, now: datetime) -> Result:
    """Turn a receipt into the touch's next state: a retry waits longer each time and ends as failed."""
    base = (claimed.id, claimed.claim_no)
    if receipt.outcome == "retry":
        if claimed.delivery.attempt >= MAX_TRIES:
            return Result(
                *base, "failed", "retry", Reason.TOO_MANY_TRIES, receipt.detail, provider_id=receipt.provider_id
            )
        wait = retry_after(claimed.delivery.key, claimed.delivery.attempt, receipt.retry_after)
        return Result(*base, "queued", "retry", Reason.RETRY, receipt.detail, now + wait, receipt.provider_id)
    reason = {"failed": Reason.REFUSED_BY_PROVIDER, "unknown": Reason.OUTCOME_UNKNOWN}.get(receipt.outcome)
    return Result(
        *base, receipt.outcome, receipt.outcome, reason, receipt.detail or None, provider_id=receipt.provider_id
    )
