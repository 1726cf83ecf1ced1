"""The API as a process of its own: it says where it listens, and ends cleanly with nothing half done."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Engine

from engine.api.server import bind
from engine.clocks import WallClock
from engine.core.errors import InstallationError
from engine.services.operations.api_keys import ApiKeys
from engine.store.database import rows, transaction


@pytest.fixture
def process(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address."""
    settings = {
        "SOP_DATABASE_URL": database_url,
        "SOP_REDIS_URL": redis_url,
        "SOP_API_PORT": "0",
        "SOP_STATE_DIR": str(tmp_path),
    }
    running = subprocess.Popen(
        [sys.executable, "-m", "engine.api"],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert running.stdout is not None
    lines = iter(running.stdout.readline, "")
    port = next(found[1] for line in lines if "api.listening" in line and (found := re.search(r"port\W+(\d+)", line)))
    yield running, f"http://127.0.0.1:{port}"
    running.kill()
    running.wait()
    running.stdout.close()


def test_told_to_stop_it_answers_what_is_under_way_and_ends_with_success(
    process: tuple[subprocess.Popen[str], str], engine: Engine
) -> None:
    running, url = process
    key = ApiKeys(engine, WallClock()).create("test", ["events:write"])
    lines = "\n".join(
        json.dumps({"source": "crm", "id": f"e-{n}", "type": "visit", "subject": "c"}) for n in range(5000)
    )
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
    with ThreadPoolExecutor(1) as thread, httpx2.Client(base_url=url, headers=headers, timeout=30) as client:
        assert client.get("/healthz").status_code == 200
        answer = thread.submit(client.post, "/v1/events", content=lines)
        while not _inbox(engine):
            assert running.poll() is None
        running.send_signal(signal.SIGTERM)
        assert answer.result().json()["accepted"] == 5000
    assert running.wait(90) == 0
    assert _inbox(engine) == 5000


def _inbox(engine: Engine) -> int:
    with transaction(engine) as connection:
        return int(rows(connection, "select count(*) as n from events")[0].n)


def test_an_address_in_use_is_named_with_the_remedy() -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(InstallationError, match="SOP_API_PORT"):
        bind("127.0.0.1", taken.getsockname()[1])
