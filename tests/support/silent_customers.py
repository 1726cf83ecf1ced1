"""Definitions about silence, and customers who are silent already."""

from __future__ import annotations

from tests.support.pipeline import START, Pipeline

CLOCKS = """
timezone: Asia/Shanghai
attributes: {name: text}
dimensions: {stage: {values: [新加好友, 成交客户]}}
clocks:
  any: {kinds: [message.received, purchase, visit]}
  purchase: {kinds: [purchase], lifecycle: {活跃期: 0, 沉默期: 64, 睡眠期: 127, 流失期: 366}}
channels: {log: {type: log}, second: {type: log}}
"""

WAKE = """
sop: wake
title: 唤醒
trigger: [{silent: {clock: any, days: 30}}]
defaults: {at: "10:00", channel: log}
steps:
  - {id: d0, day: 0, message: {text: 好久不见}}
  - {id: d3, day: 3, message: {text: 送您一张券}}
"""


def silent_since_the_start(pipeline: Pipeline, number: int, days: int = 30) -> None:
    """Put in so many customers who did something at the story's start, and nothing since."""
    pipeline.run(
        "insert into customers (ref, known_since) select 's' || lpad(n::text, 6, '0'), :at from generate_series(1, :n) n",
        n=number,
        at=START,
    )
    pipeline.run(
        """insert into activities (customer_id, type, first_at, last_at, times) select id, 'visit', :at, :at, 1 from customers""",
        at=START,
    )
    pipeline.run(
        """insert into customer_clocks (customer_id, clock, last_at, active, next_days, next_at)
           select id, 'any', :at, true, :days,
                  (cast(cast(:at as timestamptz) at time zone 'Asia/Shanghai' as date) + :days)::timestamp at time zone 'Asia/Shanghai'
           from customers""",
        at=START,
        days=days,
    )
