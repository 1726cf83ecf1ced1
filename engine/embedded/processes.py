"""A server's process: started so that it dies with the guard, awaited, or found where a killed guard left it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

import psutil
import structlog

from engine.embedded.programs import Programs
from engine.processes import lifeline

_log = structlog.get_logger(__name__)

_STALE_GRACE = 10.0
_POLL = 0.02


def spawn(
    programs: Programs, argv: list[str | Path], folder: Path, output: IO[bytes], deathsig: int
) -> subprocess.Popen[bytes]:
    """Start a server as the servers' user, in `folder`, to be sent `deathsig` when the guard dies.

    Parameters:
        argv: the command line; nothing is looked up in a shell.
        output: what the server writes goes there.
        deathsig: number of a signal.
    """
    account = programs.account
    return subprocess.Popen(  # noqa: S603  # the wheels' own programs
        argv,
        cwd=folder,
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},  # PGPORT, PGDATA and the like must not reach it
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        umask=0o077,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        # The guard has a single thread, which is what makes this safe.
        preexec_fn=partial(lifeline.die_with_parent, os.getpid(), deathsig),
    )


def await_end(process: subprocess.Popen[bytes], signals: list[int], patience: float) -> None:
    """Wait for a process to end, sending the next, harsher one of `signals` whenever `patience` seconds have passed."""
    for signum in signals:
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            _log.warning("server_slow_to_end", pid=process.pid, signal=signal.Signals(signum).name)
            process.send_signal(signum)
    process.wait()


def end_stale(folder: Path, program: str, signum: int) -> None:
    """Ask every `program` still working in `folder`, left by a guard that was killed, to end, and see that it does.

    Both servers work inside their data folder, which tells them surely; a process id in a file may be another's by now.
    """
    stale = [process for process in psutil.process_iter() if _works_in(process, folder, program)]
    for process in stale:
        _log.warning("stale_server_found", program=program, pid=process.pid, folder=str(folder))
        _ask(process, signum)
    for process in _left(stale, folder, program):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _left(stale, folder, program)


def _left(processes: list[psutil.Process], folder: Path, program: str) -> list[psutil.Process]:
    """Wait a while for processes to end; return those that have not. A zombie counts as ended, whoever neglects it."""
    deadline = time.monotonic() + _STALE_GRACE
    left = processes
    while left and time.monotonic() < deadline:
        left = [process for process in left if _works_in(process, folder, program)]
        time.sleep(_POLL)
    return left


def _ask(process: psutil.Process, signum: int) -> None:
    with suppress(psutil.NoSuchProcess):  # gone with the one asked before it
        process.resume()  # a stopped process cannot obey
        process.send_signal(signum)


def _works_in(process: psutil.Process, folder: Path, program: str) -> bool:
    try:
        return process.name().startswith(program) and process.cwd() == str(folder)
    except psutil.Error:
        return False
