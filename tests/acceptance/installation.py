"""An installation as docker-compose.yml describes it, on this machine: every process by the very command that stands there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx2
from ruamel.yaml import YAML
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from engine.clocks import WallClock
from engine.processes import lifeline
from engine.services.operations.api_keys import ApiKeys
from engine.store.database import Row, connect, rows, transaction
from tests.support.places import ROOT

COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
BIN = Path(sys.executable).parent
ONCE = ("migrate", "definitions")
RUNNING = ("api", "matcher", "worker-plan", "worker-send", "beat")
PATIENCE = 90.0
"""Seconds after which a condition counts as never to come."""


def eventually(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Return what `condition` returns once that is true. Raises AssertionError saying `what` did not come about."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)
    return found


@contextmanager
def empty_database(server_url: str, name: str) -> Iterator[str]:
    """Yield the URL of a database without any table, dropped at the end."""
    server = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"create database {name}"))
    yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    server.dispose()


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Installation:
    """The engine's services, started, killed and started again by their names in docker-compose.yml.

    Parameters:
        database_url, redis_url: the servers, both empty.
        definitions: file name → YAML text.
        settings: more of the environment, e.g. SOP_PLAN_INTERVAL="0.2".
    """

    def __init__(self, database_url: str, redis_url: str, definitions: Mapping[str, str], **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sop-acceptance-", dir="/tmp"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._set = {"SOP_DATABASE_URL": database_url, "SOP_REDIS_URL": redis_url, "SOP_API_HOST": "127.0.0.1"}
        self._set |= {"SOP_API_PORT": str(self.port), "SOP_STATE_DIR": str(self.folder / "state"), **settings}
        self.engine: Engine = connect(database_url, name="sop test")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.key = ""
        for name, definition in definitions.items():
            self.define(name, definition)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._processes):
            self.kill(name)
        self.engine.dispose()
        shutil.rmtree(self.folder)

    def define(self, name: str, definition: str) -> None:
        """Write one file of the definitions folder."""
        path = self.folder / "sop_definitions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(definition, encoding="utf-8")

    def set_up(self) -> None:
        """Run what runs once, start what runs on, make a key, and wait until the API is ready."""
        for service in ONCE:
            done = self.run(service)
            assert done.returncode == 0, f"{service}: {done.stdout}{done.stderr}"
        self.key = ApiKeys(self.engine, WallClock()).create("test", ["admin"])
        self._set |= {"SOP_API_URL": self.url, "SOP_API_KEY": self.key}
        for service in RUNNING:
            self.start(service)
        self.await_working()

    def await_working(self) -> None:
        """Wait until the API answers and every kind of work has shown itself."""
        alive = "select count(*) from heartbeats where name in ('matcher', 'plan', 'send', 'beat')"
        eventually(lambda: self.answers() and self.count(alive) == 4, "every process works")

    def answers(self) -> bool:
        """Return whether events can be taken."""
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False

    # Processes

    def command(self, service: str) -> list[str]:
        """Return a service's command as docker-compose.yml has it, behind the image's entrypoint."""
        return self._here(["sop", *COMPOSE["services"][service]["command"]])

    def health_check(self, service: str) -> list[str]:
        """Return a service's health check as docker-compose.yml has it."""
        kind, *command = COMPOSE["services"][service]["healthcheck"]["test"]
        assert kind == "CMD"
        return self._here(command)

    def run(self, service: str) -> subprocess.CompletedProcess[str]:
        """Run a service that runs to its end."""
        return self._call(self.command(service), service)

    def check_health(self, service: str) -> subprocess.CompletedProcess[str]:
        """Run a service's health check."""
        return self._call(self.health_check(service), service)

    def sop(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line as an operator would in the API's container."""
        return self._call([str(BIN / "sop"), *arguments], "api")

    def start(self, service: str, name: str | None = None) -> None:
        """Start a service; under another `name`, one more of it."""
        name = name or service
        with self._output(name, "out").open("ab") as out, self._output(name, "err").open("ab") as err:
            command = lifeline.command(os.getpid(), self.command(service))  # becomes the command; dies with the tests
            self._processes[name] = subprocess.Popen(
                command, env=self._environment(service), cwd=self.folder, stdout=out, stderr=err
            )

    def kill(self, name: str) -> None:
        """End a process as a power cut does."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> int:
        """Ask a process to end, as `docker stop` does; return its exit code."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE)

    def is_running(self, name: str) -> bool:
        """Return whether a process has not ended by itself."""
        return self._processes[name].poll() is None

    def printed(self, name: str, stream: str) -> str:
        """Return what a process wrote to `out` or `err`, over all its lives."""
        return self._output(name, stream).read_text(encoding="utf-8")

    # The database

    def query(self, statement: str, **values: Any) -> list[Row]:
        """Return a query's rows."""
        with transaction(self.engine) as connection:
            return rows(connection, statement, **values)

    def count(self, statement: str, **values: Any) -> int:
        """Return the first column of a query's only row."""
        return int(self.query(statement, **values)[0][0])

    # Places: what is a path, a port or a host in a container, on this machine

    def _here(self, command: list[str]) -> list[str]:
        there = {"/sop_definitions": str(self.folder / "sop_definitions"), "http://127.0.0.1:8000": self.url}
        first, *rest = command
        for place, here in there.items():
            rest = [each.replace(place, here) for each in rest]
        return [str(BIN / first), *rest]

    def _environment(self, service: str) -> dict[str, str]:
        given = {"POSTGRES_PASSWORD": os.environ.get("PGPASSWORD", "unused"), **self._set}
        written = COMPOSE["services"][service]["environment"]
        told = {name: _interpolated(str(value), given) for name, value in written.items()}
        return {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            **told,
            **self._set,
        }

    def _call(self, command: list[str], service: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=self._environment(service),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )

    def _output(self, name: str, stream: str) -> Path:
        return self.folder / f"{name}.{stream}"


def _interpolated(written: str, given: Mapping[str, str]) -> str:
    """Return a value as Docker Compose reads it: `${NAME}`, `${NAME:-default}`, `${NAME:?complaint}`."""

    def value(match: re.Match[str]) -> str:
        name, operator, rest = match.groups()
        found = given.get(name, "")
        assert found or operator != ":?", f"{name}: {rest}"
        return found or (rest if operator == ":-" else "")

    return re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", value, written)
