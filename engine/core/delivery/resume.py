"""What a pause kept from going out: which steps came due meanwhile, and letting them go."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions.catalog import DecisionContext
from engine.core.reasons import Reason
from engine.core.timelines.due_step import DueStep
from engine.core.timelines.schedule import next_step, schedule, set_next_step
from engine.core.timelines.touch import Touch, touch_key


@dataclass(slots=True)
class Missed:
    """The steps of one parked timeline that are due by now."""

    steps: list[DueStep] = field(default_factory=list)
    """All steps not had, in order of their time."""
    due: list[DueStep] = field(default_factory=list)
    """Those of them that are due."""
    in_time: list[DueStep] = field(default_factory=list)
    """Due and not too late: these go, as far as conditions, quiet hours and caps let them."""
    late: list[DueStep] = field(default_factory=list)
    """Past their limit: these expire."""


def missed(timeline: Timeline, customer: Customer, context: DecisionContext) -> Missed:
    """Return what a timeline has missed by `now`; nothing for an SOP that is not, or cannot be, read any more."""
    defined = context.definitions.sops.get(timeline.sop)
    if defined is None:
        return Missed()
    steps = [
        each
        for each in schedule(timeline, defined.sop, customer, context.definitions)
        if each.step.id not in timeline.had and each.due >= timeline.start
    ]
    due = [each for each in steps if each.opens <= context.now]
    return Missed(
        steps,
        due,
        [each for each in due if context.now < each.limit],
        [each for each in due if context.now >= each.limit],
    )


def skip(timeline: Timeline, customer: Customer, context: DecisionContext) -> list[Touch]:
    """Let a parked timeline go on after what it has missed; return that as skipped touches."""
    defined = context.definitions.sops.get(timeline.sop)
    found = missed(timeline, customer, context)
    if defined is None or not found.steps:
        look_again(timeline, context.now)
        return []
    skipped = [_skipped(timeline, each, customer, defined.version, context.installation) for each in found.due]
    timeline.had.update(each.step for each in skipped)
    following = next_step(timeline, found.steps)
    if following is None:
        look_again(timeline, context.now)
    else:
        set_next_step(timeline, following)
    return skipped


def look_again(timeline: Timeline, now: datetime) -> None:
    """Hand a parked timeline back to the planner. What held it stays written, so that what expires can say why."""
    timeline.due_at, timeline.changed = now, True


def _skipped(timeline: Timeline, due: DueStep, customer: Customer, version: int, installation: str) -> Touch:
    key = touch_key(installation, customer.ref, timeline, due.step.id)
    touch = Touch(timeline, due.step.id, due.step.kind, "skipped", due.due, due.limit, key, version)
    return touch.skip(Reason.PAUSED)
