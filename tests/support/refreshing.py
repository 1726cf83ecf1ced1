"""What stories of numbers and computed dimensions share."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from engine import definitions_yaml
from engine.clocks import VirtualClock
from engine.services.scheduled.refresh_segments import Refreshed, SegmentRefresher
from engine.settings import Settings
from engine.wiring import CHANNEL_TYPES, Wiring
from tests.support.pipeline import ENGINE, Pipeline

SHANGHAI = ZoneInfo("Asia/Shanghai")

SEGMENTS = """
metrics:
  spend_2y: {spend: 730d}
  orders_ever: {orders: ever}
  chats_30d: {count: [message.received], over: 30d}
  last_buy: {days_since: purchase}
  rfm: {rfm: purchase, over: 730d}
segments: {健谈: [{metric: {chats_30d: {gte: 3}}}]}
dimensions:
  tier:
    values:
      - {value: 金卡, when: [{metric: {spend_2y: {gte: 20000}}}]}
      - {value: 银卡, when: [{metric: {spend_2y: {gte: 5000}}}]}
      - {value: 普通}
"""

GOLD = """
sop: gold
title: 金卡欢迎
trigger: [{entered: {tier: 金卡}}]
exit: [{left: {tier: 金卡}}]
defaults: {at: "10:00", channel: log}
steps:
  - {id: hello, day: 0, message: {text: "您已消费 {{ metrics.spend_2y }} 元"}}
  - {id: later, day: 30, message: {text: 再见}}
"""


def put_in_force(pipeline: Pipeline, *sops: str, segments: str = SEGMENTS) -> None:
    """Apply the stories' engine.yaml with this segments.yaml."""
    texts = {
        "engine.yaml": ENGINE,
        "segments.yaml": segments,
        **{f"sops/{number}.yaml": sop for number, sop in enumerate(sops)},
    }
    loaded = definitions_yaml.load_sources(texts, CHANNEL_TYPES)
    assert not loaded.errors, definitions_yaml.render_problems(loaded.errors)
    ids = {file: sop for sop, file in loaded.files.items()}
    pipeline.wiring.definition_applier.apply({name: (ids.get(name), body) for name, body in texts.items()}, "somebody")


def refresh(pipeline: Pipeline) -> Refreshed:
    """Refresh what is due, and match what that makes."""
    done = pipeline.wiring.segment_refresher.run()
    pipeline.match_all()
    return done


def buy(pipeline: Pipeline, customer: str, amount: float, order: str, **more: object) -> None:
    pipeline.post(customer, "purchase", order=order, amount=amount, **more)  # type: ignore[arg-type]  # `at` and data alike
    pipeline.match_all()


def value_of(pipeline: Pipeline, customer: str, dimension: str = "tier") -> str | None:
    found = pipeline.rows(
        "select d.value from customer_dimensions d join customers c on c.id = d.customer_id where c.ref = :ref and d.dimension = :name",
        ref=customer,
        name=dimension,
    )
    return found[0].value if found else None


def numbers_of(pipeline: Pipeline, customer: str) -> dict[str, float]:
    statement = 'select m."values" from customer_metrics m join customers c on c.id = m.customer_id where c.ref = :ref'
    found = pipeline.rows(statement, ref=customer)
    return found[0][0] if found else {}


def next_night(pipeline: Pipeline, days: int = 1) -> None:
    """Let time pass to a minute past 03:00 in Shanghai."""
    local = pipeline.clock.at.astimezone(SHANGHAI)
    pipeline.clock.at = (local.replace(hour=3, minute=1, second=0, microsecond=0) + timedelta(days=days)).astimezone(
        UTC
    )


def main() -> None:
    """Refresh and match until killed: `python -m tests.support.refreshing DATABASE REDIS MOMENT`."""
    database, queue, moment = sys.argv[1:]
    settings = Settings(database_url=database, redis_url=queue, hint_claim_after=0.1, pool_size=3)  # type: ignore[arg-type]  # pydantic makes them secrets
    wiring = Wiring(settings, "killed")
    wiring.clock = VirtualClock(datetime.fromisoformat(moment))
    refreshing = SegmentRefresher(wiring.runtime, batch=40)
    while True:
        refreshing.run(seconds=0.05)
        wiring.reconciler.run_once()
        while hints := wiring.hints.take(50, 0):
            wiring.matcher.run_once(hints)


if __name__ == "__main__":
    main()
