"""The engine, driven through generated histories, against a small independent model: nothing may differ.

A history is a few SOPs, and then events (late, doubled, out of order), time passing, outages, new definitions, pauses and
resumes, with crashes just before or after any commit. `tests/simulation/model.py` says what must come of it; it knows the
definition language from its documentation and imports nothing of `engine.core`. What is compared: every timeline and how it
ended, every touch with its status, reason, channel and time, every refused start, and what the channels were given.

It was seen to fail, after so many histories of one run, when the engine was broken on purpose:

- an exit counted although it lies before the timeline's start (54);
- an older event overwrote a tag that a newer one had set (26);
- a message was not limited by the moment of the next one (4);
- events were marked as matched in a transaction of their own (38);
- what was sent was recorded before the channel was called (345);
- a generation counted as settled before its timelines were (76);
- a cap forgot the messages of today (10);
- opting out was not looked at when touches are claimed (140);
- quiet hours included the minute they end with (3);
- a touch whose sender died was sent again over a channel that honours no key (312).

What fails is made small and printed as Python that plays it again, from the project's folder. The same histories are played in
every run: the first 300, or as many as `SOP_TEST_HISTORIES` asks for; `.ci/run` plays 2,000.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.conftest import Servers
from tests.simulation.exploring import begin, explore
from tests.simulation.found import FOUND
from tests.simulation.history import History, Play

HISTORIES = int(os.environ.get("SOP_TEST_HISTORIES", "300"))
A_ROUND, PROCESSES = 50, max(2, min(4, os.cpu_count() or 2))

AT_LEAST = {
    "crash": 250, "two crashes": 100, "apply in flight": 120, "parked": 20, "held by a pause": 10, "held anew": 4,
    "held by cap": 40, "held by quiet_hours": 80, "moved by a day off": 50, "held by calendar": 10,
    "completed": 300, "exit": 80, "while_ended": 12, "active_again": 10, "by_sop": 25, "replaced": 12, "restarted": 20,
    "sop_removed": 5, "goal": 15, "goal after the end": 8,
    "sent": 400, "skipped before_start": 20, "skipped condition": 40, "skipped unknown": 30, "skipped expired": 80,
    "skipped no_date": 80, "skipped opted_out": 20, "skipped holdout": 15, "skipped passed": 1,
    "expired expired": 1, "cancelled timeline_ended": 1, "cancelled opted_out": 1,
    "refused already_active": 80, "refused already_had": 20, "refused cooldown": 20, "refused group_busy": 8,
    "refused no_key": 1, "refused not_accepting": 30, "refused stale_event": 25, "refused condition": 25,
    "refused unknown": 50, "refused while_not_met": 30,
}  # fmt: skip
"""What must have been met in so many histories of a thousand: were the generator to lose sight of it, nothing would be shown."""
ENOUGH = 300
"""Histories from which on that holds of a part of them; below, what is rare is met by chance."""

Place = tuple[str, str]
_numbers = itertools.count(1)


@pytest.fixture
def places(servers: Servers, template: str) -> Iterator[list[Place]]:
    """For each process a database, and a part of Redis."""
    admin = create_engine(servers.database_url, isolation_level="AUTOCOMMIT")
    names = [f"{template}_history_{next(_numbers)}" for _ in range(PROCESSES)]
    with admin.connect() as connection:
        for name in names:
            connection.execute(text(f"create database {name} template {template}"))
    urls = [make_url(servers.database_url).set(database=name).render_as_string(hide_password=False) for name in names]
    yield [(url, _redis_database(servers.redis_url, number)) for number, url in enumerate(urls, 1)]
    with admin.connect() as connection:
        for name in names:
            connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


def _redis_database(url: str, number: int) -> str:
    return f"{url}{'&' if '?' in url else '?'}db={number}"


def test_engine_and_model_agree(places: list[Place]) -> None:
    met = _explored(places)
    assert met["history"] >= HISTORIES
    wanted = {name: least * HISTORIES // 1_000 for name, least in AT_LEAST.items() if HISTORIES >= ENOUGH}
    assert {name: (met[name], least) for name, least in wanted.items() if met[name] < least} == {}, dict(met)


def _explored(places: list[Place]) -> Counter[str]:
    """Play the histories; what was met in how many of them."""
    spawning, met = multiprocessing.get_context("spawn"), Counter[str]()
    with spawning.Manager() as manager:
        queue = manager.Queue()
        for place in places:
            queue.put(place)
        with ProcessPoolExecutor(len(places), spawning, begin, (queue,)) as pool:
            rounds = [pool.submit(explore, number, A_ROUND) for number in range(-(-HISTORIES // A_ROUND))]
            for each in as_completed(rounds):
                seen, failure = each.result()
                if failure is not None:
                    pool.shutdown(wait=False, cancel_futures=True)
                    pytest.fail(failure, pytrace=False)
                met += seen
    return met


@pytest.mark.parametrize("history", FOUND.values(), ids=FOUND.keys())
def test_what_was_found_once(places: list[Place], history: History) -> None:
    play = Play(*places[0])
    play.run(history)
    play.close()
