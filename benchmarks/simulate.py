"""How long `sop simulate` takes: the shipped SOPs, the demo's feed for many customers, forty days; every format is written out.

python -m benchmarks.simulate [CUSTOMERS] [--profile]
"""

from __future__ import annotations

import cProfile
import pstats
import resource
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import orjson

from engine import definitions_yaml
from engine.cli.views import calendar_html, calendar_table
from engine.cli.views.output import json_text
from engine.clocks import wall_now
from engine.core.simulation.event_file import read_feed
from engine.core.simulation.simulate import Span, Wanted, simulate
from engine.definitions_yaml.shipped import shipped_definitions
from engine.demo import feed
from engine.services.rollout.simulate import definitions_of
from engine.wiring import CHANNEL_TYPES

T = TypeVar("T")


def main() -> None:
    given = [each for each in sys.argv[1:] if not each.startswith("-")]
    customers = int(given[0]) if given else 10_000
    definitions = definitions_of(definitions_yaml.load(shipped_definitions(), CHANNEL_TYPES))
    lines = b"\n".join(orjson.dumps(post.event) for post in feed.feed(customers, feed.DAYS))
    events = timed("read and checked", lambda: read_feed(lines, "feed", definitions, wall_now())).events
    profile = cProfile.Profile()
    if "--profile" in sys.argv:
        profile.enable()
    report = timed(
        f"{customers:,} customers, {len(events):,} events, {feed.DAYS} days",
        lambda: simulate(events, definitions, Span(feed.start(), feed.end()), Wanted(limit=100)),
    )
    profile.disable()
    totals = report.totals
    print(
        f"  {totals.sent:,} touches, {totals.skipped:,} skipped, {sum(each.number for each in totals.held):,} put off"
    )
    timed("table", lambda: calendar_table.text(report, "zh"))
    timed("json", lambda: json_text(report))
    timed("html", lambda: calendar_html.page(report, "zh"))
    print(f"  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB at most")
    if "--profile" in sys.argv:
        pstats.Stats(profile).sort_stats(sys.argv[-1] if sys.argv[-1] == "cumtime" else "tottime").print_stats(30)


def timed(what: str, work: Callable[[], T]) -> T:
    began = time.monotonic()
    result = work()
    print(f"{what}: {time.monotonic() - began:.1f} s")
    return result


if __name__ == "__main__":
    main()
