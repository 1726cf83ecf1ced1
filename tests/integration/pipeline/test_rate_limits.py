"""Rates: what goes out over a channel in a time, over all workers, counted on a real server."""

from __future__ import annotations

import redis

from engine.adapters.rate_limits import RedisRates
from engine.ports import Rate
from tests.support.pipeline import AT_ONCE, Pipeline

HOURLY = Rate(7, "h")
"""So long a time that no test lives to see its end."""


def test_processes_share_what_there_is(pipeline: Pipeline) -> None:
    one, other = RedisRates(pipeline.wiring.redis), RedisRates(pipeline.another().wiring.redis)
    assert [one.take("crm", HOURLY, 5), other.take("crm", HOURLY, 5), one.take("crm", HOURLY, 5)] == [5, 2, 0]


def test_channels_have_each_their_own(pipeline: Pipeline) -> None:
    rates = RedisRates(pipeline.wiring.redis)
    assert [rates.take("crm", HOURLY, 7), rates.take("sms", HOURLY, 3)] == [7, 3]


def test_no_more_goes_out_than_the_rate_allows_and_the_rest_stays_queued(pipeline: Pipeline) -> None:
    pipeline.apply(AT_ONCE)
    pipeline.log.rate = HOURLY
    pipeline.tag(*(f"c{n}" for n in range(20)), tag="new")
    pipeline.wait(minutes=1)
    pipeline.work()
    assert len(pipeline.log.delivered) == 7
    assert [row.n for row in pipeline.rows("select count(*) as n from touches where status = 'queued'")] == [13]


def test_while_redis_is_away_nothing_goes_out_over_a_limited_channel(pipeline: Pipeline) -> None:
    away = RedisRates(redis.Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.2))
    assert away.take("crm", HOURLY, 5) == 0
