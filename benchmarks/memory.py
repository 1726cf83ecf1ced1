"""How much memory and processor time each process took, seen from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_EVERY = 0.25
"""Seconds between looks; the kernel's own high-water mark covers what happens in between."""


@dataclass(slots=True)
class Usage:
    """The peaks of one process, in bytes, and its processor time, in seconds."""

    peak: int = 0
    """Resident, as the kernel counts it: shared memory that the process has touched included."""
    private: int = 0
    """Of it, the most that was the process's own (anonymous) memory."""
    seconds: float = 0.0


class Watch:
    """Looks at processes, by name, until it is closed.

    Parameters:
        roots: returns name → process id, asked anew for each look; children count under their own title.
    """

    def __init__(self, roots: Callable[[], Mapping[str, int]]) -> None:
        self._roots = roots
        self._seen: dict[tuple[str, int], Usage] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def usages(self) -> dict[str, Usage]:
        """Return the largest peaks, and all processor time, by name."""
        merged: dict[str, Usage] = {}
        for (name, _), usage in list(self._seen.items()):
            one = merged.setdefault(name, Usage())
            one.peak, one.private = max(one.peak, usage.peak), max(one.private, usage.private)
            one.seconds += usage.seconds
        return merged

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            self.look()

    def look(self) -> None:
        """Look at every process once."""
        for name, pid in self._roots().items():
            try:
                root = psutil.Process(pid)
                family = [(name, root), *((_title(name, child), child) for child in root.children(recursive=True))]
            except psutil.Error:
                continue
            for title, process in family:
                self._note(title, process)

    def _note(self, title: str, process: psutil.Process) -> None:
        try:
            status = _status(process.pid)
            times = process.cpu_times()
        except (psutil.Error, OSError):
            return
        usage = self._seen.setdefault((title, process.pid), Usage())
        usage.peak = max(usage.peak, status.get("VmHWM", 0))
        usage.private = max(usage.private, status.get("RssAnon", 0))
        usage.seconds = times.user + times.system

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


def _status(pid: int) -> dict[str, int]:
    """Return the sizes in a process's status, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith(" kB")}


def _title(root: str, process: psutil.Process) -> str:
    """Return what a child is called: PostgreSQL's say what they do."""
    command = process.cmdline()
    first = command[0] if command else process.name()
    if not first.startswith("postgres:"):
        return root
    return "postgresql: " + (
        "connection" if "[local]" in first or "(" in first else first.removeprefix("postgres:").strip()
    )
