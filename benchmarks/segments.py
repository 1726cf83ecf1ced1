"""Refreshing RFM scores and tiers of many customers, next to the bare SQL that reads their purchases once.

    python -m benchmarks.segments --customers 1000000 --activities 10000000 [--json]

Every activity is a purchase: one row in `purchases` and one in `activity_log`. Measured are the first refresh (everybody is new),
one in which a hundredth of the customers bought again, and one in which nobody did; then a dimension of four values for everybody.
The floor is one `group by` over purchases that yields recency, frequency and money, nothing ranked, compared or written.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from benchmarks.installation import fresh_database, servers
from benchmarks.memory import Watch
from engine import definitions_yaml, logs
from engine.clocks import VirtualClock
from engine.definitions_in_force import CurrentDefinitions
from engine.ports import Hint
from engine.runtime import Runtime
from engine.services.rollout.apply import DefinitionApplier
from engine.services.scheduled.refresh_segments import SegmentRefresher
from engine.store import schema
from engine.store.database import connect, run, scalar, transaction
from engine.store.state import metrics
from engine.wiring import CHANNEL_TYPES

NOW = datetime(2026, 3, 1, 19, tzinfo=UTC)
"""03:00 in Shanghai."""

SEGMENTS = """
metrics:
  rfm: {rfm: purchase, quantiles: 5, over: 730d}
  {more}
dimensions:
  value:
    values:
      - {value: 忠诚客, when: [{metric: {rfm.r: {gte: 4}}}, {metric: {rfm.f: {gte: 4}}}]}
      - {value: 潜力客, when: [{metric: {rfm.r: {gte: 4}}}]}
      - {value: 流失风险, when: [{metric: {rfm.m: {gte: 4}}}]}
      - {value: 其他}
"""
MORE = "spend_2y: {spend: 730d}\n  orders: {orders: ever}\n  bought_30d: {count: [purchase], over: 30d}"

FLOOR = """select count(*), max(last), sum(times), sum(money) from (
    select customer_id, max(at) as last, count(*) as times, sum(amount - refunded) as money
    from purchases where at > :begin and at <= :slot group by customer_id) bought"""


class NoHints:
    """A queue that nobody reads."""

    def look_at(self, subjects: Sequence[str], *, careful: bool = False) -> None: ...
    def look_for_due(self) -> None: ...
    def take(self, limit: int, wait: float) -> list[Hint]:
        return []

    def done(self, ids: Sequence[str]) -> None: ...
    def length(self) -> int:
        return 0


@dataclass
class Bench:
    """One database and what was measured on it."""

    engine: Engine
    customers: int
    activities: int
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    seconds: dict[str, float] = field(default_factory=dict)

    def measure(self, name: str, work: Callable[[], Any]) -> Any:
        begin = time.monotonic()
        result = work()
        self.seconds[name] = time.monotonic() - begin
        print(f"{name:<46} {self.seconds[name]:8.2f} s", flush=True)
        return result

    def sql(self, statement: str, **values: Any) -> None:
        with transaction(self.engine) as connection:
            run(connection, statement, **values)

    def fill(self) -> None:
        """Customers, and purchases over a thousand days: some buy much, many little, some nothing."""
        self.sql("insert into customers (ref) select 'c' || n from generate_series(1, :n) n", n=self.customers)
        for begin in range(0, self.activities, 1_000_000):
            number = min(1_000_000, self.activities - begin)
            self.sql(
                """with drawn as (
                       select 1 + floor(:customers * random() ^ 1.6)::bigint as customer, n, :now - random() * interval '1000 days' as at,
                              round((random() * 2000)::numeric, 2) as amount from generate_series(cast(:low as bigint), :high) n),
                        logged as (insert into activity_log (event_id, customer_id, type, at) select n, customer, 'purchase', at from drawn)
                   insert into purchases (customer_id, order_id, at, amount, written_at, refunded)
                   select customer, n::text, at, amount, at, case when n % 20 = 0 then amount else 0 end from drawn""",
                customers=self.customers, now=self.clock.at, low=begin + 1, high=begin + number,
            )  # fmt: skip
        self.vacuum()

    def vacuum(self) -> None:
        with self.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("vacuum analyze")

    def buy_again(self) -> None:
        """One in a hundred customers buys."""
        self.sql(
            """insert into purchases (customer_id, order_id, at, amount, written_at)
               select id, 'again' || id, :at, 500, :at from customers where id % 100 = 0""",
            at=self.clock.at - timedelta(hours=1),
        )

    def floor(self) -> None:
        with transaction(self.engine) as connection:
            run(connection, "set local work_mem = '64MB'")
            scalar(connection, FLOOR, begin=self.clock.at - timedelta(days=730), slot=self.clock.at)

    def refresh(self, segments: str) -> int:
        """Refresh the numbers of segments.yaml as the engine does; return how many customers' changed."""
        loaded = definitions_yaml.load_sources({"engine.yaml": "", "segments.yaml": segments}, CHANNEL_TYPES)
        assert loaded.segments is not None, loaded.problems
        with transaction(self.engine) as connection:
            return metrics.refresh(connection, loaded.segments.stored_metrics, self.clock.at)

    def dimension(self, segments: str) -> None:
        """Give everybody a value, as the task does: numbers are up to date, batches are committed."""
        runtime = Runtime(self.engine, self.clock, NoHints(), CurrentDefinitions(CHANNEL_TYPES))
        sources = {"engine.yaml": (None, "{}"), "segments.yaml": (None, segments)}
        DefinitionApplier(runtime).apply(sources, "benchmark")
        refreshing = SegmentRefresher(runtime)
        refreshing.run(seconds=0)  # begins the slot; numbers are as they were
        moves = self.measure("dimension: everybody's first value", lambda: refreshing.run(seconds=3600).moves)
        assert moves == self.customers, moves


def bench(customers: int, activities: int, as_json: bool) -> None:
    """Fill, measure, print."""
    with servers(throwaway=True) as (embedded, _), fresh_database(embedded, "segments") as url:
        engine = connect(url, pool_size=2)
        schema.upgrade(engine)
        here, rfm, all_ = (
            Bench(engine, customers, activities),
            SEGMENTS.replace("{more}", ""),
            SEGMENTS.replace("{more}", MORE),
        )
        here.measure("fill", here.fill)
        with Watch(lambda: {name: pid for name, pid in embedded.pids.items() if name != "guard"}) as watch:
            here.floor()  # warms the cache
            here.measure("floor: purchases read once, grouped", here.floor)
            here.measure("rfm: first refresh, everybody is new", lambda: here.refresh(rfm))
            here.vacuum()
            here.buy_again()
            changed = here.measure("rfm: 1 in 100 bought again", lambda: here.refresh(rfm))
            here.vacuum()
            none = here.measure("rfm: nobody bought", lambda: here.refresh(rfm))
            here.measure("rfm, spend, orders, count: everybody changes", lambda: here.refresh(all_))
            here.vacuum()
            here.dimension(all_)
            watch.look()
            usages = watch.usages()
        engine.dispose()
    assert none == 0, "the same purchases give the same numbers"
    _report(here, changed, {name: usage.private for name, usage in usages.items()}, as_json)


def _report(here: Bench, changed: int, memory: dict[str, int], as_json: bool) -> None:
    floor = here.seconds["floor: purchases read once, grouped"]
    ratios = {name: round(seconds / floor, 2) for name, seconds in here.seconds.items() if name.startswith("rfm")}
    print(
        f"\n{here.customers:,} customers, {here.activities:,} activities; {changed:,} customers' numbers changed by 1 in 100 buying"
    )
    for name, ratio in ratios.items():
        print(f"{name:<46} {ratio:8.2f} × the floor")
    for name, size in sorted(memory.items(), key=lambda each: -each[1])[:5]:
        print(f"{name:<46} {size / 2**20:8.0f} MiB of its own at most")
    if as_json:
        measured = {"seconds": here.seconds, "ratios": ratios, "memory": memory}
        print(json.dumps({"customers": here.customers, "activities": here.activities, **measured}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--activities", type=int, default=10_000_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    logs.configure("warning", "benchmark")
    bench(given.customers, given.activities, given.json)


if __name__ == "__main__":
    main()
