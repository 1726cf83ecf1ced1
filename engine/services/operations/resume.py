"""Resuming what was paused, without an avalanche: what is past its limit expires, the rest goes its ordinary way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import Connection

from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import lookup
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.delivery.resume import look_again, missed, skip
from engine.runtime import Runtime
from engine.store.database import Row, retrying, transaction
from engine.store.installation import installation_id
from engine.store.operations import audit
from engine.store.state import customers, pauses, timelines, touches
from engine.store.state.definitions import await_deciders
from engine.store.state.loading import Needs, load
from engine.store.state.pauses import Scope

log = structlog.get_logger()

_BATCH = 500
_CALLED_OFF_AT_ONCE = 2_000
T = TypeVar("T")


class _Find(Protocol):
    """Finds parked timelines: above an id so many, or those among some."""

    def __call__(
        self, connection: Connection, *, after: int = 0, limit: int | None = None, among: Sequence[int] | None = None
    ) -> list[Row]: ...


@dataclass(slots=True)
class Resumed:
    """What a resume let go."""

    scope: Scope
    changed: bool = False
    """False: it was not paused."""
    since: datetime | None = None
    """Since when it had been paused."""
    timelines: int = 0
    """Parked timelines handed back to the planner."""
    going: int = 0
    """Their steps that are still in time: they go now, as far as conditions, quiet hours and caps let them."""
    expired: int = 0
    """Their steps that are past their limit: they are skipped as expired."""
    touches: int = 0
    """Touches that waited to be sent and go now."""
    touches_expired: int = 0
    """Touches that waited to be sent and are past their limit."""
    skipped: int = 0
    """With `skip_missed`: steps and touches that the pause held, and that are skipped."""
    still_paused: list[Scope] = field(default_factory=list)
    """Other pauses that go on holding some of it."""


@dataclass(frozen=True, slots=True)
class _Held:
    """One batch of parked timelines under their customers' locks, with all that decides about them."""

    ours: list[tuple[Customer, Timeline]]
    known: dict[int, Customer]
    definitions: Definitions
    now: datetime


class Resumer:
    """Ends pauses, and hands back what they parked."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._hints, self._current = runtime.hints, runtime.definitions

    def resume(self, scope: Scope, who: str, *, skip_missed: bool = False) -> Resumed:
        """End a pause, audited, and let go what it held. Cut off midway it can be called again; so can what is not paused.

        Parameters:
            skip_missed: nothing that came due meanwhile goes out, even where it would still be in time.

        Raises NotFound for an SOP or channel that is neither paused nor in force.
        """
        with transaction(self._engine) as connection:
            paused = pauses.find(connection, scope)
            if paused is None:
                lookup.check_pausable(scope.kind, scope.name, self._current.read(connection))
        done = Resumed(scope)
        if paused is not None and skip_missed:
            self._skip_missed(scope, who, done)
        retrying(self._engine, lambda connection: self._end(connection, scope, who, done))
        self._let_go(done)
        with transaction(self._engine) as connection:
            done.still_paused = [other for row in pauses.listed(connection) if _overlap(scope, other := _scope(row))]
        if done.changed:
            log.info("pause.ended", kind=scope.kind, name=scope.name, timelines=done.timelines, skipped=done.skipped)
        return done

    def go_on(self) -> int:
        """Hand back timelines that a resume left parked when it was cut off; return how many."""
        done = Resumed(Scope("all"))
        self._let_go(done)
        return done.timelines

    def _end(self, connection: Connection, scope: Scope, who: str, done: Resumed) -> None:
        """End the pause once every transaction that decides by it has come to its end: what that parked is seen from now on."""
        await_deciders(connection)
        now = self._clock.now()
        row = pauses.find(connection, scope)
        done.changed = row is not None
        if row is None:
            return
        pauses.remove(connection, scope)
        held = pauses.touches_held(connection, scope, now)
        done.since, done.touches, done.touches_expired = row.since, held.queued, held.late
        detail = {"kind": scope.kind, "name": scope.name, "paused_since": row.since, "skipped": done.skipped}
        audit.add(connection, now, who, "resume", detail)

    # ── letting go ───────────────────────────────────────────────────────────────────────────────────────────

    def _let_go(self, done: Resumed) -> None:
        """Hand every timeline that nothing pauses any more back to the planner, batch by batch."""
        for held in self._batches(pauses.parked, self._release):
            done.timelines += held.timelines
            done.going += held.going
            done.expired += held.expired
        if done.timelines:
            self._hints.look_for_due()

    def _release(self, connection: Connection, held: _Held) -> Resumed:
        part = Resumed(Scope("all"), timelines=len(held.ours))
        for customer, timeline in held.ours:
            found = missed(timeline, customer, DecisionContext(held.definitions, held.now))
            part.going += len(found.in_time)
            part.expired += len(found.late)
            look_again(timeline, held.now)
        timelines.write(connection, held.known.values())
        return part

    # ── skipping what was missed ─────────────────────────────────────────────────────────────────────────────

    def _skip_missed(self, scope: Scope, who: str, done: Resumed) -> None:
        """Skip all that the pause holds, while it still holds it: nothing can go out in between."""
        with transaction(self._engine) as connection:
            audit.add(
                connection, self._clock.now(), who, "resume.skip_missed", {"kind": scope.kind, "name": scope.name}
            )
        done.skipped += self._call_off(scope)
        if scope.kind != "channel":
            done.skipped += sum(self._batches(partial(pauses.parked, scope=scope), self._skip))

    def _call_off(self, scope: Scope) -> int:
        total = 0
        while True:
            number: int = retrying(self._engine, partial(self._call_off_some, scope=scope))
            total += number
            if number < _CALLED_OFF_AT_ONCE:
                return total

    def _call_off_some(self, connection: Connection, scope: Scope) -> int:
        return pauses.call_off(connection, scope, self._clock.now(), _CALLED_OFF_AT_ONCE)

    @staticmethod
    def _skip(connection: Connection, held: _Held) -> int:
        installation = installation_id(connection)
        skipped = [
            (customer.id, touch)
            for customer, each in held.ours
            for touch in skip(each, customer, DecisionContext(held.definitions, held.now, installation))
        ]
        touches.add(connection, skipped, held.now)
        timelines.write(connection, held.known.values())
        return len(skipped)

    # ── batches ──────────────────────────────────────────────────────────────────────────────────────────────

    def _batches(self, find: _Find, work: Callable[[Connection, _Held], T]) -> Iterator[T]:
        """Do work on the timelines that `find` finds, a transaction for each batch; yield what each came to."""
        after = 0
        while (found := retrying(self._engine, partial(self._batch, find=find, work=work, after=after))) is not None:
            result, after = found
            yield result

    def _batch(
        self, connection: Connection, find: _Find, work: Callable[[Connection, _Held], T], after: int
    ) -> tuple[T, int] | None:
        """Lock the customers of the next timelines, read what decides, do the work. None: there are no more."""
        found = find(connection, after=after, limit=_BATCH)
        if not found:
            return None
        ids = customers.lock_by_id(connection, sorted({row.customer_id for row in found}))
        definitions = self._current.read(connection)
        still = {row.id for row in find(connection, among=[row.id for row in found])}  # again, now that they are locked
        known = load(connection, ids, Needs.NOTHING_MORE)
        ours = [(customer, each) for customer in known.values() for each in customer.timelines if each.id in still]
        timelines.load_had(connection, [each for _, each in ours])
        return work(connection, _Held(ours, known, definitions, self._clock.now())), found[-1].id


def _scope(row: Row) -> Scope:
    return Scope(row.kind, row.name)


def _overlap(one: Scope, other: Scope) -> bool:
    """Return whether both may hold the same touch."""
    return one.kind == "all" or one.kind != other.kind
