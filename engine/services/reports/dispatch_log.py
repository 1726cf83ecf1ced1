"""Reading lists, and following them: what is new or different since the last look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine

from engine.core.timelines.states import OPEN_TOUCHES
from engine.store.database import Row, transaction
from engine.store.reports import dispatch_log
from engine.store.reports.dispatch_log import TouchFilter

_BEHIND = 2_000
"""Ids are given before they are committed: a follower looks so far back for late ones."""
_WATCHED = 5_000
"""So many open touches are watched for a change; the oldest are let go first."""
_AT_ONCE = 10_000


class DispatchLog:
    """The touches that meet a filter: the last ones, then whatever is new or has changed."""

    def __init__(self, engine: Engine, wanted: TouchFilter) -> None:
        self._engine, self._wanted = engine, wanted
        self._watched = replace(wanted, status=None, reason=None, since=None, until=None)
        """What is followed: a touch comes to meet the rest of the filter, or no longer does, while it changes."""
        self._seen: dict[int, tuple[Any, ...]] = {}
        self._last = self._floor = 0

    def last(self, limit: int) -> list[Row]:
        """Return the newest touches, oldest first; `changes` goes on from here."""
        with transaction(self._engine) as connection:
            found = dispatch_log.touches(connection, self._wanted, limit)[::-1]
            watched = dispatch_log.touches(connection, self._watched, max(limit, _BEHIND))
            top = dispatch_log.touches(connection, TouchFilter(), 1)
        self._last = self._floor = max([row.id for row in top], default=0)
        self._note(watched)
        return found

    def changes(self) -> list[Row]:
        """Return the touches that are new, or in another state, since the last call."""
        open_ = [touch for touch, state in self._seen.items() if state[0] in OPEN_TOUCHES][-_WATCHED:]
        after = max(self._last - _BEHIND, self._floor)
        with transaction(self._engine) as connection:
            found = dispatch_log.touches_changed(connection, self._watched, after, open_, _AT_ONCE)
        return [row for row in self._note(found) if self._meets(row)]

    def _meets(self, row: Row) -> bool:
        return self._wanted.status in (None, row.status) and self._wanted.reason in (None, row.reason)

    def _note(self, found: list[Row]) -> list[Row]:
        new = [row for row in found if self._seen.get(row.id) != _state(row)]
        self._seen.update((row.id, _state(row)) for row in new)
        self._last = max([self._last, *(row.id for row in found)])
        if len(self._seen) > 4 * _WATCHED:
            kept = sorted(self._seen)[-2 * _WATCHED :]
            self._seen = {touch: self._seen[touch] for touch in kept}
        return new


def _state(row: Row) -> tuple[Any, ...]:
    return row.status, row.attempt, row.reason, row.ready_at


class Inbox:
    """The events (or rejected events) of everybody or one customer: the last ones, then whatever is new or matched."""

    def __init__(self, engine: Engine, customer: str | None, *, rejected: bool = False) -> None:
        self._engine, self._customer = engine, customer
        self._read: Callable[..., list[Row]] = dispatch_log.rejected_events if rejected else dispatch_log.events
        self._seen: dict[int, bool] = {}
        self._last = self._floor = 0

    def last(self, limit: int) -> list[Row]:
        """Return the newest, oldest first; `changes` goes on from here."""
        with transaction(self._engine) as connection:
            found = self._read(connection, self._customer, limit)
            top = self._read(connection, None, 1)
        self._last = self._floor = max([row.id for row in top], default=0)
        self._note(found)
        return found

    def changes(self) -> list[Row]:
        """Return those that came in since the last call, and those that have been matched since."""
        waiting = [row for row, matched in self._seen.items() if not matched]
        after = min([max(self._last - _BEHIND, self._floor), *(row - 1 for row in waiting[-_WATCHED:])])
        with transaction(self._engine) as connection:
            found = self._read(connection, self._customer, _AT_ONCE, after)
        return self._note(found)

    def _note(self, found: list[Row]) -> list[Row]:
        new = [row for row in found if self._seen.get(row.id) is not _matched(row)]
        self._seen.update((row.id, _matched(row)) for row in new)
        self._last = max([self._last, *(row.id for row in found)])
        if len(self._seen) > 4 * _WATCHED:
            self._seen = {row: self._seen[row] for row in sorted(self._seen)[-2 * _WATCHED :]}
        return new


def _matched(row: Row) -> bool:
    return getattr(row, "matched_at", True) is not None
