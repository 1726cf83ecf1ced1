"""Sharing commits: who arrives together is committed together, and everybody gets their own answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from engine.services.pipeline.group_commit import GroupCommit, Overloaded


class Writer:
    """Doubles numbers, remembers its groups, and waits or fails when told to."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.free = threading.Event()
        self.free.set()
        self.broken = False

    def __call__(self, group: Sequence[int]) -> list[int]:
        self.groups.append(list(group))
        self.free.wait(10)
        if self.broken:
            raise ConnectionError("away")
        return [2 * each for each in group]


@pytest.fixture
def writer() -> Writer:
    return Writer()


def test_what_arrives_together_is_committed_together_and_answered_each(writer: Writer) -> None:
    async def story() -> list[int]:
        group: GroupCommit[int, int] = GroupCommit(writer, within=0.01)
        return await asyncio.gather(*(group.add(each) for each in range(20)))

    assert asyncio.run(story()) == [2 * each for each in range(20)]
    assert writer.groups == [list(range(20))]


def test_a_group_has_its_limit(writer: Writer) -> None:
    async def story() -> None:
        group: GroupCommit[int, int] = GroupCommit(writer, within=0, at_most=8)
        await asyncio.gather(*(group.add(each) for each in range(20)))

    asyncio.run(story())
    assert [len(each) for each in writer.groups] == [8, 8, 4]


def test_one_group_is_written_at_a_time(writer: Writer) -> None:
    async def story() -> None:
        group: GroupCommit[int, int] = GroupCommit(writer, within=0)
        writer.free.clear()
        first = asyncio.create_task(group.add(1))
        while not writer.groups:
            await asyncio.sleep(0)
        others = [asyncio.create_task(group.add(each)) for each in (2, 3)]
        await asyncio.sleep(0)
        assert writer.groups == [[1]]
        writer.free.set()
        await asyncio.gather(first, *others)

    asyncio.run(story())
    assert writer.groups == [[1], [2, 3]]


def test_a_failure_reaches_everybody_of_the_group_and_nobody_after(writer: Writer) -> None:
    async def story() -> tuple[list[int | BaseException], int]:
        group: GroupCommit[int, int] = GroupCommit(writer, within=0)
        writer.broken = True
        failed = await asyncio.gather(*(group.add(each) for each in (1, 2)), return_exceptions=True)
        writer.broken = False
        return failed, await group.add(3)

    failed, after = asyncio.run(story())
    assert [type(each) for each in failed] == [ConnectionError, ConnectionError] and after == 6


def test_a_caller_who_leaves_takes_no_answer_from_the_others(writer: Writer) -> None:
    async def story() -> int:
        group: GroupCommit[int, int] = GroupCommit(writer, within=0.01)
        leaving, staying = asyncio.create_task(group.add(1)), asyncio.create_task(group.add(2))
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    assert asyncio.run(story()) == 4


def test_more_than_may_wait_is_refused(writer: Writer) -> None:
    async def story() -> list[int | BaseException]:
        group: GroupCommit[int, int] = GroupCommit(writer, within=0.01, waiting=2)
        return await asyncio.gather(*(group.add(each) for each in range(3)), return_exceptions=True)

    answers = asyncio.run(story())
    assert answers[:2] == [0, 2] and isinstance(answers[2], Overloaded)
