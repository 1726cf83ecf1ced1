"""Generated histories, played by several processes at once, each on a database of its own."""

from __future__ import annotations

import gc
import logging
from collections import Counter
from pprint import pformat
from typing import Any

import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.simulation.history import History, Play
from tests.simulation.smaller import smaller
from tests.simulation.vocabulary import ENTROPY, history

_play: Play | None = None


def begin(places: Any) -> None:
    """Begin a process: it takes one of the (database, Redis) there are."""
    global _play
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)  # what histories leave behind is small
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    _play = Play(*places.get())


def explore(number: int, most: int) -> tuple[Counter[str], str | None]:
    """Play so many histories, the same ones for the same number; what was met, and the smallest one that failed."""
    assert _play is not None
    _play.seen.clear()
    failed: list[History] = []

    # Nothing is remembered between runs: what is generated, and in which order, follows from the number alone. Bytes are drawn,
    # not parts, since hypothesis copies parts over each other, which makes five of six histories much alike; and what fails is
    # made small as a history, which is quicker than as bytes.
    @seed(number)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(st.binary(min_size=ENTROPY, max_size=ENTROPY))
    def agree(entropy: bytes) -> None:
        if failed or _failure(one := history(entropy)) is None:
            return
        failed.append(one)

    agree()
    return Counter(_play.seen), _told(smaller(failed[0], _fails)) if failed else None


def _failure(one: History) -> str | None:
    """How a history fails, None where it does not."""
    assert _play is not None
    try:
        _play.run(one)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _fails(one: History) -> bool:
    """Whether it fails as something found does: not by what leaving things out has made senseless."""
    failure = _failure(one) or ""
    return failure.startswith("AssertionError: --- engine") or "comes to rest" in failure


def _told(one: History) -> str:
    played = pformat(one, width=140, sort_dicts=False)
    return f"{_failure(one)}\n\nfrom tests.simulation.history import replay\n\nreplay({played})"
