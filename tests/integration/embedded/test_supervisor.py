"""The supervisor: children run, are heard, come back when they die, and end with their parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.core.errors import InstallationError
from engine.processes.supervisor import Supervisor

IDLE = [sys.executable, "-c", "import time\nwhile True: time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf')\nwhile True: time.sleep(60)",
]
READY = [sys.executable, "-c", "import time\nprint('ready')\nwhile True: time.sleep(60)"]
WITH_DESCENDANT = ["sh", "-c", "sleep 600 & echo $!; wait"]

PARENT = """
import json, sys
from engine.processes.supervisor import Supervisor

class Told(Supervisor):
    told = False

    def poll(self):  # from within wait, so signals are heeded by now
        super().poll()
        if not self.told and len(lines) >= int(sys.argv[2]):
            print(json.dumps([*self.pids.values(), *map(int, filter(str.isdigit, lines))]), flush=True)
            self.told = True

lines = []
with Told(on_line=lambda name, line: lines.append(line)) as supervisor:
    for number, argv in enumerate(json.loads(sys.argv[1])):
        supervisor.start(str(number), argv)
    print("ended by", supervisor.wait(), flush=True)
"""


def eventually(condition: Callable[[], bool], seconds: float = 90) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def polled(supervisor: Supervisor, condition: Callable[[], bool]) -> Callable[[], bool]:
    def poll_and_look() -> bool:
        supervisor.poll()
        return condition()

    return poll_and_look


def start_parent(*children: list[str], lines: int = 0) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a process that supervises `children`; return it and the ids of the children and of whom they name."""
    command = [sys.executable, "-c", PARENT, json.dumps(children), str(lines)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert parent.stdout is not None
    said = iter(parent.stdout.readline, "")
    return parent, next(json.loads(line) for line in said if line.startswith("["))


def test_what_children_print_arrives_by_line_with_their_name() -> None:
    heard: list[tuple[str, str]] = []
    with Supervisor(on_line=lambda name, line: heard.append((name, line))) as supervisor:
        supervisor.start("api", ["sh", "-c", "echo 你好; echo oops >&2; exec sleep 600"])
        supervisor.start(
            "beat", ["sh", "-c", "printf '%s' \"$SLOT\"; exec sleep 0"], env={"SLOT": "half a line", **os.environ}
        )
        assert eventually(lambda: len(heard) == 3)
    assert sorted(heard) == [("api", "oops"), ("api", "你好"), ("beat", "half a line")]


def test_each_child_has_a_log_file_of_its_own(tmp_path: Path) -> None:
    with Supervisor(log_dir=tmp_path / "logs") as supervisor:
        for name in ("api", "beat"):
            supervisor.start(name, ["sh", "-c", f"echo this is {name}; exec sleep 600"])
        logs = [tmp_path / "logs" / f"{name}.log" for name in ("api", "beat")]
        assert eventually(lambda: [log.read_text() for log in logs] == ["this is api\n", "this is beat\n"])


def test_a_child_that_dies_comes_back_and_is_counted() -> None:
    with Supervisor(on_line=lambda name, line: None) as supervisor:
        first = supervisor.start("worker", IDLE)
        supervisor.start("api", IDLE)
        os.kill(first, signal.SIGKILL)
        assert eventually(polled(supervisor, lambda: supervisor.restarts == {"worker": 1, "api": 0}))
        assert supervisor.pids["worker"] != first


def test_what_a_dead_child_left_behind_is_ended_before_it_comes_back() -> None:
    heard: list[str] = []
    with Supervisor(on_line=lambda name, line: heard.append(line)) as supervisor:
        child = supervisor.start("worker", WITH_DESCENDANT)
        assert eventually(lambda: bool(heard))
        os.kill(child, signal.SIGKILL)
        assert eventually(polled(supervisor, lambda: supervisor.restarts["worker"] == 1))
        assert gone(int(heard[0]))


def test_without_restart_a_death_is_an_error_that_names_the_log(tmp_path: Path) -> None:
    with Supervisor(log_dir=tmp_path, restart=False) as supervisor:
        supervisor.start("api", ["sh", "-c", "exit 3"])
        with pytest.raises(InstallationError, match=r"api ended by itself \(exit code 3\); see .*/api\.log"):
            eventually(polled(supervisor, lambda: False))


def test_a_command_that_does_not_exist_says_so(tmp_path: Path) -> None:
    with Supervisor(log_dir=tmp_path, restart=False) as supervisor:
        supervisor.start("api", ["/no/such/program"])
        with pytest.raises(InstallationError):
            eventually(polled(supervisor, lambda: False))
    assert "cannot run /no/such/program: No such file" in (tmp_path / "api.log").read_text()


def test_a_name_is_used_once() -> None:
    with Supervisor(on_line=lambda name, line: None) as supervisor:
        supervisor.start("api", IDLE)
        with pytest.raises(InstallationError, match="'api' is already supervised"):
            supervisor.start("api", IDLE)


def test_stop_asks_and_then_forces() -> None:
    heard: list[str] = []
    supervisor = Supervisor(on_line=lambda name, line: heard.append(line))
    pids = [
        supervisor.start("deaf", STUBBORN),
        supervisor.start("idle", IDLE),
        supervisor.start("tree", WITH_DESCENDANT),
    ]
    assert eventually(lambda: len(heard) == 2)
    descendant = next(int(line) for line in heard if line.isdigit())
    supervisor.stop(grace=0.5)
    assert all(gone(pid) for pid in [*pids, descendant])
    assert supervisor.pids == {}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains(signum: signal.Signals) -> None:
    parent, pids = start_parent(IDLE, IDLE)
    parent.send_signal(signum)
    assert parent.stdout is not None
    assert parent.communicate()[0].splitlines()[-1].startswith(f"ended by {int(signum)}")
    assert parent.returncode == 0
    assert all(gone(pid) for pid in pids)


def test_children_and_their_children_die_with_a_killed_parent() -> None:
    parent, pids = start_parent(IDLE, WITH_DESCENDANT, STUBBORN, lines=2)
    assert len(pids) == 4
    parent.kill()
    parent.communicate()
    assert eventually(lambda: all(gone(pid) for pid in pids))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent in the kernel")
def test_children_die_even_if_the_keeper_is_killed_too() -> None:
    parent, pids = start_parent(READY, READY, lines=2)
    others = [each.pid for each in psutil.Process(parent.pid).children() if each.pid not in pids]
    assert len(others) == 1
    for pid in (*others, parent.pid):
        os.kill(pid, signal.SIGSTOP)
    for pid in (*others, parent.pid):
        os.kill(pid, signal.SIGKILL)
    parent.communicate()
    assert eventually(lambda: all(gone(pid) for pid in pids))
