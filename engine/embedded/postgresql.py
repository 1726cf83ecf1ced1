"""The embedded PostgreSQL."""

from __future__ import annotations

import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from engine.core.errors import InstallationError
from engine.core.sentence import Sentence
from engine.embedded.parent import Parent
from engine.embedded.processes import await_end, end_stale, spawn
from engine.embedded.programs import POSTGRESQL_MAJOR, Programs
from engine.embedded.urls import DATABASE, DATABASE_USER, POSTGRESQL_PORT
from engine.processes.supervisor import open_log

_START_TRIES, _START_PAUSE = 6000, 0.02  # two minutes: recovery after a crash reads up to 2 GB
_STOP_PATIENCE = 15.0

_SETTINGS = {
    "listen_addresses": "",
    "port": str(POSTGRESQL_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # Statements and the DETAIL of an error carry customers' data, which logs never do.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
_THROWAWAY = {"fsync": "off", "full_page_writes": "off"}


@dataclass
class PostgreSQL:
    """One server on one data folder; its sockets in a folder of their own."""

    data: Path
    sockets: Path
    log: Path
    programs: Programs
    parent: Parent
    throwaway: bool
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    name: str = field(default="PostgreSQL", init=False)

    def clear(self) -> None:
        """End servers that an earlier guard left on this data folder: fast shutdown, clients are cut off."""
        end_stale(self.data, "postgres", signal.SIGINT)
        # Where nobody reaps orphans, as in many containers, a killed server stays a zombie, and the next would take it
        # for a running server. We know better: the lock is ours, and nobody works in the folder.
        for lock in (self.data / "postmaster.pid", self.sockets / f".s.PGSQL.{POSTGRESQL_PORT}.lock"):
            lock.unlink(missing_ok=True)

    def prepare(self) -> None:
        """Make the data folder if it is missing. Raises InstallationError."""
        if self.data.exists():
            self._check_data()
            return
        draft = self.data.with_name("postgresql.new")  # renamed when complete: a half-made one is never started
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if self.programs.account:
            shutil.chown(draft, self.programs.account.pw_uid, self.programs.account.pw_gid)
        with open_log(self.log) as output:
            code = spawn(self.programs, self._initdb(draft), draft, output, signal.SIGKILL).wait()
        if code:
            raise InstallationError(
                Sentence(
                    "PostgreSQL could not make its data folder {folder}; see {file}", folder=self.data, file=self.log
                )
            )
        draft.rename(self.data)

    def start(self) -> None:
        """Start the server and wait until it answers, after recovery too. Raises InstallationError, ParentGone."""
        with open_log(self.log) as output:
            self.process = spawn(self.programs, self._postgres(), self.data, output, signal.SIGINT)
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
        """Begin a fast shutdown: clients are cut off, everything is written."""
        if self.process is not None and self.alive():
            self.process.send_signal(signal.SIGINT)

    def stop(self) -> None:
        """Wait for the end that was asked for; if it takes too long, end it so that the next start recovers."""
        if self.process is not None:
            await_end(self.process, [signal.SIGQUIT, signal.SIGKILL], _STOP_PATIENCE)

    def _check_data(self) -> None:
        if self.data.stat().st_uid != self.programs.uid:
            raise InstallationError(
                Sentence(
                    "{folder} belongs to user id {owner}, the servers would run as {runner}; run this as the user who made it, "
                    "or set SOP_STATE_DIR to another folder",
                    folder=self.data,
                    owner=self.data.stat().st_uid,
                    runner=self.programs.uid,
                )
            )
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(POSTGRESQL_MAJOR):
            raise InstallationError(
                Sentence(
                    "{folder} was made by PostgreSQL {theirs}, this is {ours}; dump it with the former version and load it here, "
                    "or set SOP_STATE_DIR to another folder",
                    folder=self.data,
                    theirs=version,
                    ours=POSTGRESQL_MAJOR,
                )
            )

    def _answers_or_died(self) -> bool:
        if not self.alive():
            return True
        try:
            with psycopg.connect(self._conninfo(), autocommit=True) as connection:
                self._ensure_database(connection)
        except psycopg.OperationalError:
            return False
        return True

    def _ensure_database(self, connection: psycopg.Connection) -> None:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE}")

    def _conninfo(self) -> str:
        return psycopg.conninfo.make_conninfo(
            host=str(self.sockets), port=POSTGRESQL_PORT, user=DATABASE_USER, dbname="postgres", connect_timeout=5
        )

    def _initdb(self, folder: Path) -> list[str | Path]:
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8"]
        # Whoever can enter the sockets' folder is trusted: nobody else can connect.
        access = ["--auth=trust", f"--username={DATABASE_USER}"]
        sync = ["--no-sync"] if self.throwaway else []
        return [self.programs.initdb, *locale, *access, *sync, f"--pgdata={folder}"]

    def _postgres(self) -> list[str | Path]:
        settings = _SETTINGS | {"unix_socket_directories": str(self.sockets)} | (_THROWAWAY if self.throwaway else {})
        options = (word for pair in settings.items() for word in ("-c", "=".join(pair)))
        return [self.programs.postgres, "-D", self.data, *options]
