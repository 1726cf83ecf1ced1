"""The embedded Valkey."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from engine.core.errors import InstallationError
from engine.core.sentence import Sentence
from engine.embedded.parent import Parent
from engine.embedded.processes import await_end, end_stale, spawn
from engine.embedded.programs import Programs
from engine.embedded.urls import VALKEY_SOCKET
from engine.processes.supervisor import open_log

_START_TRIES, _START_PAUSE = 6000, 0.02  # two minutes: a long append-only file is read first
_STOP_PATIENCE = 15.0

_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "save": "",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
}


@dataclass
class Valkey:
    """One server on one data folder; its socket in a folder of its own."""

    data: Path
    sockets: Path
    log: Path
    programs: Programs
    parent: Parent
    throwaway: bool
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    name: str = field(default="Valkey", init=False)

    def clear(self) -> None:
        """End servers that an earlier guard left on this data folder."""
        end_stale(self.data, "valkey", signal.SIGTERM)

    def prepare(self) -> None:
        """Make the data folder if it is missing. Raises InstallationError."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        if self.programs.account:
            shutil.chown(self.data, self.programs.account.pw_uid, self.programs.account.pw_gid)

    def start(self) -> None:
        """Start the server and wait until it has read its data and answers. Raises InstallationError, ParentGone."""
        with open_log(self.log) as output:
            self.process = spawn(self.programs, self._command(), self.data, output, signal.SIGTERM)
        if not self.parent.wait_for(self._answers_or_died, _START_TRIES, _START_PAUSE) or not self.alive():
            raise InstallationError(
                Sentence(
                    "{server} did not start on {folder}; see {file}", server=self.name, folder=self.data, file=self.log
                )
            )

    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Begin a shutdown that writes everything."""
        if self.process is not None and self.alive():
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Wait for the end that was asked for; by force if it takes too long."""
        if self.process is not None:
            await_end(self.process, [signal.SIGKILL], _STOP_PATIENCE)

    def _answers_or_died(self) -> bool:
        return not self.alive() or self._answers()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            try:
                client.connect(str(self.sockets / VALKEY_SOCKET))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
            except OSError:
                return False

    def _command(self) -> list[str | Path]:
        settings = _SETTINGS | {"dir": str(self.data), "unixsocket": str(self.sockets / VALKEY_SOCKET)}
        settings["appendfsync"] = "no" if self.throwaway else "everysec"
        return [self.programs.valkey_server, *(word for key, value in settings.items() for word in (f"--{key}", value))]
