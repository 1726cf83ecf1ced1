"""Applying definitions: stored as immutable versions, put in force together, timelines in flight brought in line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from engine.core.definitions.catalog import DecisionContext
from engine.core.delivery.version_change import apply_version_change
from engine.core.rollout.basis import Basis, digest
from engine.core.sentence import Sentence
from engine.runtime import Runtime
from engine.store.database import Row, retrying, to_json, transaction
from engine.store.installation import installation_id
from engine.store.operations import audit
from engine.store.reports import plan_apply as counts
from engine.store.scheduled import clock_rebase, enrolment
from engine.store.state import customers, inbox, timelines, touches
from engine.store.state import definitions as store
from engine.store.state.loading import Needs, load

log = structlog.get_logger()

_BATCH = 500


@dataclass(slots=True)
class Applied:
    """What an apply changed."""

    generation: int
    changed: bool
    versions: dict[str, int] = field(default_factory=dict)
    """SOP id (or engine.yaml) → the version now in force."""
    new: list[str] = field(default_factory=list)
    """Those with another version than before."""
    added: list[str] = field(default_factory=list)
    """Of these, those that were not in force before."""
    removed: list[str] = field(default_factory=list)
    """SOPs no longer defined: their timelines end."""
    clocks_differ: bool = False
    """Thresholds of silence are new or gone, so that clocks are set anew (`services.rethreshold`)."""
    moved: list[tuple[str, int, int]] = field(default_factory=list)
    """SOPs whose timelines in flight are not as many any more as the plan counted: SOP, then, now."""


class DefinitionApplier:
    """Puts checked definitions in force."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock, self._current = runtime.engine, runtime.clock, runtime.definitions

    def apply(self, sources: Mapping[str, tuple[str | None, str]], who: str, basis: Basis | None = None) -> Applied:
        """Store and put in force: file name → (SOP id or None for engine.yaml, its text). All or nothing.

        The texts must have been checked (`definitions_yaml.load`). Nothing changes where they are in force already.

        Parameters:
            basis: what the plan was made on that is now applied; without one, whatever is in force is replaced.
        Raises BasisChanged where that is no longer so.
        """
        applied = retrying(self._engine, lambda connection: self._put_in_force(connection, sources, who, basis))
        if applied.changed:
            log.info("definitions.applied", generation=applied.generation, new=applied.new, removed=applied.removed)
            self.settle()
        return applied

    def _put_in_force(
        self, connection: Connection, sources: Mapping[str, tuple[str | None, str]], who: str, basis: Basis | None
    ) -> Applied:
        store.lock_apply(connection)
        now = self._clock.now()
        last = store.generation(connection)
        found = store.in_force(connection, last)
        moved = self._checked(connection, basis, last, found, sources) if basis else []
        before = {row.sop or row.name: row.id for row in found}
        rows = {
            sop or name: store.add_version(connection, store.DefinitionText(name, sop, digest(text), text), now)
            for name, (sop, text) in sorted(sources.items())
        }
        versions = {key: row.version for key, row in rows.items()}
        if {key: row.id for key, row in rows.items()} == before:
            return Applied(last, False, versions, moved=moved)
        new = [key for key, row in rows.items() if before.get(key) != row.id]
        removed = sorted(set(before) - set(rows))
        store.add_generation(connection, last + 1, [row.id for row in rows.values()], now, who)
        enrolment.begin(
            connection, [sop for sop, _ in sources.values() if sop and rows[sop].version == 1 and rows[sop].is_new]
        )
        audit.add(connection, now, who, "definitions.apply", _told(last + 1, new, removed, basis))
        clocks_differ = clock_rebase.rebase(connection, self._current.load(connection, last + 1), now)
        added = [key for key in new if key not in before]
        return Applied(last + 1, True, versions, new, added, removed, clocks_differ, moved)

    @staticmethod
    def _checked(
        connection: Connection,
        basis: Basis,
        generation: int,
        in_force: Sequence[Row],
        sources: Mapping[str, tuple[str | None, str]],
    ) -> list[tuple[str, int, int]]:
        """Return what of the basis has moved and does not stand in the way. Raises BasisChanged for what does."""
        by = store.applied_by(connection, generation)
        who = Sentence("nothing was ever applied")
        if by:
            at = f"{by.applied_at:%Y-%m-%d %H:%M:%S}"
            who = Sentence("applied by {who} at {time} UTC", who=by.applied_by, time=at)
        planned = {name: digest(text) for name, (_, text) in sources.items()}
        basis.check(generation, {row.name: row.hash for row in in_force}, planned, who)
        return list(basis.moved(counts.active_by_sop(connection)))

    def settle(self) -> int:
        """Bring every active timeline in line with the newest generation, in batches; return how many. Safe to repeat."""
        with transaction(self._engine) as connection:
            generation = store.unsettled(connection)
        if generation is None:
            return 0
        after = total = 0
        while True:
            last = after
            number, after = retrying(self._engine, partial(self._settle_batch, after=after))
            if after == last:
                break
            total += number
        with transaction(self._engine) as connection:
            store.settle(connection, generation, self._clock.now())
        return total

    def _settle_batch(self, connection: Connection, after: int) -> tuple[int, int]:
        """Settle the next customers above id `after`; return how many timelines were seen and the last id."""
        ids = store.customers_to_settle(connection, after, _BATCH)
        if not ids:
            return 0, after
        now = self._clock.now()
        locked = customers.lock_by_id(connection, ids)
        definitions = self._current.read(connection)
        known = load(connection, locked, Needs.TOUCHED | Needs.METRICS | Needs.STEPS, definitions)
        waiting = inbox.subjects_waiting(connection, [each.ref for each in known.values()])
        ours = [each for customer in known.values() for each in customer.timelines]
        installation = installation_id(connection)
        skipped = [
            (customer.id, touch)
            for customer in known.values()
            for touch in apply_version_change(
                customer, DecisionContext(definitions, now, installation), has_unmatched_events=customer.ref in waiting
            )
        ]
        touches.add(connection, skipped, now)
        timelines.write(connection, known.values())
        return len(ours), ids[-1]


def _told(generation: int, new: Sequence[str], removed: Sequence[str], basis: Basis | None) -> dict[str, Any]:
    """Return what the audit says of an apply: what came of it, and what it was decided on."""
    detail: dict[str, Any] = {"generation": generation, "new": list(new), "removed": list(removed)}
    if basis is not None:
        detail["basis"] = {
            "generation": basis.generation,
            "planned": digest(to_json(dict(sorted(basis.planned.items())))),
        }
        detail |= {"back_to": basis.back_to} if basis.back_to is not None else {}
    return detail
