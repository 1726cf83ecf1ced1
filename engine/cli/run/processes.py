"""`sop api · matcher · worker · beat`: one process each, for production. Each becomes the process it starts."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from engine.cli import panels
from engine.processes.supervisor import Supervisor
from engine.settings import Settings

CELERY = [sys.executable, "-m", "celery", "--app", "workers.celery_app", "--quiet"]
_QUIET = ["--loglevel", "WARNING"]


class Queue(StrEnum):
    """The two kinds of Celery's work."""

    plan = "plan"
    send = "send"


def api_command() -> list[str]:
    """Return the command of the API's process."""
    return [sys.executable, "-m", "engine.api"]


def matcher_command() -> list[str]:
    """Return the command of the matcher's process."""
    return [sys.executable, "-m", "workers.matcher"]


def worker_command(queue: str, threads: int) -> list[str]:
    """Return the command of a Celery worker: threads in one process, so that nothing outlives its parent."""
    options = ["--queues", queue, "--pool", "threads", "--concurrency", str(threads), "--hostname", f"{queue}@%h"]
    return [*CELERY, "worker", *options, "--without-gossip", "--without-mingle", "--without-heartbeat", *_QUIET]


def beat_command() -> list[str]:
    """Return the command of Celery's beat. Its few entries are intervals; it keeps no file."""
    return [*CELERY, "beat", "--scheduler", "celery.beat:Scheduler", "--pidfile=", *_QUIET]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=panels.PROCESSES)(api)
    app.command(rich_help_panel=panels.PROCESSES)(matcher)
    app.command(rich_help_panel=panels.PROCESSES)(worker)
    app.command(rich_help_panel=panels.PROCESSES)(beat)


def api() -> None:
    """Take events over HTTP (SOP_API_HOST, SOP_API_PORT)."""
    _become(api_command())


def matcher() -> None:
    """Match events into timelines. Several may run side by side."""
    _become(matcher_command())


def worker(
    queue: Annotated[Queue | None, typer.Argument(help="plan or send; without it, one of each.")] = None,
) -> None:
    """Plan what is due, or send what is ready. Several of each may run side by side."""
    settings = Settings()
    commands = {
        name: worker_command(name, 1 if name == "plan" else settings.send_concurrency) for name in ("plan", "send")
    }
    if queue is not None:
        _become(commands[queue.value])
    supervisor = Supervisor()
    for name, command in commands.items():
        supervisor.start(name, command)
    try:
        supervisor.wait()
    finally:
        supervisor.stop()


def beat() -> None:
    """Tick: one is enough, two do no harm."""
    _become(beat_command())


def _become(command: list[str]) -> None:
    os.execv(command[0], command)  # noqa: S606 - a command of our own, no shell
