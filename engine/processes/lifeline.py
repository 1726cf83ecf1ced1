"""Children that end when their parent ends, however it ends.

Two means, because neither is enough alone. On Linux the kernel signals a child whose parent died; this reaches it even
if everybody else is dead, but not its own children, and it may be slow to obey. A keeper process reads a pipe whose
other end only the parent holds; when the pipe closes it ends the children's whole process groups, by force if need be.

Run as a script in front of every child, so it imports nothing but the standard library:

    python processes/lifeline.py exec PARENT_PID COMMAND ARGUMENT…      become COMMAND, signalled when PARENT_PID dies
    python processes/lifeline.py keep SECONDS                           keeper; reads "+GROUP" and "-GROUP" lines
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable

_PR_SET_PDEATHSIG = 1
_POLL = 0.05


def die_with_parent(parent: int, signum: int = signal.SIGTERM) -> None:
    """Have this process sent `signum` when the thread of `parent` that started it ends (Linux only).

    Ends the process at once if `parent` is gone already. To be called after a change of user, which clears the request.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def command(parent: int, argv: list[str]) -> list[str]:
    """Return the command line that becomes `argv` and dies with `parent`."""
    return [sys.executable, "-I", "-S", __file__, "exec", str(parent), *argv]


def keeper_command(grace: float) -> list[str]:
    """Return the command line of a keeper that gives process groups `grace` seconds between asking and forcing."""
    return [sys.executable, "-I", "-S", __file__, "keep", str(grace)]


def signal_group(group: int, signum: int) -> bool:
    """Send `signum` to a process group; return whether there was still anybody in it to whom we may send."""
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):  # macOS says "not permitted" of a group of zombies
        return False
    return True


def _become(parent: int, argv: list[str]) -> None:
    die_with_parent(parent)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would hand that on
    try:
        os.execvp(argv[0], argv)  # noqa: S606  # the command the supervisor was given
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


def _keep(lines: Iterable[str], grace: float) -> None:
    groups: dict[int, None] = {}
    for line in lines:
        if line.startswith("+"):
            groups[int(line[1:])] = None
        else:
            groups.pop(int(line[1:]), None)
    _end(list(groups), grace)


def _end(groups: list[int], grace: float) -> None:
    for group in reversed(groups):
        signal_group(group, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while groups and time.monotonic() < deadline:
        time.sleep(_POLL)
        groups = [group for group in groups if signal_group(group, 0)]
    for group in groups:
        signal_group(group, signal.SIGKILL)


def _main(arguments: list[str]) -> None:
    if arguments[0] == "exec":
        _become(int(arguments[1]), arguments[2:])
    else:
        _keep(sys.stdin, float(arguments[1]))


if __name__ == "__main__":
    _main(sys.argv[1:])
