"""The states of timelines and touches and the only ways between them (docs/states.md draws them)."""

from __future__ import annotations

from typing import Literal

from engine.core.errors import IllegalTransition
from engine.core.sentence import Sentence, codes

TimelineState = Literal["active", "completed", "converted", "exited", "cancelled"]
TouchState = Literal["queued", "sending", "sent", "failed", "unknown", "handed", "cancelled", "expired", "skipped"]

TIMELINE_WAYS: dict[str, frozenset[str]] = {
    "active": frozenset({"completed", "converted", "exited", "cancelled"}),
    "completed": frozenset(),
    "converted": frozenset(),
    "exited": frozenset(),
    "cancelled": frozenset(),
}

TOUCH_WAYS: dict[str, frozenset[str]] = {
    "queued": frozenset({"sending", "cancelled", "expired"}),
    "sending": frozenset({"sent", "queued", "failed", "unknown", "handed"}),
    "handed": frozenset({"sent", "failed", "expired", "cancelled"}),
    "failed": frozenset({"queued"}),
    "unknown": frozenset({"queued", "sent"}),
    "sent": frozenset(),
    "cancelled": frozenset(),
    "expired": frozenset(),
    "skipped": frozenset(),
}

OPEN_TOUCHES = ("queued", "sending", "handed")
"""A timeline is not finished while one of its touches is in one of these."""

RECALLABLE_TOUCHES = ("queued", "handed")
"""What can still be called back: nobody is sending it, and nobody is known to have it."""

COUNTED_TOUCHES = ("queued", "sending", "sent", "handed", "unknown")
"""What counts under caps and as a touch the customer was given: it has gone out, will, or may have."""

DOUBTFUL_TOUCHES = ("failed", "unknown")
"""What a person has to look at: it did not arrive, or nobody knows."""


def check_touch(before: str, after: str) -> None:
    """Raise IllegalTransition unless a touch may go from `before` to `after`."""
    _check(_TOUCH, TOUCH_WAYS, before, after)


def check_timeline(before: str, after: str) -> None:
    """Raise IllegalTransition unless a timeline may go from `before` to `after`."""
    _check(_TIMELINE, TIMELINE_WAYS, before, after)


_TOUCH = Sentence("a touch cannot go from `{before}` to `{after}`; from `{before}` it can go to: {names}")
_TIMELINE = Sentence("a timeline cannot go from `{before}` to `{after}`; from `{before}` it can go to: {names}")


def _check(said: Sentence, ways: dict[str, frozenset[str]], before: str, after: str) -> None:
    if after not in ways.get(before, frozenset()):
        allowed = codes(sorted(ways.get(before, ()))) or Sentence("nothing, it is final")
        raise IllegalTransition(said.with_values(before=before, after=after, names=allowed))
