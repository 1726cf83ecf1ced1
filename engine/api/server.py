"""The API as a server."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType

import structlog
import uvicorn

from engine.api.app import create_app
from engine.api.dependencies import Parts
from engine.core.errors import InstallationError
from engine.core.foreign_texts import SYSTEM
from engine.core.sentence import Sentence
from engine.processes.collector import spare_the_collector

_log = structlog.get_logger(__name__)

GRACE_SECONDS = 10
"""Requests under way get so long to end when the server is told to stop."""

_BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """Return a socket listening at host and port (0: any free one). Raises InstallationError where that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise InstallationError(
            Sentence(
                "cannot listen on {host}:{port}: {error}; set SOP_API_HOST and SOP_API_PORT",
                host=host,
                port=port,
                error=SYSTEM.said(error.strerror or type(error).__name__),
            )
        ) from error
    return listening


def serve(parts: Parts, host: str, port: int, *, announce: Callable[[str, int], None] | None = None) -> None:
    """Serve the API until SIGINT or SIGTERM, then let requests under way end.

    Parameters:
        port: 0 takes any free one.
        announce: called with host and the chosen port once connections are taken.

    Raises InstallationError where the address cannot be used.
    """
    with bind(host, port) as listening:
        chosen = int(listening.getsockname()[1])
        _log.info("api.listening", host=host, port=chosen)
        if announce:
            announce(host, chosen)
        spare_the_collector()
        _run(server(parts), listening)
    _log.info("api.stopped", port=chosen)


def _run(running: uvicorn.Server, listening: socket.socket) -> None:
    """Run to a clean end. uvicorn raises the signal that stopped it once more, which would end the process as if killed."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        running.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        running.run(sockets=[listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def server(parts: Parts) -> uvicorn.Server:
    """Return the server for the API, not yet running."""
    config = uvicorn.Config(
        create_app(parts),
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=30,
        lifespan="on",
    )
    return uvicorn.Server(config)
