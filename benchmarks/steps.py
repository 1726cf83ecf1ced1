"""The measured steps of one run of the engine, and the checks that every step did all of its work once."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import orjson
import psycopg

from benchmarks.installation import CHANNEL, Installation
from engine.adapters.hint_queue import RedisHintQueue
from engine.store.database import run, scalar, transaction

BATCH = 5_000
"""Events per post."""
FIRST_DAY = datetime(2026, 3, 1, 2, tzinfo=UTC)
"""10:00 in Shanghai."""
_POLL = 0.02
_PATIENCE = 600.0


class Incomplete(Exception):
    """A step did not do all of its work, or did some of it twice."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured, and with how many processes."""

    events: int
    matchers: int
    planners: int
    posters: int


def run_engine(here: Installation, size: Size) -> dict[str, float]:
    """Measure each step on its own, then everything at once, and return how many each did a second."""
    here.clock.move(FIRST_DAY)
    here.start_api()
    rates = _steps_alone(here, size)
    rates |= _all_at_once(here, size)
    _check(here, size)
    return rates


def _steps_alone(here: Installation, size: Size) -> dict[str, float]:
    """Intake with no matcher running; matching of what waits; planning with the channel paused; sending once it is not."""
    intake = _post(here, _bodies("a", size.events, FIRST_DAY), size.posters)
    began = here.start_matchers(size.matchers)
    matched = _await(here, "timelines", "select count(*) from events where matched_at is not null", size.events) - began
    here.start_workers(size.planners)
    _pause(here, True)
    began = _make_due(here, FIRST_DAY + timedelta(days=1))
    planned = _await(here, "touches", "select count(*) from touches", size.events) - began
    began = time.monotonic()
    _pause(here, False)
    sent = _await(here, "attempts", "select count(*) from touches where status = 'sent'", size.events) - began
    n = size.events
    return {"inbox": n / intake, "match": n / matched, "plan": n / planned, "send": n / sent}


def _all_at_once(here: Installation, size: Size) -> dict[str, float]:
    """Events posted while matchers match; then a minute at which that many touches are due, planned and sent side by side."""
    n, today = size.events, FIRST_DAY + timedelta(days=1, hours=2)
    here.clock.move(today)
    began = time.monotonic()
    _post(here, _bodies("b", n, today), size.posters)
    through = _await(here, "timelines", "select count(*) from events where matched_at is not null", 2 * n) - began
    began = _make_due(here, FIRST_DAY + timedelta(days=2))
    dispatched = _await(here, "attempts", "select count(*) from touches where status = 'sent'", 2 * n) - began
    return {"inbox+match": n / through, "plan+send": n / dispatched}


# ── doing ────────────────────────────────────────────────────────────────────────────────────────────────────


def _bodies(prefix: str, number: int, at: datetime) -> list[bytes]:
    """Return the bodies to post: one tag.added for each of `number` customers."""
    stamp = at.isoformat()
    lines = [
        orjson.dumps({
            "specversion": "1.0", "source": "crm", "id": f"{prefix}{i}", "type": "tag.added", "subject": f"{prefix}{i}",
            "time": stamp, "data": {"tag": "vip", "by": "sales"},
        })
        for i in range(number)
    ]  # fmt: skip
    return [b"\n".join(lines[start : start + BATCH]) for start in range(0, number, BATCH)]


def _post(here: Installation, bodies: Sequence[bytes], posters: int) -> float:
    """Post the bodies over so many connections and return the seconds until the last answer."""
    headers = {"Authorization": f"Bearer {here.key}", "Content-Type": "application/x-ndjson"}
    with httpx2.Client(headers=headers, timeout=60) as client, ThreadPoolExecutor(posters) as threads:
        began = time.monotonic()
        answers = list(threads.map(lambda body: client.post(here.url, content=body), bodies))
        seconds = time.monotonic() - began
    for sent, answer in zip(bodies, answers, strict=True):
        accepted = answer.json().get("accepted") if answer.status_code == 202 else None
        if accepted != sent.count(b"\n") + 1:
            raise Incomplete(
                f"a batch of {sent.count(10) + 1} events was answered with {answer.status_code}: {answer.text[:300]}"
            )
    return seconds


def _pause(here: Installation, paused: bool) -> None:
    """Hold the channel, or let it go and say so."""
    with transaction(here.wiring.engine) as connection:
        if paused:
            run(connection, "insert into pauses (kind, name, since) values ('channel', :name, now())", name=CHANNEL)
        else:
            run(connection, "delete from pauses where kind = 'channel' and name = :name", name=CHANNEL)


def _make_due(here: Installation, at: datetime) -> float:
    """Move business time, hint that due work may wait, and return when that was."""
    began = time.monotonic()
    here.clock.move(at)
    RedisHintQueue(here.wiring.redis).look_for_due()
    return began


def _await(here: Installation, table: str, count: str, wanted: int) -> float:
    """Return when `count` was seen to be `wanted`. The table's last id is asked first: it costs nothing while others work."""
    end = time.monotonic() + _PATIENCE
    with psycopg.connect(_plain(here), autocommit=True) as connection:
        last = f"select coalesce(max(id), 0) from {table}"
        while time.monotonic() < end:
            if _number(connection, last) >= wanted and _number(connection, count) >= wanted:
                return time.monotonic()
            here.supervisor.poll()
            time.sleep(_POLL)
    raise Incomplete(f"{wanted} were awaited for {_PATIENCE:.0f} s: {count}")


def _number(connection: psycopg.Connection[Any], statement: str) -> int:
    found = connection.execute(statement).fetchone()
    return int(found[0]) if found else 0


def _plain(here: Installation) -> str:
    return here.wiring.urls[0].replace("+psycopg", "", 1)


# ── checking ─────────────────────────────────────────────────────────────────────────────────────────────────


def _check(here: Installation, size: Size) -> None:
    """Compare what is in the database, and what reached the channel, with what was posted. Raises Incomplete."""
    wanted = 2 * size.events
    counts = {
        "events matched": "select count(*) from events where matched_at is not null",
        "timelines": "select count(*) from timelines where sop = 'vip' and state = 'active'",
        "touches sent": "select count(*) from touches where step = 'd1' and status = 'sent'",
        "touches": "select count(*) from touches",
        "tries": "select count(*) from attempts",
    }
    with transaction(here.wiring.engine) as connection:
        found = {name: int(scalar(connection, statement)) for name, statement in counts.items()}
    lines = here.touches.read_bytes().splitlines()
    found["lines at the channel"] = len(lines)
    found["keys at the channel"] = len({json.loads(line)["key"] for line in lines})
    wrong = {name: number for name, number in found.items() if number != wanted}
    if wrong:
        raise Incomplete(f"each of these should be {wanted}: {wrong}")
