"""The API on a real server in a thread of this process, with keys for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx2
import pytest
import redis
from sqlalchemy import Engine

from engine.api.parts import Parts
from engine.api.server import bind, server
from engine.clocks import VirtualClock, wall_now
from engine.queue import RedisHintQueue
from engine.services.ingest import Ingest
from engine.services.keys import Keys
from engine.services.readiness import Readiness
from engine.settings import Settings


@dataclass
class Api:
    """A running API: its address, its parts, and clients of it."""

    url: str
    parts: Parts

    def client(self, *scopes: str) -> httpx2.Client:
        """A client whose key has these scopes; without any, one without a key."""
        headers = {"Authorization": f"Bearer {self.key(*scopes)}"} if scopes else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30)

    def key(self, *scopes: str) -> str:
        """A new key."""
        return self.parts.keys.create("test", scopes)


def parts_on(engine: Engine, redis_url: str) -> Parts:
    """The API's parts over a database and a Redis, with business time starting now and standing still."""
    clock = VirtualClock(wall_now())
    hints = RedisHintQueue(redis.Redis.from_url(redis_url, socket_timeout=2, decode_responses=True))
    return Parts(
        engine=engine,
        clock=clock,
        ingest=Ingest(engine, clock, hints, lambda event: []),
        keys=Keys(engine, clock),
        settings=Settings(_env_file=None),  # type: ignore[call-arg]  # a keyword of pydantic-settings that its type hides
        ready=Readiness(engine, hints),
        version="test",
    )


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
        thread.join(15)
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
