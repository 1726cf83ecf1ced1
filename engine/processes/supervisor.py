"""Named child processes that are kept running and end together with this process, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, Self

import structlog

from engine.core.errors import InstallationError
from engine.core.sentence import Sentence
from engine.processes import lifeline

_log = structlog.get_logger(__name__)

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 10.0
_HEALTHY_AFTER = 30.0
_ORPHAN_GRACE = 3.0
_READER_PATIENCE = 2.0
_POLL = 0.1
_LOG_LIMIT = 10 * 1024 * 1024

OnLine = Callable[[str, str], None]


def open_log(path: Path) -> IO[bytes]:
    """Open a log file for appending, private to this user; one over 10 MiB is first set aside as `<name>.1`."""
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        path.replace(path.with_name(path.name + ".1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0)


@dataclass
class _Child:
    name: str
    argv: list[str]
    env: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    reader: threading.Thread | None = None
    started: float = 0.0
    due: float | None = None
    failures: int = 0  # in a row; decides the delay
    restarts: int = 0

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def next_delay(self, now: float) -> float:
        self.failures = 1 if now - self.started > _HEALTHY_AFTER else self.failures + 1
        return float(min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** (self.failures - 1)))


@dataclass
class Supervisor:
    """Runs children by name, each in a process group of its own, out of reach of the terminal's Ctrl-C.

    Start and poll from one thread that lives as long as the children should: on Linux the kernel ties a child to the
    thread that started it.

    Parameters:
        log_dir: folder for one `<name>.log` per child; made if missing. None: no files.
        on_line: called with name and line for everything a child prints, from one thread per child. With neither this
            nor `log_dir`, children print where this process prints.
        restart: start a child again that ended unasked, after 0.5 s, doubling up to 10 s; False: `poll` raises.
    """

    log_dir: Path | None = None
    on_line: OnLine | None = None
    restart: bool = True
    _children: dict[str, _Child] = field(default_factory=dict, init=False)
    _keeper: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _signals: list[int] = field(default_factory=list, init=False)
    _handlers: dict[int, Any] = field(default_factory=dict, init=False)

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> int:
        """Start a child and return its process id.

        `env` is the child's whole environment; None hands on this process's own. Raises InstallationError if the name
        is taken.
        """
        if name in self._children:
            raise InstallationError(
                Sentence("a child named {name!r} is already supervised; give this one another name", name=name)
            )
        environment = {"PYTHONUNBUFFERED": "1", **(os.environ if env is None else env)}
        self._children[name] = child = _Child(name, list(argv), environment)
        return self._launch(child)

    def poll(self) -> None:
        """Notice what ended and start again what is due; without `restart`, raise InstallationError instead."""
        self._keep_keeper()
        for child in self._children.values():
            if child.due is None and not child.running:
                self._ended(child)
            if child.due is not None and time.monotonic() >= child.due:
                child.restarts += 1
                self._launch(child)

    def wait(self) -> int:
        """Keep the children running until SIGINT or SIGTERM; return which. To be called from the main thread.

        A second signal during the `stop` that follows ends what is left at once.
        """
        for signum in (signal.SIGINT, signal.SIGTERM):
            self._handlers[signum] = signal.signal(signum, self._remember)
        while not self._signals:
            self.poll()
            time.sleep(_POLL)
        return self._signals[0]

    def stop(self, grace: float = 15) -> None:
        """Ask all children to end, the last started first, and end by force what is left after `grace` seconds."""
        children = [child for child in reversed(self._children.values()) if child.process is not None]
        for child in children:
            if child.running:
                lifeline.signal_group(_pid(child), signal.SIGTERM)
        self._await_end(children, time.monotonic() + grace)
        for child in children:
            self._reap(child)
        self._children.clear()
        self._release()

    @property
    def restarts(self) -> dict[str, int]:
        """How often each child was started again."""
        return {name: child.restarts for name, child in self._children.items()}

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each running child."""
        return {name: _pid(child) for name, child in self._children.items() if child.running}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Starting and ending one child

    def _launch(self, child: _Child) -> int:
        self._keep_keeper()
        sink = self._log_file(child)
        child.process = subprocess.Popen(  # noqa: S603  # the command is the caller's
            lifeline.command(os.getpid(), child.argv),
            env=child.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if self.on_line else sink,
            stderr=subprocess.STDOUT if self.on_line or sink else None,
            start_new_session=True,
        )
        self._tell_keeper("+", _pid(child))
        child.started, child.due = time.monotonic(), None
        if self.on_line:
            child.reader = threading.Thread(target=self._read, args=(child, child.process, sink), daemon=True)
            child.reader.start()
        elif sink:
            sink.close()
        _log.info("child_started", child=child.name, pid=_pid(child), restarts=child.restarts)
        return _pid(child)

    def _ended(self, child: _Child) -> None:
        code = self._reap(child)
        if not self.restart:
            raise InstallationError(
                Sentence(
                    "{process} ended by itself ({how}); {where}",
                    process=child.name,
                    how=_how(code),
                    where=self._where(child),
                )
            )
        now = time.monotonic()
        delay = child.next_delay(now)
        child.due = now + delay
        _log.warning(
            "child_died", child=child.name, ended=_how(code), restarts=child.restarts, restart_in_seconds=delay
        )

    def _reap(self, child: _Child) -> int:
        """End what is left of the child's process group, collect it, and let its reader finish."""
        assert child.process is not None
        lifeline.signal_group(_pid(child), signal.SIGKILL)
        code = child.process.wait()
        self._tell_keeper("-", _pid(child))
        if child.reader:
            child.reader.join(_READER_PATIENCE)  # a descendant in a session of its own may hold the pipe for ever
        child.process = None
        return code

    def _await_end(self, children: list[_Child], deadline: float) -> None:
        while any(child.running for child in children) and time.monotonic() < deadline and len(self._signals) < 2:
            time.sleep(_POLL / 5)
        for child in children:
            if child.running:
                _log.warning("child_killed", child=child.name, pid=_pid(child))

    # Output

    def _log_file(self, child: _Child) -> IO[bytes] | None:
        if self.log_dir is None:
            return None
        self.log_dir.mkdir(parents=True, exist_ok=True)
        return open_log(self.log_dir / f"{child.name}.log")

    def _read(self, child: _Child, process: subprocess.Popen[bytes], sink: IO[bytes] | None) -> None:
        assert process.stdout is not None and self.on_line is not None
        with process.stdout as lines:
            for line in lines:
                if sink:
                    sink.write(line)
                self.on_line(child.name, line.decode(errors="replace").rstrip("\r\n"))
        if sink:
            sink.close()

    def _where(self, child: _Child) -> Sentence:
        if self.log_dir is None:
            return Sentence("see what it printed")
        return Sentence("see {file}", file=f"{self.log_dir / child.name}.log")

    # The keeper, which outlives this process just long enough to end the children

    def _keep_keeper(self) -> None:
        if self._keeper is not None and self._keeper.poll() is None:
            return
        self._keeper = subprocess.Popen(  # noqa: S603  # this package itself
            lifeline.keeper_command(_ORPHAN_GRACE),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        for child in self._children.values():
            if child.running:
                self._tell_keeper("+", _pid(child))

    def _tell_keeper(self, sign: str, group: int) -> None:
        assert self._keeper is not None and self._keeper.stdin is not None
        try:
            self._keeper.stdin.write(f"{sign}{group}\n".encode())
            self._keeper.stdin.flush()
        except BrokenPipeError:
            _log.warning("keeper_gone")  # the next poll starts another, which is told of all children

    def _release(self) -> None:
        if self._keeper is not None:
            self._keeper.communicate()
            self._keeper = None
        for signum, handler in self._handlers.items():
            signal.signal(signum, handler)
        self._handlers.clear()

    def _remember(self, signum: int, frame: FrameType | None) -> None:
        self._signals.append(signum)


def _pid(child: _Child) -> int:
    assert child.process is not None
    return child.process.pid


def _how(code: int) -> Sentence:
    if code < 0:
        return Sentence("by {signal}", signal=signal.Signals(-code).name)
    return Sentence("exit code {code}", code=code)
