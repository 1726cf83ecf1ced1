"""The parent's side: start the guard, know where the servers answer, stop them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from engine.core.errors import InstallationError
from engine.core.sentence import Sentence
from engine.core.stored_sentence import unpacked
from engine.embedded.programs import require_wheels
from engine.embedded.state import StateFolder
from engine.embedded.urls import Urls
from engine.processes.supervisor import open_log

_STOP_PATIENCE = 60.0

OnProgress = Callable[[str], None]


class EmbeddedServers:
    """A running PostgreSQL and Valkey that end with this process, however it ends, or with `stop`."""

    def __init__(self, guard: subprocess.Popen[bytes], urls: Urls, pids: dict[str, int]) -> None:
        """Take over a guard that has said `ready`; use `EmbeddedServers.start` to get one."""
        self._guard = guard
        self._urls = urls
        self._pids = pids

    @classmethod
    def start(cls, state_dir: Path, on_progress: OnProgress | None = None, *, throwaway: bool = False) -> Self:
        """Start both servers on a state folder and return when both answer.

        Parameters:
            state_dir: folder of the data, logs and sockets; made if missing. What is in it survives a restart.
            on_progress: called with a sentence whenever something that takes time begins.
            throwaway: do not wait for the disk; a power failure may ruin the data. For tests and benchmarks.

        Raises InstallationError if the extra `embedded` is not installed, the folder is in use or not usable, or a
        server does not start.
        """
        state = StateFolder.at(state_dir)
        require_wheels()
        state.prepare()
        guard = _spawn_guard(state, throwaway)
        try:
            _await_ready(guard, state, on_progress or (lambda _: None))
            content = state.published()
            urls = state.published_urls()
        except BaseException:
            _end(guard)
            raise
        if content is None or urls is None:
            _end(guard)
            raise InstallationError(
                Sentence("the servers ended right after their start; see the logs in {folder}", folder=state.logs)
            )
        return cls(guard, urls, content["pids"])

    @property
    def database_url(self) -> str:
        """Where PostgreSQL answers, for SQLAlchemy with psycopg."""
        return self._urls.database_url

    @property
    def redis_url(self) -> str:
        """Where Valkey answers, for redis-py; for Celery see `broker_url`."""
        return self._urls.redis_url

    @property
    def pids(self) -> dict[str, int]:
        """The process ids at the start: `guard`, `postgresql`, `valkey`."""
        return {"guard": self._guard.pid, **self._pids}

    def stop(self) -> None:
        """Stop both servers in an orderly way and return when they are gone. May be called again."""
        _end(self._guard)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def running(state_dir: Path) -> Urls | None:
    """Return where the servers of a state folder answer, if they just did. For a second terminal; starts nothing."""
    urls = StateFolder(state_dir.expanduser().resolve()).published_urls()
    return urls if urls and _answers(urls) else None


def _spawn_guard(state: StateFolder, throwaway: bool) -> subprocess.Popen[bytes]:
    with open_log(state.logs / "guard.log") as log:
        return subprocess.Popen(  # noqa: S603  # this package itself
            [sys.executable, "-m", "engine.embedded", str(state.path), *(["--throwaway"] if throwaway else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal is for us; the servers go last
        )


def _await_ready(guard: subprocess.Popen[bytes], state: StateFolder, on_progress: OnProgress) -> None:
    assert guard.stdout is not None
    for line in guard.stdout:
        said: dict[str, Any] = json.loads(line)
        if "ready" in said:
            return
        if "error" in said:
            raise InstallationError(unpacked(said["error"]))
        on_progress(unpacked(said["progress"]))
    raise InstallationError(
        Sentence("the guard of the embedded servers ended without a word; see {file}", file=state.logs / "guard.log")
    )


def _end(guard: subprocess.Popen[bytes]) -> None:
    """Close the guard's standard input, which tells it to stop the servers, and wait until it has."""
    for pipe in (guard.stdin, guard.stdout):
        if pipe is not None:
            pipe.close()
    try:
        guard.wait(_STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        guard.kill()  # the servers are then ended by the kernel (Linux) or by the next start
        guard.wait()


def _answers(urls: Urls) -> bool:
    import redis  # only here: the guard imports this package too, and needs no client

    try:
        psycopg.connect(urls.database_url.replace("+psycopg", "", 1), connect_timeout=2).close()
        with redis.Redis.from_url(urls.redis_url, socket_timeout=2) as client:
            return bool(client.ping())
    except (psycopg.Error, redis.RedisError):
        return False
