"""Sharing commits: what arrives at the same moment goes into one transaction."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from engine.core.errors import SopError

T = TypeVar("T")
A = TypeVar("A")


class Overloaded(SopError):
    """More is waiting to be committed than the engine takes on; try again in a second."""


class GroupCommit(Generic[T, A]):
    """Collects items of concurrent callers and commits them together, one group at a time, in a thread.

    Parameters:
        commit: takes a group, returns one answer for each item in the same order. What it raises reaches every caller of the group.
        within: seconds the first item waits for others.
        at_most: items of one group.
        waiting: items that may wait before further ones are refused.
    """

    def __init__(
        self, commit: Callable[[Sequence[T]], Sequence[A]], *, within: float, at_most: int = 500, waiting: int = 10_000
    ) -> None:
        self._commit = commit
        self._within = within
        self._at_most = at_most
        self._limit = waiting
        self._waiting: deque[tuple[T, asyncio.Future[A]]] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")

    async def add(self, item: T) -> A:
        """Return the answer to `item` once its group is committed.

        Raises Overloaded where too many wait, and whatever the group's commit raised.
        """
        if len(self._waiting) >= self._limit:
            raise Overloaded
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await answer

    async def _write(self) -> None:
        """Commit until nobody waits. What arrives during a commit is the next group, without further waiting."""
        await asyncio.sleep(self._within)
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(self._at_most, len(self._waiting)))]
            await self._write_group(group)

    async def _write_group(self, group: Sequence[tuple[T, asyncio.Future[A]]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._thread, self._commit, [item for item, _ in group])
        except Exception as error:  # the callers decide what it means, each for itself
            for _, caller in group:
                if not caller.done():
                    caller.set_exception(error)
        else:
            for (_, caller), answer in zip(group, answers, strict=True):
                if not caller.done():
                    caller.set_result(answer)

    def close(self) -> None:
        """Let the thread end once it has nothing to do."""
        self._thread.shutdown(wait=False)
