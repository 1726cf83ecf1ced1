"""The garbage collector of long-lived processes: what is loaded is left alone, and what is made is looked at seldom."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from engine.processes.collector import spare_the_collector


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_is_loaded_is_no_longer_walked_over() -> None:
    before = gc.get_freeze_count()
    spare_the_collector()
    assert gc.get_freeze_count() > before + 10_000


def test_what_is_made_in_a_batch_does_not_set_it_off() -> None:
    spare_the_collector()
    rounds = gc.get_stats()[0]["collections"]
    kept = [[number] for number in range(20_000)]
    assert (len(kept), gc.get_stats()[0]["collections"]) == (20_000, rounds)
    assert gc.isenabled()
