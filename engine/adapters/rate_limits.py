"""How fast a channel may be called, over all workers: counted in Redis by the `limits` package.

What Redis forgets is one window's count; nothing is lost or sent twice by it.
"""

from __future__ import annotations

from functools import cached_property

import redis
import structlog
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from engine.ports import Rate

log = structlog.get_logger()

_PER: dict[str, type[RateLimitItem]] = {
    "s": RateLimitItemPerSecond,
    "m": RateLimitItemPerMinute,
    "h": RateLimitItemPerHour,
}


class RedisRates:
    """Gives out places within the rates of channels."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    @cached_property
    def _limiter(self) -> SlidingWindowCounterRateLimiter:
        pool = self._client.connection_pool
        return SlidingWindowCounterRateLimiter(RedisStorage("redis://", connection_pool=pool, key_prefix="sop:rate"))

    def take(self, channel: str, rate: Rate, wanted: int) -> int:
        """Return how many touches may go out over the channel now, at most `wanted`; those places are then taken.

        0 while Redis is away: without its count nobody knows, and the next tick asks again.
        """
        item = _PER[rate.per](rate.number)
        try:
            left = min(wanted, self._limiter.get_window_stats(item, channel).remaining)
            return left if left > 0 and self._limiter.hit(item, channel, cost=left) else 0
        except redis.RedisError as error:
            log.warning("rate.unknown", channel=channel, error=type(error).__name__)
            return 0
