"""How long a sweep for silent customers takes: by how many have become silent, and by how many there are.

python -m benchmarks.sweep [--customers N] [--rounds N] [--throwaway] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text

from benchmarks.installation import fresh_database, servers
from benchmarks.memory import Usage, Watch
from engine import logs
from engine.clocks import VirtualClock
from engine.embedded import EmbeddedServers
from engine.settings import Settings
from engine.store import schema
from engine.store.database import run, scalar, transaction
from engine.wiring import Wiring

NOW = datetime(2026, 6, 1, tzinfo=UTC)
_MIB = 1024 * 1024
_GOAL = 1.3
ENGINE = """
timezone: Asia/Shanghai
clocks: {purchase: {kinds: [purchase], lifecycle: {活跃期: 0, 沉默期: 64, 睡眠期: 127, 流失期: 366}}}
channels: {log: {type: log}}
"""


class Wrong(Exception):
    """A sweep did not find exactly those who had become silent."""


@dataclass
class Table:
    """An installation with so many customers, each with a clock and an event that was matched long ago."""

    customers: int
    wiring: Wiring
    seconds: dict[int, list[float]] = field(default_factory=dict)
    """Number due → how long each sweep took."""

    def fill(self) -> None:
        """Generate the rows: nobody is silent yet, all will be within a year."""
        schema.upgrade(self.wiring.engine)
        self.wiring.definition_applier.apply({"engine.yaml": (None, ENGINE)}, "benchmark")
        with transaction(self.wiring.engine) as connection:
            run(
                connection,
                "insert into customers (ref, known_since) select 'c' || n, :now from generate_series(1, :n) n",
                n=self.customers,
                now=NOW,
            )
            run(
                connection,
                """insert into customer_clocks (customer_id, clock, last_at, active, next_days, next_at)
                   select id, 'purchase', :now, true, 64, cast(:now as timestamptz) + (1 + id * 7919 % 364) * interval '1 day'
                   from customers""",
                now=NOW,
            )
            run(
                connection,
                """insert into events (source, event_id, type, subject, time, received_at, body_hash, matched_at, outcome)
                   select 'crm', 'e' || id, 'purchase', ref, :now, :now, '', :now, '{}' from customers""",
                now=NOW,
            )
        self.tidy("customers", "customer_clocks", "events")

    def tidy(self, *tables: str) -> None:
        """Vacuum, and write to disk what waits for that, so that neither falls into a measurement."""
        with self.wiring.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in tables:
                connection.execute(text(f"vacuum analyze {table}"))
            connection.execute(text("checkpoint"))

    def measure(self, due: int) -> float:
        """Let so many become silent, sweep once, check what was found, and put all back; return the seconds of the sweep."""
        step = self.customers // max(due, 1)
        with self.changed(due, step):
            began = time.monotonic()
            done = self.wiring.silence_sweeper.run(seconds=600)
            seconds = time.monotonic() - began
            with transaction(self.wiring.engine) as connection:
                found = int(scalar(connection, "select count(*) from events where type = 'engine.silent'"))
        if (done.crossings, found, done.finished) != (due, due, True):
            raise Wrong(
                f"of {self.customers:,} customers {due:,} were silent; the sweep said {done.crossings:,} and made {found:,} events"
            )
        self.seconds.setdefault(due, []).append(seconds)
        return seconds

    @contextmanager
    def changed(self, due: int, step: int) -> Iterator[None]:
        """Make every `step`-th customer silent for the block, spread over the day before."""
        chosen = "k.customer_id % :step = 0 and k.customer_id <= :step * cast(:due as bigint)"
        with transaction(self.wiring.engine) as connection:
            run(
                connection,
                f"update customer_clocks k set next_at = next_at - interval '400 days' where {chosen}",
                step=step,
                due=due,
            )
        self.tidy("customer_clocks", "events")
        yield
        with transaction(self.wiring.engine) as connection:
            run(
                connection,
                f"update customer_clocks k set next_at = next_at + interval '400 days' where {chosen}",
                step=step,
                due=due,
            )
            run(connection, "delete from events where type = 'engine.silent'")
        self.wiring.redis.flushdb()


@contextmanager
def table(embedded: EmbeddedServers, customers: int) -> Iterator[Table]:
    """Yield a filled table in a database of its own."""
    with fresh_database(embedded, f"sweep_{customers}") as url:
        settings = Settings(database_url=SecretStr(url), redis_url=SecretStr(embedded.redis_url))
        wiring = Wiring(settings, "benchmark")
        wiring.clock = VirtualClock(NOW)
        made = Table(customers, wiring)
        _say(f"{customers:,} customers")
        made.fill()
        yield made
        wiring.engine.dispose()


def measure(customers: int, rounds: int, throwaway: bool) -> dict[str, Any]:
    """Sweep a table of `customers` and one of a tenth of them, turn by turn, and return all figures."""
    with servers(throwaway) as (embedded, _), ExitStack() as stack:
        small = stack.enter_context(table(embedded, customers // 10))
        large = stack.enter_context(table(embedded, customers))
        due = customers // 100
        roots = {
            "sweep": os.getpid(),
            **{f"{name} (server)": pid for name, pid in embedded.pids.items() if name != "guard"},
        }
        with Watch(lambda: roots) as watch:
            for number in range(1, rounds + 1):
                _say(f"round {number} of {rounds}")
                for each, count in ((small, due), (large, due), (small, 0), (large, 0), (large, 10 * due)):
                    each.measure(count)
            watch.look()
            used = watch.usages()
        found = {
            f"{each.customers}": {f"{count}": statistics.median(s) for count, s in each.seconds.items()}
            for each in (small, large)
        }
        ratio = statistics.median(large.seconds[due]) / statistics.median(small.seconds[due])
        every = {f"{each.customers}": {f"{count}": s for count, s in each.seconds.items()} for each in (small, large)}
        return {
            "seconds": found,
            "every": every,
            "due": due,
            "ratio": ratio,
            "durable": not throwaway,
            "memory": _memory(used),
        }


def _memory(used: dict[str, Usage]) -> dict[str, dict[str, float]]:
    return {
        name: {"peak_mib": usage.peak / _MIB, "private_mib": usage.private / _MIB}
        for name, usage in sorted(used.items())
    }


def _say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


def show(found: dict[str, Any]) -> None:
    """Print the figures as tables."""
    print(
        f"servers    {'durable: every commit waits for the disk' if found['durable'] else 'THROWAWAY: commits do not wait for the disk'}"
    )
    print(f"\n{'customers':>12}{'silent now':>12}{'seconds':>10}{'silent/s':>12}")
    for customers, each in found["seconds"].items():
        for due, seconds in sorted(each.items(), key=lambda item: int(item[0])):
            rate = f"{int(due) / seconds:,.0f}" if int(due) else ""
            print(f"{int(customers):>12,}{int(due):>12,}{seconds:>10.3f}{rate:>12}")
    print(
        f"\nten times the customers, {found['due']:,} silent in both: {found['ratio']:.2f} times as long (goal: {_GOAL} at most)"
    )
    print(f"\n{'process':<40}{'peak MiB':>10}{'private':>10}")
    for name, each in sorted(found["memory"].items(), key=lambda item: -item[1]["peak_mib"]):
        print(f"{name:<40}{each['peak_mib']:>10.0f}{each['private_mib']:>10.0f}")


def main() -> int:
    """Measure, print, and return the exit code: 0 unless a sweep missed or doubled somebody."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--customers", type=int, default=1_000_000, help="customers of the large table; the small one has a tenth"
    )
    parser.add_argument("--rounds", type=int, default=3, help="sweeps of each kind; medians are told (3)")
    parser.add_argument(
        "--throwaway", action="store_true", help="servers that do not wait for the disk; not for figures to be quoted"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, every single figure in it")
    options = parser.parse_args()
    logs.configure("warning", "benchmark")
    try:
        found = measure(options.customers, options.rounds, options.throwaway)
    except Wrong as error:
        print(f"a sweep went wrong: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
