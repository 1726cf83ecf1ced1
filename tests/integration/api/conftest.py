"""The API on a real server in a thread of this process, with keys for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import httpx2
import pytest
from sqlalchemy import Engine

from engine.api.dependencies import Parts
from engine.api.server import bind, server
from tests.support.serving import Api, parts_on


@pytest.fixture
def serving() -> Iterator[Callable[[Parts], Api]]:
    """Serves parts until the test ends."""
    running = []

    def serve(parts: Parts) -> Api:
        listening = bind("127.0.0.1", 0)
        api = server(parts)
        thread = threading.Thread(target=api.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        running.append((api, thread))
        return Api(f"http://127.0.0.1:{listening.getsockname()[1]}", parts)

    yield serve
    for api, thread in running:
        api.should_exit = True
        thread.join(90)
        assert not thread.is_alive()


@pytest.fixture
def api(serving: Callable[[Parts], Api], engine: Engine, redis_url: str) -> Api:
    """The API over this test's database."""
    return serving(parts_on(engine, redis_url))


@pytest.fixture
def client(api: Api) -> Iterator[httpx2.Client]:
    """A client that may do everything."""
    with api.client("admin") as client:
        yield client
