"""What a new generation does to a customer's timelines in flight. The same function settles them and foresees it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from engine.core.conditions.evaluate import broken_while
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.delivery.scene import Scene
from engine.core.reasons import Reason
from engine.core.timelines.due_step import DueStep
from engine.core.timelines.schedule import goal_end, next_step, schedule, set_next_step
from engine.core.timelines.touch import DELAY_REASONS, Touch


def apply_version_change(
    customer: Customer, context: DecisionContext, *, has_unmatched_events: bool = False
) -> list[Touch]:
    """Bring the customer's active timelines in line with a new generation; return the touches skipped, whose time has passed.

    Those of a removed SOP end, then those whose `while` no longer holds, the rest get their next step and due time.

    Parameters:
        has_unmatched_events: events of the customer wait to be matched, so that `while` is asked after those, not now.
    """
    touches: list[Touch] = []
    for timeline in customer.active_timelines():
        if context.definitions.sop(timeline.sop) is None:
            touches += reschedule_timeline(timeline, customer, context)
    if not has_unmatched_events:
        _end_broken(customer, context)
    for timeline in customer.active_timelines():
        touches += reschedule_timeline(timeline, customer, context)
    return touches


def _end_broken(customer: Customer, context: DecisionContext) -> None:
    """End those whose `while` does not hold, until no end brings another (`in_sop` asks for the others)."""
    ended = True
    while ended:
        ended = False
        for timeline in customer.active_timelines():
            sop = context.definitions.sop(timeline.sop)
            trace = broken_while(timeline, sop, customer, context) if sop and sop.while_ else None
            if trace is not None:
                timeline.end("exited", Reason.WHILE_ENDED, context.now, trace.decided_at)
                ended = True


@dataclass(frozen=True, slots=True)
class TimelineChange:
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


def preview_version_change(
    customer: Customer, before: Definitions, after: DecisionContext, *, has_unmatched_events: bool
) -> tuple[Customer, list[TimelineChange]]:
    """Return the customer as `after` would leave them, and what becomes of each active timeline; the one given stays as it is.

    Timelines must know what they have had.

    Parameters:
        customer: as they are, with what their timelines have had
        before: the definitions in force
        after: those that would be, and the moment
        has_unmatched_events: events of the customer wait, so that `while` is not asked
    """
    changed = fork(customer)
    pairs = [(was, is_) for was, is_ in zip(customer.timelines, changed.timelines, strict=True) if was.active]
    skipped = apply_version_change(changed, after, has_unmatched_events=has_unmatched_events)
    return changed, [_timeline_change(customer, (was, is_), skipped, before, after.definitions) for was, is_ in pairs]


def _timeline_change(
    customer: Customer,
    pair: tuple[Timeline, Timeline],
    skipped: Sequence[Touch],
    before: Definitions,
    after: Definitions,
) -> TimelineChange:
    """Return what becomes of a timeline: `pair` has it as it was and as it is under `after`."""
    was, is_ = pair
    if not is_.active:
        return TimelineChange(was.sop, was.next_step, ended=is_.reason)
    old, new = _to_come(was, customer, before), _to_come(is_, customer, after)
    known = _steps(was.sop, before)
    passed = tuple(touch.step for touch in skipped if touch.timeline is is_)
    return TimelineChange(
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


def reschedule_timeline(timeline: Timeline, customer: Customer, context: DecisionContext) -> list[Touch]:
    """Bring an active timeline in line with a new generation: its next step and due time, or its end.

    Steps not yet had come from the new version; one whose time has passed is not sent: it is returned as skipped. What was
    due before the change already is left to the planner.
    """
    defined = context.definitions.sops.get(timeline.sop)
    if timeline.sop in context.definitions.broken:
        return []
    if defined is None:
        timeline.end("exited", Reason.SOP_REMOVED, context.now)
        return []
    scene = Scene(timeline, defined.sop, customer, context)
    steps = schedule(timeline, defined.sop, customer, context.definitions)
    passed = _passed(timeline, steps, context.now)
    timeline.had.update(each.step.id for each in passed)
    timeline.goal_until, timeline.priority = goal_end(defined.sop, timeline.anchor), defined.sop.priority
    following = next_step(timeline, steps)
    if following is not None and _waits_still(timeline, following, context.now):
        timeline.due_at, timeline.changed = context.now, True
    elif following is not None:
        set_next_step(timeline, following)
    else:
        timeline.due_at, timeline.changed = context.now, True
    return [scene.touch(each).skip(Reason.PASSED, each.step.from_) for each in passed]


def _waits_still(timeline: Timeline, following: DueStep, now: datetime) -> bool:
    """Return whether it waits for the same step as before, held back by the same: who decides next is told so."""
    same = timeline.next_step == following.step.id and timeline.step_due == following.due
    return same and following.opens <= now and timeline.waiting in DELAY_REASONS


def _passed(timeline: Timeline, steps: list[DueStep], now: datetime) -> list[DueStep]:
    """Return the steps that a new version brings too late: due before now, and before what the timeline waits for."""
    awaited = timeline.step_due if timeline.step_due is not None else now
    return [
        each
        for each in steps
        if each.opens < min(now, awaited)
        and each.step.id not in timeline.had
        and (each.step.id != timeline.next_step or awaited > now)
    ]
