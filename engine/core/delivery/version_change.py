"""What a new generation does to a customer's timelines in flight. The same function settles them and foresees it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions.catalog import Definitions
from engine.core.delivery.plan import Touch, resettle
from engine.core.matching.match import while_broken
from engine.core.reasons import Reason
from engine.core.timelines.schedule import schedule


def settle_all(
    customer: Customer, definitions: Definitions, now: datetime, installation: str, *, overtaken: bool = False
) -> list[Touch]:
    """Bring the customer's active timelines in line with a new generation; return the touches skipped, whose time has passed.

    Those of a removed SOP end, then those whose `while` no longer holds, the rest get their next step and due time.

    Parameters:
        overtaken: events of the customer wait to be matched, so that `while` is asked after those, not now.
    """
    touches: list[Touch] = []
    for timeline in customer.active_timelines():
        if definitions.sop(timeline.sop) is None:
            touches += resettle(timeline, customer, definitions, now, installation)
    if not overtaken:
        _end_broken(customer, definitions, now)
    for timeline in customer.active_timelines():
        touches += resettle(timeline, customer, definitions, now, installation)
    return touches


def _end_broken(customer: Customer, definitions: Definitions, now: datetime) -> None:
    """End those whose `while` does not hold, until no end brings another (`in_sop` asks for the others)."""
    ended = True
    while ended:
        ended = False
        for timeline in customer.active_timelines():
            sop = definitions.sop(timeline.sop)
            trace = while_broken(timeline, sop, customer, definitions, now) if sop and sop.while_ else None
            if trace is not None:
                timeline.end("exited", Reason.WHILE_ENDED, now, trace.decided_at)
                ended = True


@dataclass(frozen=True, slots=True)
class Fate:
    """What a new generation does to one timeline."""

    sop: str
    before: str | None
    """The step it waits for under the definitions in force."""
    ended: str | None = None
    """Why it ends."""
    passed: tuple[str, ...] = ()
    """Steps that are not sent because their time has passed."""
    gets: tuple[str, ...] = ()
    """Steps still to come that it would not have had."""
    loses: tuple[str, ...] = ()
    """Steps still to come that it would have had."""
    moves: tuple[str, ...] = ()
    """Steps still to come whose time is another."""
    to_come: tuple[str, ...] = ()
    """All steps still to come."""


def fates(
    customer: Customer, before: Definitions, after: Definitions, now: datetime, installation: str, *, overtaken: bool
) -> tuple[Customer, list[Fate]]:
    """Return the customer as `after` would leave them, and what becomes of each active timeline; the one given stays as it is.

    Timelines must know what they have had.
    """
    changed = fork(customer)
    pairs = [(was, is_) for was, is_ in zip(customer.timelines, changed.timelines, strict=True) if was.active]
    skipped = settle_all(changed, after, now, installation, overtaken=overtaken)
    return changed, [_fate(customer, was, is_, skipped, before, after) for was, is_ in pairs]


def _fate(
    customer: Customer,
    was: Timeline,
    is_: Timeline,
    skipped: Sequence[Touch],
    before: Definitions,
    after: Definitions,
) -> Fate:
    if not is_.active:
        return Fate(was.sop, was.next_step, ended=is_.reason)
    old, new = _to_come(was, customer, before), _to_come(is_, customer, after)
    known = _steps(was.sop, before)
    passed = tuple(touch.step for touch in skipped if touch.timeline is is_)
    return Fate(
        was.sop,
        was.next_step,
        None,
        passed,
        gets=tuple(step for step in new if step not in known),
        loses=tuple(step for step in old if step not in _steps(was.sop, after)),
        moves=tuple(step for step in new if step in old and old[step] != new[step]),
        to_come=tuple(new),
    )


def _steps(sop_id: str, definitions: Definitions) -> set[str]:
    sop = definitions.sop(sop_id)
    return {step.id for step in sop.steps} if sop else set()


def _to_come(timeline: Timeline, customer: Customer, definitions: Definitions) -> dict[str, datetime | None]:
    """Return the steps the timeline has not had, each with when it may go out, None where that is not known yet."""
    sop = definitions.sop(timeline.sop)
    if sop is None:
        return {}
    due = {each.step.id: each.opens for each in schedule(timeline, sop, customer, definitions)}
    return {step.id: due.get(step.id) for step in sop.steps if step.id not in timeline.had}


def fork(customer: Customer) -> Customer:
    """Return a copy of the customer that decisions may change without changing the one given."""
    return replace(customer, **{each.name: _copied(getattr(customer, each.name)) for each in fields(customer)})


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: copy.copy(each) for key, each in value.items()}
    if isinstance(value, list):
        return [replace(each, had=set(each.had)) if isinstance(each, Timeline) else copy.copy(each) for each in value]
    return copy.copy(value) if isinstance(value, set) else value
