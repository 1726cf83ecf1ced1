"""Crashes: the process is gone just before or just after one of its commits, and does nothing any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Engine

When = Literal["before", "after"]


class Crash(BaseException):
    """The process is gone: no handler of the engine runs."""


@dataclass
class Faults:
    """Counts a process's commits, and ends it at the one it was told to.

    Every transaction of the engine, however it is begun, is committed by the driver's one function; that is what is wrapped here.
    """

    planned: list[tuple[int, When]] = field(default_factory=list)
    """Die at the n-th commit from now (1 is the next); the following one counts from there on."""
    crashes: int = 0
    _dead: bool = False

    def plan(self, planned: list[tuple[int, When]]) -> None:
        self.planned = list(planned)

    def live_again(self) -> None:
        """A new process."""
        self._dead = False

    def attach(self, engine: Engine) -> None:
        """Have this engine's commits counted."""
        commit: Callable[[Any], None] = engine.dialect.do_commit

        def do_commit(connection: Any) -> None:
            self.check()
            when = self._count()
            if when == "before":
                self._die()
            commit(connection)
            if when == "after":
                self._die()

        engine.dialect.do_commit = do_commit  # type: ignore[method-assign]  # that is the fault

    def check(self) -> None:
        """Let nothing more be done by a process that is gone."""
        if self._dead:
            raise Crash

    def _count(self) -> When | None:
        if not self.planned:
            return None
        left, when = self.planned[0]
        if left > 1:
            self.planned[0] = (left - 1, when)
            return None
        self.planned.pop(0)
        return when

    def _die(self) -> None:
        self._dead = True
        self.crashes += 1
        raise Crash
