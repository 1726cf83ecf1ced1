"""The guard: one process that holds a state folder, runs both servers, and stops them when its parent ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from engine.core.errors import InstallationError
from engine.core.sentence import Sentence
from engine.core.stored_sentence import packed
from engine.embedded.parent import Parent, ParentGone
from engine.embedded.postgresql import PostgreSQL
from engine.embedded.programs import Programs, programs, server_account
from engine.embedded.state import StateFolder
from engine.embedded.urls import Urls, socket_urls
from engine.embedded.valkey import Valkey

_log = structlog.get_logger(__name__)

_WATCH_INTERVAL = 0.5

Server = PostgreSQL | Valkey


def guard(state_dir: Path, *, throwaway: bool) -> int:
    """Run the servers of a state folder until standard input closes or a signal comes; return the exit code.

    Says on standard output, a JSON object per line, what it does (`progress`), that both servers answer (`ready`),
    or why they do not (`error`).
    """
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr), processors=[*_log_processors()])
    parent = Parent()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, parent.heed)
    try:
        _serve(StateFolder.at(state_dir), parent, throwaway)
    except ParentGone:
        _log.info("parent_gone_while_starting")
    except InstallationError as error:
        _log.error("guard_failed", error=str(error))
        _tell("error", error.message)
        return 1
    return 0


def _log_processors() -> Iterator[structlog.typing.Processor]:
    yield structlog.processors.add_log_level
    yield structlog.processors.TimeStamper(fmt="iso")
    yield structlog.processors.JSONRenderer(ensure_ascii=False)


def _serve(state: StateFolder, parent: Parent, throwaway: bool) -> None:
    def say_waiting() -> None:
        _tell("progress", Sentence("Waiting for the previous servers to stop"))

    with state.locked(os.getppid(), parent, say_waiting):
        _forget_earlier(state)
        account = server_account()
        if account:
            state.admit(account)
        allowed = programs(account, copies=state.path / "programs")
        with _sockets(state, allowed) as sockets, _running(state, sockets, allowed, parent, throwaway) as servers:
            _publish(state, servers, socket_urls(sockets))
            _tell("ready", "")
            _watch(state, servers, parent, socket_urls(sockets))


def _forget_earlier(state: StateFolder) -> None:
    """Remove the addresses a killed guard left, so that nobody is sent to a server about to be ended."""
    earlier = state.published()
    state.unpublish()
    if earlier and not Path(earlier["sockets"]).is_relative_to(state.path):
        shutil.rmtree(earlier["sockets"], ignore_errors=True)


@contextmanager
def _sockets(state: StateFolder, allowed: Programs) -> Iterator[Path]:
    """Make the sockets' folder, enterable by the servers' user only (and root), and remove it afterwards."""
    folder = state.socket_folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    if allowed.account:
        shutil.chown(folder, allowed.account.pw_uid, allowed.account.pw_gid)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(
    state: StateFolder, sockets: Path, allowed: Programs, parent: Parent, throwaway: bool
) -> Iterator[tuple[Server, Server]]:
    """Start both servers; afterwards tell others that they are going, and stop them."""
    servers = (
        PostgreSQL(state.postgresql, sockets, state.logs / "postgresql.log", allowed, parent, throwaway),
        Valkey(state.valkey, sockets, state.logs / "valkey.log", allowed, parent, throwaway),
    )
    try:
        for server in servers:
            _start(server)
        yield servers
    finally:
        state.leave()
        state.unpublish()
        for server in servers:
            server.ask_to_stop()
        for server in servers:
            server.stop()
        _log.info("servers_stopped")


def _start(server: Server) -> None:
    server.clear()
    if not server.data.exists():
        _tell(
            "progress", Sentence("Preparing {server} in {folder} (first start)", server=server.name, folder=server.data)
        )
    server.prepare()
    _tell("progress", Sentence("Starting {server}", server=server.name))
    server.start()
    _log.info("server_started", server=server.name)


def _watch(state: StateFolder, servers: tuple[Server, Server], parent: Parent, urls: Urls) -> None:
    while not parent.gone(_WATCH_INTERVAL):
        died = [server for server in servers if not server.alive()]
        for server in died:
            _log.error("server_died", server=server.name)
            server.clear()
            server.start()
            _log.info("server_restarted", server=server.name)
        if died:
            _publish(state, servers, urls)


def _publish(state: StateFolder, servers: tuple[Server, Server], urls: Urls) -> None:
    pids = {server.name.lower(): server.process.pid for server in servers if server.process}
    state.publish(urls, pids, servers[0].sockets)


def _tell(kind: str, text: str) -> None:
    with suppress(BrokenPipeError):  # the parent is gone; the next look at standard input ends this
        sys.stdout.write(json.dumps({kind: packed(text)}) + "\n")
        sys.stdout.flush()
