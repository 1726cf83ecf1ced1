"""How fast the engine's processes do their work, next to the same steps in hand-written SQL, in the same run.

python -m benchmarks.throughput [--events N] [--rounds N] [--matchers N] [--planners N] [--throwaway] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
import redis

from benchmarks.installation import apply_definitions, fresh_database, installation, servers
from benchmarks.memory import Usage
from benchmarks.steps import FIRST_DAY, Incomplete, Size, run_engine
from engine import logs
from engine.embedded import EmbeddedServers

STEPS = ("inbox", "match", "inbox+match", "plan", "send", "plan+send")
_MIB = 1024 * 1024
_LIBRARIES = ("celery", "psycopg", "redis", "sqlalchemy", "pydantic", "uvicorn")


def floor(embedded: EmbeddedServers, size: Size, number: int) -> dict[str, float]:
    """Run the floor in a process and a database of its own and return how many of each step it did a second."""
    with fresh_database(embedded, f"floor_{number}") as url:
        dsn = url.replace("+psycopg", "", 1)
        env = {**os.environ, "PGDSN": dsn, "REDIS": embedded.redis_url.replace("db=0", "db=1")}
        command = [sys.executable, "-m", "benchmarks.floor", str(size.events), "--json"]
        done = subprocess.run(
            command, env=env, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1]
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def engine(
    embedded: EmbeddedServers, folder: Path, size: Size, number: int
) -> tuple[dict[str, float], dict[str, Usage]]:
    """Run the engine in a database of its own and return how many of each step it did a second, and what its processes took."""
    with fresh_database(embedded, f"engine_{number}") as url, installation(embedded, url, folder, number) as here:
        here.clock.move(FIRST_DAY)
        apply_definitions(here)
        rates = run_engine(here, size)
        here.watch.look()
        return rates, here.watch.usages()


def measure(size: Size, rounds: int, throwaway: bool) -> dict[str, Any]:
    """Run the floor before and after each round of the engine, on the same servers, and return all figures."""
    floors: list[dict[str, float]] = []
    rates: list[dict[str, float]] = []
    used: dict[str, Usage] = {}
    with servers(throwaway) as (embedded, folder):
        machine = _machine(embedded)
        _say("floor")
        floors.append(floor(embedded, size, 0))
        for number in range(1, rounds + 1):
            _say(f"engine, round {number} of {rounds}")
            found, usages = engine(embedded, folder, size, number)
            rates.append(found)
            for name, usage in usages.items():
                used[name] = _larger(used.get(name, Usage()), usage)
            _say("floor")
            floors.append(floor(embedded, size, number))
    return {
        "machine": machine,
        "events": size.events,
        "processes": {"matchers": size.matchers, "planners": size.planners, "senders": 1, "posters": size.posters},
        "durable": not throwaway,
        "steps": {step: _compared(step, floors, rates) for step in STEPS},
        "memory": {name: _plain(usage) for name, usage in sorted(used.items())},
    }


def _compared(step: str, floors: Sequence[dict[str, float]], rates: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return the medians, their ratio, and every single figure."""
    below, above = [each[step] for each in floors], [each[step] for each in rates]
    middle, reached = statistics.median(below), statistics.median(above)
    return {"floor": middle, "engine": reached, "ratio": reached / middle, "floors": below, "engines": above}


def _plain(usage: Usage) -> dict[str, float]:
    return {"peak_mib": usage.peak / _MIB, "private_mib": usage.private / _MIB, "cpu_s": usage.seconds}


def _larger(one: Usage, other: Usage) -> Usage:
    return Usage(max(one.peak, other.peak), max(one.private, other.private), one.seconds + other.seconds)


def _machine(embedded: EmbeddedServers) -> dict[str, Any]:
    with psycopg.connect(embedded.database_url.replace("+psycopg", "", 1)) as connection:
        postgresql = str(connection.execute("show server_version").fetchone()[0])  # type: ignore[index]  # always one row
    with redis.Redis.from_url(embedded.redis_url) as client:
        info: Any = client.info("server")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu_model(),
        "python": platform.python_version(),
        "postgresql": postgresql,
        "valkey": str(info.get("valkey_version") or info.get("redis_version")),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


# ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────


def _say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


def show(found: dict[str, Any]) -> None:
    """Print the figures as tables."""
    machine, processes = found["machine"], found["processes"]
    libraries = ", ".join(f"{name} {number}" for name, number in machine["libraries"].items())
    print(f"machine    {machine['cores']} cores, {machine['cpu']}")
    print(
        f"versions   Python {machine['python']}, PostgreSQL {machine['postgresql']}, Valkey {machine['valkey']}, {libraries}"
    )
    print(
        f"size       {found['events']:,} events, {found['events']:,} touches due at one minute; every step and touch done once (checked)"
    )
    print(f"processes  api, {', '.join(f'{number} {name}' for name, number in processes.items())}, beat; the floor: 1")
    print(
        f"servers    {'durable: every commit waits for the disk' if found['durable'] else 'THROWAWAY: commits do not wait for the disk'}"
    )
    print(f"\n{'step':<14}{'floor/s':>10}{'engine/s':>10}{'ratio':>8}")
    for step, each in found["steps"].items():
        print(f"{step:<14}{each['floor']:>10,.0f}{each['engine']:>10,.0f}{each['ratio']:>8.2f}")
    print(f"\n{'process':<40}{'peak MiB':>10}{'private':>10}{'CPU s':>8}")
    for name, each in sorted(found["memory"].items(), key=lambda item: -item[1]["peak_mib"]):
        print(f"{name:<40}{each['peak_mib']:>10.0f}{each['private_mib']:>10.0f}{each['cpu_s']:>8.1f}")
    print(f"largest: {max(each['peak_mib'] for each in found['memory'].values()):.0f} MiB")


def main() -> int:
    """Measure, print, and return the exit code: 0 unless work was lost or doubled."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--events", type=int, default=100_000, help="events posted, and touches due at one minute (100000)"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=1,
        help="runs of the engine, each between two of the floor; medians are compared (1)",
    )
    parser.add_argument("--matchers", type=int, default=2, help="matcher processes (2)")
    parser.add_argument("--planners", type=int, default=1, help="plan workers (1)")
    parser.add_argument("--posters", type=int, default=2, help="connections that post events (2)")
    parser.add_argument(
        "--throwaway", action="store_true", help="servers that do not wait for the disk; not for figures to be quoted"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, every single figure in it")
    options = parser.parse_args()
    logs.configure("warning", "benchmark")
    try:
        found = measure(
            Size(options.events, options.matchers, options.planners, options.posters), options.rounds, options.throwaway
        )
    except Incomplete as error:
        print(f"not all work was done once: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
