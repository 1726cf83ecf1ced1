"""An asyncio loop on a thread of its own, so that a blocking caller can have many requests under way at once."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any


class BackgroundLoop:
    """Runs coroutines for callers on any thread. Belongs to the process that made it: a fork has to make its own."""

    def __init__(self, name: str) -> None:
        """Start the thread; it ends with `close` or with the process."""
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def usable(self) -> bool:
        """Return whether the thread runs in this process."""
        return self._pid == os.getpid() and self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, None], seconds: float) -> bool:
        """Run `work` and wait for it, at most `seconds`; return whether it ended by itself in that time."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            future.result(seconds)
        except (TimeoutError, CancelledError):
            future.cancel()
            return False
        return True

    def close(self) -> None:
        """Stop the thread; work still under way is cancelled."""
        if not self.usable():
            return
        self.run(_cancel_all(), 1.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self._loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
