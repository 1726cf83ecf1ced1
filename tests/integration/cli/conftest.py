"""The real command line on real servers: one database, one API and one matcher for all its tests."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psycopg
import pytest

from engine.cli.app import run
from tests.conftest import Servers, _execute, _renamed

SOP = Path(sys.executable).parent / "sop"


@dataclass
class CommandLine:
    """Runs `sop` with standard output not being a terminal: within this process, or really as a shell would."""

    env: dict[str, str]
    cwd: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __call__(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command in this process: the same from its arguments to its exit code, without the second Python takes to start."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.setattr(
                "engine.logs.configure", lambda level, process: None
            )  # this process's logs are the other tests'
            for name in set(os.environ) - set(self.env):
                patch.delenv(name)
            for name, value in (self.env | env).items():
                patch.setenv(name, value)
            patch.chdir(self.cwd)
            code = run(list(arguments))
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def really(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a process of its own."""
        command = [str(SOP), *arguments]
        return subprocess.run(
            command, env=self.env | env, cwd=self.cwd, capture_output=True, text=True, timeout=90, check=False
        )

    def ok(self, *arguments: str, **env: str) -> str:
        """Run a command that must succeed and return what it printed."""
        done = self(*arguments, **env)
        assert done.returncode == 0, f"sop {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def lines(self, *arguments: str) -> list[list[str]]:
        """Run a command that must succeed and return its lines, cut at tabs."""
        return [line.split("\t") for line in self.ok(*arguments).splitlines()]

    def sessions(self) -> int:
        """Return how many connections commands have to the database."""
        url = self.env["SOP_DATABASE_URL"].replace("+psycopg", "")
        mine = (
            "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'sop cli'"
        )
        with psycopg.connect(url) as connection:
            return int(connection.execute(mine).fetchone()[0])

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command that runs until it is stopped."""
        process = subprocess.Popen(
            [str(SOP), *arguments], env=self.env, cwd=self.cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.started.append(process)
        return process

    def stop_all(self) -> None:
        for process in self.started:
            process.terminate()
        for process in self.started:
            process.wait(90)


@pytest.fixture(scope="module")
def sop(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The command line on a fresh database, with the shipped definitions applied, an admin key, the API and the matcher running."""
    name = f"sop_cli_{os.getpid()}"
    _execute(servers.database_url, f"create database {name} template {template}")
    folder = tmp_path_factory.mktemp("cli")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("SOP_", "LC_", "LANG", "PYTHONUNBUFFERED"))
    }
    env |= {
        "SOP_DATABASE_URL": _renamed(servers.database_url, name), "SOP_REDIS_URL": servers.redis_url, "SOP_API_PORT": str(port),
        "SOP_STATE_DIR": str(folder), "COLUMNS": "200", "NO_COLOR": "1", "PYTHONUTF8": "1",
    }  # fmt: skip
    sop = CommandLine(env, folder)
    try:
        sop.start("api")
        sop.start("matcher")
        sop.ok("init", "mine")  # meanwhile
        sop.ok("apply", "mine")
        (folder / "admin.key").write_text(sop.ok("key", "create", "test", "--scope", "admin"), encoding="utf-8")
        _await(f"http://127.0.0.1:{port}/healthz")
        yield sop
    finally:
        sop.stop_all()
        _execute(servers.database_url, f"drop database {name} with (force)")


def _await(url: str) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        with suppress(httpx2.HTTPError):
            if httpx2.get(url, timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"{url} did not answer")
