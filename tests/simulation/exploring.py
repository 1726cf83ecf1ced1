"""Generated histories, played by several processes at once, each on a database of its own."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.simulation.history import Play
from tests.simulation.vocabulary import histories

_play: Play | None = None


def begin(places: Any) -> None:
    """Begin a process: it takes one of the (database, Redis) there are."""
    global _play
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    _play = Play(*places.get())


def explore(number: int, most: int) -> tuple[Counter[str], str | None]:
    """Play so many histories, the same ones for the same number; what was met, and how one failed, made small."""
    assert _play is not None
    _play.seen.clear()

    # Nothing is remembered between runs: what is generated, and in which order, follows from the number alone.
    @seed(number)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(histories())
    def agree(history: dict[str, Any]) -> None:
        _play.run(history)

    try:
        agree()
    except Exception as error:
        return Counter(), "\n".join([f"number {number}: {type(error).__name__}", str(error), *_notes(error)])
    return Counter(_play.seen), None


def _notes(error: Exception) -> list[str]:
    return [note for note in getattr(error, "__notes__", []) if "replay" in note]
