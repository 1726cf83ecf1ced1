"""The engine, driven through generated histories, against a small independent model: nothing may differ.

A history is a few SOPs, and then events (late, doubled, out of order), time passing, outages, new definitions, pauses and
resumes, with crashes just before or after any commit. `tests/simulation/model.py` says what must come of it; it knows the
definition language from its documentation and imports nothing of `engine.core`. What is compared: every timeline and how it
ended, every touch with its status, reason, channel and time, every refused start, and what the channels were given.

This was seen to fail when the engine was broken on purpose: BREAKS

What fails is printed as Python that plays it again: `python -c "..."` from the project's folder.
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

HISTORIES = int(os.environ.get("SOP_TEST_HISTORIES", "2000"))
A_ROUND, PROCESSES = 50, max(2, min(4, os.cpu_count() or 2))

AT_LEAST = {}
"""What must have been met in so many histories of a thousand: were the generator to lose sight of it, nothing would be shown."""

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
    print(dict(sorted(met.items())))
    assert met["history"] >= HISTORIES
    assert {name: met[name] for name, least in AT_LEAST.items() if met[name] < least * HISTORIES / 1_000} == {}


def _explored(places: list[Place]) -> Counter[str]:
    """Play the histories; what was met in how many of them."""
    spawning, met = multiprocessing.get_context("spawn"), Counter[str]()
    with spawning.Manager() as manager:
        queue = manager.Queue()
        for place in places:
            queue.put(place)
        with ProcessPoolExecutor(len(places), spawning, begin, (queue,)) as pool:
            rounds = [pool.submit(explore, number, A_ROUND) for number in range(HISTORIES // A_ROUND)]
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
