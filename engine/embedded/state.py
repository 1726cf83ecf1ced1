"""The state folder of the embedded servers: who may use it, who holds it, and what is written in it."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.core import os_errors
from engine.core.errors import InstallationError
from engine.core.sentence import Sentence
from engine.embedded.parent import Parent
from engine.embedded.urls import VALKEY_SOCKET, Urls

_LONGEST_SOCKET_PATH = 100  # the kernel's limits are 107 (Linux) and 103 (macOS) bytes
_LONGEST_SOCKET_NAME = max(len("/.s.PGSQL.5432.lock"), len(VALKEY_SOCKET) + 1)
_LOCK_TRIES, _LOCK_PAUSE = 800, 0.05  # longer than a slow predecessor takes to stop both servers
_FIRST_PERSONS_UID = 1000
_NOBODY_UID = 65534


@dataclass(frozen=True)
class StateFolder:
    """The paths inside one state folder.

    Each server has a folder of its own for its data; logs and sockets are shared; `servers.json` says where the servers
    answer while they do; `lock` is held by the guard.
    """

    path: Path

    @classmethod
    def at(cls, path: Path) -> StateFolder:
        """Return the folder `path`, which need not exist yet. Raises InstallationError for root under a home folder."""
        resolved = path.expanduser().resolve()
        refuse_home(resolved, os.geteuid())
        return cls(resolved)

    @property
    def postgresql(self) -> Path:
        """The data folder of PostgreSQL."""
        return self.path / "postgresql"

    @property
    def valkey(self) -> Path:
        """The data folder of Valkey."""
        return self.path / "valkey"

    @property
    def logs(self) -> Path:
        """The folder of the guard's and the servers' logs."""
        return self.path / "logs"

    def prepare(self) -> None:
        """Make the folder and its logs, private to this user. Raises InstallationError if that is not allowed."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise InstallationError(
                Sentence(
                    "the state folder {folder} cannot be used ({why}); set SOP_STATE_DIR to a folder that this user may write, "
                    "or SOP_DATABASE_URL and SOP_REDIS_URL to servers of your own",
                    folder=self.path,
                    why=os_errors.reason(error),
                )
            ) from error

    def admit(self, account: pwd.struct_passwd) -> None:
        """Let the servers' user pass through this folder. Raises InstallationError if one above is closed to it."""
        if not _lets_through(self.path, account):
            os.chown(self.path, -1, account.pw_gid)
            self.path.chmod(self.path.stat().st_mode | 0o010)
        closed = [str(folder) for folder in self.path.parents if not _lets_through(folder, account)]
        if closed:
            raise InstallationError(
                Sentence(
                    "the system user {user} cannot enter {closed}, so the servers cannot use {folder}; set SOP_STATE_DIR to a "
                    "system folder such as /var/lib/sop-engine, or run this as an ordinary user",
                    user=account.pw_name,
                    closed=closed[-1],
                    folder=self.path,
                )
            )

    def publish(self, urls: Urls, pids: dict[str, int], sockets: Path) -> None:
        """Write where the servers answer, readable by this user only."""
        text = json.dumps({**asdict(urls), "guard": os.getpid(), "pids": pids, "sockets": str(sockets)}, indent=1)
        handle, name = tempfile.mkstemp(dir=self.path, prefix=".servers-")
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(name, self._published)

    def unpublish(self) -> None:
        """Take back what `publish` wrote."""
        self._published.unlink(missing_ok=True)

    def published(self) -> dict[str, Any] | None:
        """Return what `publish` wrote, or None. The servers may have died since."""
        try:
            content = json.loads(self._published.read_text())
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def published_urls(self) -> Urls | None:
        """Return the URLs that `publish` wrote, or None. The servers may have died since."""
        content = self.published()
        return Urls(content["database_url"], content["redis_url"]) if content else None

    def socket_folder(self) -> Path:
        """Return a folder for the sockets: inside, or in /tmp where the path would be longer than a socket's may be."""
        inside = self.path / "run"
        if len(os.fsencode(inside)) + _LONGEST_SOCKET_NAME <= _LONGEST_SOCKET_PATH:
            return inside
        return Path(tempfile.mkdtemp(prefix="sop-run-", dir="/tmp"))

    @property
    def _published(self) -> Path:
        return self.path / "servers.json"

    @contextmanager
    def locked(self, parent_pid: int, parent: Parent, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold the folder for this process, which guards it for `parent_pid`. Raises InstallationError, ParentGone.

        A predecessor that is stopping is waited for, after a call of `on_wait`; any other is a refusal. The lock is
        this process's alone: the servers do not inherit it.
        """
        with open(os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            if not _locks(file.fileno()):
                self._refuse_unless_leaving()
                on_wait()
                self._wait_for_lock(file.fileno(), parent)
            Holder(os.getpid(), parent_pid).write(self._lock)
            yield

    def leave(self) -> None:
        """Say that the servers are being stopped, so that a successor waits instead of giving up."""
        holder = Holder.read(self._lock)
        if holder is not None:
            replace(holder, stopping=True).write(self._lock)

    def _wait_for_lock(self, descriptor: int, parent: Parent) -> None:
        def free() -> bool:
            if _locks(descriptor):
                return True
            self._refuse_unless_leaving()  # another may have been faster
            return False

        if not parent.wait_for(free, _LOCK_TRIES, _LOCK_PAUSE):
            raise InstallationError(_in_use(self.path, Holder.read(self._lock)))

    def _refuse_unless_leaving(self) -> None:
        holder = Holder.read(self._lock)
        if holder is not None and not holder.leaving():
            raise InstallationError(_in_use(self.path, holder))

    @property
    def _lock(self) -> Path:
        return self.path / "lock"


@dataclass(frozen=True)
class Holder:
    """Who holds a state folder, as written in its lock file."""

    guard: int
    parent: int
    stopping: bool = False

    @classmethod
    def read(cls, file: Path) -> Holder | None:
        """Return the holder named in a lock file, or None while it is being written."""
        try:
            return cls(**json.loads(file.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, file: Path) -> None:
        """Write this holder into its lock file."""
        file.write_text(json.dumps(asdict(self)))

    def leaving(self) -> bool:
        """Whether the folder will be free soon: the servers are stopping, or nobody is left to guard them for."""
        return self.stopping or not _alive(self.parent)


def refuse_home(path: Path, uid: int) -> None:
    """Raise InstallationError if `uid` is root and `path` lies in a home folder.

    PostgreSQL refuses to run as root, so its files belong to a system user who must be able to reach them; homes stay
    closed.
    """
    if uid != 0:
        return
    for home in _homes():
        if path.is_relative_to(home):
            raise InstallationError(
                Sentence(
                    "state folder {folder} lies under {home}: as root the servers run as a system user that cannot enter a home "
                    "folder; set SOP_STATE_DIR to a system folder such as /var/lib/sop-engine, or run this as an ordinary user",
                    folder=path,
                    home=home,
                )
            )


def _homes() -> list[Path]:
    persons = (each for each in pwd.getpwall() if each.pw_uid == 0 or _is_person(each.pw_uid))
    homes = ["/root", "/home", "/Users", os.path.expanduser("~"), *(each.pw_dir for each in persons)]
    named = {Path(home).resolve() for home in homes if home}
    return sorted(home for home in named if home != Path("/"))


def _is_person(uid: int) -> bool:
    return _FIRST_PERSONS_UID <= uid < _NOBODY_UID


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lets_through(folder: Path, account: pwd.struct_passwd) -> bool:
    status = folder.stat()
    if status.st_uid == account.pw_uid:
        return bool(status.st_mode & 0o100)
    return bool(status.st_mode & (0o010 if status.st_gid == account.pw_gid else 0o001))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _in_use(path: Path, holder: Holder | None) -> Sentence:
    if holder is None:
        return Sentence(
            "the state folder {folder} is in use by another process; stop that one first (Ctrl-C where it runs, or `kill PID`), "
            "or give this one a folder of its own with SOP_STATE_DIR",
            folder=path,
        )
    return Sentence(
        "the state folder {folder} is in use by process {parent} (guard process {guard}); stop that one first (Ctrl-C where it "
        "runs, or `kill {parent}`), or give this one a folder of its own with SOP_STATE_DIR",
        folder=path,
        parent=holder.parent,
        guard=holder.guard,
    )
