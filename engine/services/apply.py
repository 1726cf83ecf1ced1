"""Applying definitions: stored as immutable versions, put in force together, timelines in flight brought in line."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import Connection, Engine

from engine.core.delivery import resettle
from engine.current import CurrentDefinitions
from engine.ports import Clock
from engine.store import audit, customers, existing, rethreshold, timelines, touches
from engine.store import definitions as store
from engine.store.database import retrying, transaction
from engine.store.installation import installation_id

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
    """Those with a new version."""
    removed: list[str] = field(default_factory=list)
    """SOPs no longer defined: their timelines end."""
    clocks_differ: bool = False
    """Thresholds of silence are new or gone, so that clocks are set anew (`services.rethreshold`)."""


class Applying:
    """Puts checked definitions in force."""

    def __init__(self, engine: Engine, clock: Clock, current: CurrentDefinitions) -> None:
        self._engine, self._clock, self._current = engine, clock, current

    def apply(self, sources: Mapping[str, tuple[str | None, str]], who: str) -> Applied:
        """Store and put in force: file name → (SOP id or None for engine.yaml, its text). All or nothing.

        The texts must have been checked (`definitions_yaml.load`). Nothing changes where they are in force already.
        """
        applied = retrying(self._engine, lambda connection: self._put_in_force(connection, sources, who))
        if applied.changed:
            log.info("definitions.applied", generation=applied.generation, new=applied.new, removed=applied.removed)
            self.settle()
        return applied

    def _put_in_force(self, connection: Connection, sources: Mapping[str, tuple[str | None, str]], who: str) -> Applied:
        store.hold_apply(connection)
        now = self._clock.now()
        last = store.generation(connection)
        before = {row.sop or row.name: row.id for row in store.in_force(connection, last)}
        rows = {
            sop or name: store.add_version(connection, name, sop, hashlib.sha256(text.encode()).hexdigest(), text, now)
            for name, (sop, text) in sorted(sources.items())
        }
        versions = {key: row.version for key, row in rows.items()}
        if {key: row.id for key, row in rows.items()} == before:
            return Applied(last, False, versions)
        new = [key for key, row in rows.items() if before.get(key) != row.id]
        removed = sorted(set(before) - set(rows))
        store.add_generation(connection, last + 1, [row.id for row in rows.values()], now, who)
        existing.begin(
            connection, [sop for sop, _ in sources.values() if sop and rows[sop].version == 1 and rows[sop].is_new]
        )
        audit.add(connection, now, who, "definitions.apply", {"generation": last + 1, "new": new, "removed": removed})
        clocks_differ = rethreshold.rebase(connection, self._current.load(connection, last + 1), now)
        return Applied(last + 1, True, versions, new, removed, clocks_differ)

    def settle(self) -> int:
        """Bring every active timeline in line with the newest generation, in batches; return how many. Safe to repeat."""
        with transaction(self._engine) as connection:
            generation = store.unsettled(connection)
        if generation is None:
            return 0
        after = total = 0
        while True:
            number, after = retrying(self._engine, partial(self._settle_batch, after=after))
            if not number:
                break
            total += number
        with transaction(self._engine) as connection:
            store.settle(connection, generation, self._clock.now())
        return total

    def _settle_batch(self, connection: Connection, after: int) -> tuple[int, int]:
        """Settle the next timelines above id `after`; return how many were seen and the last id."""
        seen = store.timelines_to_settle(connection, after, _BATCH)
        if not seen:
            return 0, after
        now = self._clock.now()
        known = customers.load(connection, customers.hold_ids(connection, sorted({row.customer_id for row in seen})))
        definitions = self._current.read(connection)
        timelines.load_into(connection, known)
        wanted = {row.id for row in seen}
        ours = [(c, each) for c in known.values() for each in c.timelines if each.id in wanted]
        timelines.load_had(connection, [each for _, each in ours])
        installation = installation_id(connection)
        skipped = [
            (customer.id, touch)
            for customer, each in ours
            for touch in resettle(each, customer, definitions, now, installation)
        ]
        touches.add(connection, skipped, now)
        timelines.write(connection, known.values())
        return len(seen), seen[-1].id
