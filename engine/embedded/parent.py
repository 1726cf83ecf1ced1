"""The guard's view of the process it works for."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

from engine.core.errors import SopError


class ParentGone(SopError):
    """The process the servers were started for has ended; start them again if they are still wanted."""


@dataclass
class Parent:
    """The process the guard works for, as seen through standard input, which closes when that process ends."""

    _gone: bool = field(default=False, init=False)

    def gone(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the end of the parent, or a signal to end; return whether it came."""
        if not self._gone and select.select([0], [], [], timeout)[0]:
            self._gone = os.read(0, 1) == b""
        return self._gone

    def wait_for(self, condition: Callable[[], bool], tries: int, pause: float) -> bool:
        """Try a condition until it holds, `pause` seconds apart; return whether it came to hold. Raises ParentGone."""
        for _ in range(tries):
            if condition():
                return True
            if self.gone(pause):
                raise ParentGone
        return False

    def heed(self, signum: int, frame: FrameType | None) -> None:
        """Treat a signal to this process like the parent's end."""
        self._gone = True
