"""An installation of its own: servers in a temporary folder, a fresh database per run, the engine's real processes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from benchmarks.memory import Watch
from engine import definitions_yaml
from engine.cli.run.processes import api_command, beat_command, matcher_command, worker_command
from engine.cli.run.up import await_api, environment
from engine.clocks import SteppedClock
from engine.core.errors import DefinitionError
from engine.embedded import EmbeddedServers
from engine.processes.supervisor import Supervisor
from engine.settings import Settings, temporary_state_dir
from engine.store import schema
from engine.wiring import CHANNEL_TYPES, Wiring

DEFINITIONS = Path(__file__).with_name("definitions")
CHANNEL = "out"
_PATIENCE = 60.0


@contextmanager
def servers(throwaway: bool) -> Iterator[tuple[EmbeddedServers, Path]]:
    """Yield servers in a temporary folder, and the folder; both are gone afterwards."""
    folder = temporary_state_dir("sop-benchmark-")
    try:
        with EmbeddedServers.start(folder, throwaway=throwaway) as embedded:
            yield embedded, folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(embedded: EmbeddedServers, name: str) -> Iterator[str]:
    """Yield the URL of a new database; its data are gone afterwards, so that nobody vacuums them meanwhile."""
    url = make_url(embedded.database_url)
    plain = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("checkpoint")
        connection.execute(f'create database "{name}"')
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f'drop database "{name}" with (force)')


@dataclass
class Installation:
    """The engine, installed on one database, with the processes that were started."""

    settings: Settings
    touches: Path
    """What the channel writes."""
    supervisor: Supervisor
    wiring: Wiring
    clock: SteppedClock
    key: str
    watch: Watch
    _started: dict[str, float] = field(default_factory=dict)
    _lines: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """Where events are posted."""
        return f"http://{self.settings.api_host}:{self.settings.api_port}/v1/events"

    def start_api(self) -> None:
        """Start the API and return once it answers."""
        self.supervisor.start("api", api_command(), self._environment())
        await_api(self.settings, self.supervisor)

    def start_matchers(self, number: int) -> float:
        """Start matchers; return the moment (monotonic seconds) at which the first had started."""
        names = [f"matcher-{index + 1}" for index in range(number)]
        for name in names:
            self.supervisor.start(name, matcher_command(), self._environment())
        with self._lines:
            if not self._lines.wait_for(lambda: any(name in self._started for name in names), _PATIENCE):
                raise RuntimeError(
                    f"no matcher started within {_PATIENCE:.0f} s; see {self.settings.state_dir / 'logs'}"
                )
            return min(self._started[name] for name in names if name in self._started)

    def start_workers(self, planners: int) -> None:
        """Start the workers and beat, and return once they do their work."""
        for index in range(planners):
            self.supervisor.start(f"plan-{index + 1}", worker_command("plan", 1), self._environment())
        self.supervisor.start("send", worker_command("send", self.settings.send_concurrency), self._environment())
        self.supervisor.start("beat", beat_command(), self._environment())
        self._await_heartbeats({"plan", "send"})

    def _await_heartbeats(self, wanted: set[str]) -> None:
        from engine.store import installation
        from engine.store.database import transaction

        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            with transaction(self.wiring.engine) as connection:
                if wanted <= set(installation.heartbeats(connection)):
                    return
            time.sleep(0.1)
        raise RuntimeError(
            f"the workers did not start within {_PATIENCE:.0f} s; see {self.settings.state_dir / 'logs'}"
        )

    def said(self, name: str, line: str) -> None:
        """Note when a process said that it has started (called from the threads that read what they print)."""
        if '"matcher.started"' in line and json.loads(line).get("event") == "matcher.started":
            with self._lines:
                self._started[name] = time.monotonic()
                self._lines.notify_all()

    def _environment(self) -> dict[str, str]:
        return {**environment(self.settings), "BENCHMARK_TOUCHES": str(self.touches)}


@contextmanager
def installation(embedded: EmbeddedServers, database_url: str, folder: Path, number: int) -> Iterator[Installation]:
    """Yield the engine installed on a database: migrated, the benchmark's definitions applied, a key made, nothing started."""
    settings = Settings(
        database_url=SecretStr(database_url), redis_url=SecretStr(embedded.redis_url), state_dir=folder / f"run-{number}",
        api_port=_free_port(), clock="stepped",
    )  # fmt: skip
    settings.state_dir.mkdir(mode=0o700)
    touches = settings.state_dir / "touches.ndjson"
    wiring = Wiring(settings, "benchmark")
    with redis.Redis.from_url(embedded.redis_url) as client:
        client.flushdb()
    schema.upgrade(wiring.engine)
    clock = SteppedClock(wiring.engine)
    made: list[Installation] = []
    supervisor = Supervisor(
        log_dir=settings.state_dir / "logs",
        on_line=lambda name, line: made[0].said(name, line) if made else None,
        restart=False,
    )
    roots = {f"{name} (server)": pid for name, pid in embedded.pids.items() if name != "guard"}
    with supervisor, Watch(lambda: {**roots, **supervisor.pids}) as watch:
        made.append(Installation(settings, touches, supervisor, wiring, clock, "", watch))
        yield made[0]
    wiring.engine.dispose()


def apply_definitions(here: Installation) -> None:
    """Put the benchmark's definitions in force and make a key. The clock must have been set."""
    os.environ["BENCHMARK_TOUCHES"] = str(here.touches)
    loaded = definitions_yaml.load(DEFINITIONS, CHANNEL_TYPES)
    if loaded.errors:
        raise DefinitionError(definitions_yaml.render_problems(loaded.problems))
    ids = {file: sop for sop, file in loaded.files.items()}
    here.wiring.definition_applier.apply(
        {name: (ids.get(name), text) for name, text in loaded.sources.items()}, "benchmark"
    )
    here.key = here.wiring.api_keys.create("benchmark", ["events:write"])


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
