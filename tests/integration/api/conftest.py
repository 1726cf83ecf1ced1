"""The API on a real server in a thread of this process, with keys for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from engine.api import problems
from engine.api.dependencies import Parts
from engine.api.server import bind, server
from engine.core.sentence import Sentence
from tests.support.said import untranslated
from tests.support.serving import Api, parts_on


@pytest.fixture(autouse=True)
def refused(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Sentence]]:
    """What the API refused in this test. All of it, whatever the test is about, can be said in Chinese."""
    told: list[Sentence] = []
    respond = problems.respond

    def remember(asking: Request, status: int, detail: Sentence, **more: Any) -> Response:
        told.append(detail)
        told.extend(each["error"] for each in (more.get("extra") or {}).get("rejected", []))
        return respond(asking, status, detail, **more)

    monkeypatch.setattr(problems, "respond", remember)
    yield told
    if not getattr(request.function, "is_hypothesis_test", False):  # whose values may be any text
        assert {each: words for each in told if (words := untranslated(each))} == {}


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
