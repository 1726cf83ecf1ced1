"""How things stand: one customer's facts, timelines, and every SOP in force with counts by step."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from engine.core.customers.customer import Customer
from engine.core.definitions import Sop
from engine.core.errors import NotFound
from engine.core.explain.step_report import step_time
from engine.core.sentence import Sentence
from engine.runtime import Runtime
from engine.store.database import Row, transaction
from engine.store.reports import overview, stories
from engine.store.reports.overview import TimelineFilter
from engine.store.state import customers, metrics


@dataclass(frozen=True, slots=True)
class _Counts:
    """What is counted of all SOPs together."""

    active: list[Row]
    moves: dict[str, Row]
    touches: list[Row]
    pauses: dict[str, set[str]]


class Overview:
    """Tells how things stand."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock, self._current = runtime.engine, runtime.clock, runtime.definitions

    def customer(self, ref: str) -> dict[str, Any]:
        """Return what is known of a customer: facts with since when they are so, clocks, opt-outs, active timelines.

        Raises NotFound for one the matcher has not met.
        """
        with transaction(self._engine) as connection:
            stories.begin_snapshot(connection)
            id_ = stories.customer_id(connection, ref)
            if id_ is None:
                near = stories.nearest_ref(connection, ref)
                hint = Sentence(" Did you mean `{near}`?", near=near) if near else Sentence("")
                raise NotFound(Sentence("no customer `{customer}`.", customer=ref) + hint)
            customer = customers.load(connection, [id_])[id_]
            metrics.load_into(connection, {id_: customer})
            running = overview.timelines(connection, TimelineFilter(ref, state="active"), 200)
            zone = self._current.look(connection).zone_of(customer.timezone)
        return {**_facts(customer), "zone": zone, "timelines": [dict(row._mapping) for row in reversed(running)]}

    def timelines(self, wanted: TimelineFilter, limit: int, before: int | None = None) -> list[dict[str, Any]]:
        """Return the newest timelines that meet the filter, below the id `before`; newest first."""
        with transaction(self._engine) as connection:
            return [dict(row._mapping) for row in overview.timelines(connection, wanted, limit, before)]

    def sops(self, since: datetime) -> list[dict[str, Any]]:
        """Return every SOP in force: how many are in it and before which step, what was started, ended and touched since."""
        with transaction(self._engine) as connection:
            stories.begin_snapshot(connection)
            definitions = self._current.look(connection)
            counts = _counts(connection, since)
        told = [_sop(each.sop, each.version, counts) for _, each in sorted(definitions.sops.items())]
        return told + [{"sop": sop, "broken": True} for sop in sorted(definitions.broken)]


def _facts(customer: Customer) -> dict[str, Any]:
    return {
        "customer": customer.ref,
        "timezone": customer.timezone,
        "attributes": customer.attributes,
        "tags": {
            tag: {"since": fact.changed_at, "set_by": fact.set_by}
            for tag, fact in sorted(customer.tags.items())
            if fact.present
        },
        "dimensions": {
            name: {"value": fact.value, "since": fact.since} for name, fact in sorted(customer.dimensions.items())
        },
        "clocks": {name: asdict(fact) for name, fact in sorted(customer.clocks.items())},
        "activities": {kind: asdict(fact) for kind, fact in sorted(customer.activities.items())},
        "metrics": customer.metrics,
        "staff": customer.staff,
        "friends": customer.friends,
        "opt_outs": sorted(customer.opt_outs),
        "known_since": customer.known_since,
    }


def _counts(connection: Connection, since: datetime) -> _Counts:
    return _Counts(
        overview.active_by_step(connection),
        {row.sop: row for row in overview.moves_since(connection, since)},
        overview.touches_since(connection, since),
        stories.pauses(connection),
    )


def _sop(sop: Sop, version: int, counts: _Counts) -> dict[str, Any]:
    moves = counts.moves.get(sop.sop)
    active = {row.step: row for row in counts.active if row.sop == sop.sop}
    touched: dict[str, dict[str, int]] = {}
    for row in counts.touches:
        if row.sop == sop.sop:
            touched.setdefault(row.step, {})[row.status] = row.number
    return {
        "sop": sop.sop,
        "title": sop.title,
        "version": version,
        "priority": sop.priority,
        "group": sop.group,
        "accepting": sop.accept,
        "paused": bool(counts.pauses["all"]) or sop.sop in counts.pauses["sop"],
        "active": sum(row.number for row in active.values()),
        "started": moves.started if moves else 0,
        "ended": moves.ended if moves else 0,
        "converted": moves.converted if moves else 0,
        "steps": [_step(step.id, step.kind, step_time(step, sop), active, touched) for step in sop.steps]
        + [
            _step(name, "notice", None, active, touched)
            for name in sorted(set(touched) - {each.id for each in sop.steps})
        ],
    }


def _step(
    step: str, kind: str, when: str | None, active: dict[str | None, Row], touched: dict[str, dict[str, int]]
) -> dict[str, Any]:
    here = active.get(step)
    return {
        "step": step,
        "kind": kind,
        "when": when,
        "to_come": here.number if here else 0,
        "held": here.held if here else 0,
        "touches": touched.get(step, {}),
    }
