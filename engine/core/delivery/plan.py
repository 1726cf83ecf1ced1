"""What a due timeline leads to: touches queued or skipped, the timeline deferred, finished, or ended.

The same function serves the planner and every simulation.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.core.conditions.evaluate import broken_while
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Step
from engine.core.definitions.catalog import DecisionContext
from engine.core.delivery.actions import Occasion, carry_out
from engine.core.delivery.gates import count
from engine.core.delivery.scene import Scene
from engine.core.delivery.step import decide
from engine.core.errors import SopError
from engine.core.events.event import Event
from engine.core.reasons import Reason
from engine.core.sentence import Sentence
from engine.core.timelines.due_step import DueStep
from engine.core.timelines.schedule import next_step, schedule, set_next_step
from engine.core.timelines.touch import DELAYED, FIXABLE_REASONS, Touch

PAUSED_ALL = "*"
"""Among the paused SOPs: every one is."""

_FIRST_LOOK, _LAST_LOOK = timedelta(seconds=1), timedelta(hours=1)
"""How soon, and how seldom, a timeline whose last touches are on their way is looked at."""


@dataclass(slots=True)
class Planned:
    """The decision about one due timeline. The timeline itself is changed in place."""

    touches: list[Touch] = field(default_factory=list)
    made: list[Event] = field(default_factory=list)


def plan_customer(customer: Customer, context: DecisionContext, paused: Collection[str] = ()) -> list[Planned]:
    """Plan the customer's due timelines, those of higher priority first, then the earliest; what makes events ends the turn.

    Parameters:
        paused: ids of the SOPs that are paused, or PAUSED_ALL: their due timelines are parked.
    """
    done: list[Planned] = []
    for timeline in sorted(
        customer.due_timelines(context.now),
        key=lambda each: (-each.priority, each.step_due or context.now, each.sop, each.key),
    ):
        if timeline.sop in paused or PAUSED_ALL in paused:
            timeline.park(Reason.PAUSED)
            continue
        done.append(plan(timeline, customer, context))
        if done[-1].made:
            break
    return done


def plan(timeline: Timeline, customer: Customer, context: DecisionContext) -> Planned:
    """Carry out, skip or hold back every step of the timeline that is due at `now`.

    After a step that makes events nothing more is done: those come first, the rest stays due.

    Raises SopError where this version of the engine cannot read the SOP.
    """
    planned = Planned()
    defined = context.definitions.sops.get(timeline.sop)
    if timeline.sop in context.definitions.broken:
        raise SopError(
            Sentence(
                "SOP `{sop}` cannot be read by this version of the engine; correct its file and apply again",
                sop=timeline.sop,
            )
        )
    if defined is None:
        timeline.end("exited", Reason.SOP_REMOVED, context.now)
        return planned
    sop = defined.sop
    broken = broken_while(timeline, sop, customer, context) if sop.while_ else None
    if broken is not None:
        timeline.end("exited", Reason.WHILE_ENDED, context.now, broken.decided_at)
        return planned
    scene = Scene(timeline, sop, customer, context)
    steps = schedule(timeline, sop, customer, context.definitions)
    held: list[Touch] = []
    for due in [each for each in steps if each.opens <= context.now and each.step.id not in timeline.had]:
        touch = decide(scene, due)
        if touch.status == DELAYED:
            held.append(touch)
            continue
        _execute(touch, due.step, scene, planned)
        if planned.made:
            break
    if held:
        _defer(timeline, held, steps, context.now if planned.made else None, context.now)
    else:
        _advance(scene, steps, planned)
    return planned


def _execute(touch: Touch, step: Step, scene: Scene, planned: Planned) -> None:
    timeline, customer, now = scene.timeline, scene.customer, scene.now
    timeline.had.add(step.id)
    timeline.changed = True
    planned.touches.append(touch)
    if touch.status == "queued":
        customer.touched[timeline.sop] = now
        if touch.counted_on is not None and touch.channel is not None:
            count(customer, touch.counted_on, touch.channel)
    if step.do and touch.status == "sent":
        made, notices = carry_out(step.do, scene, Occasion(f"steps/{step.id}", step.id, now, timeline.depth))
        planned.made += made
        planned.touches += notices


# ── what comes next ──────────────────────────────────────────────────────────────────────────────────────────


def _defer(timeline: Timeline, held: list[Touch], steps: list[DueStep], until: datetime | None, now: datetime) -> None:
    """Look again when what holds back ends (or a fact changes, see matching), or another step is due.

    Of several held back, the timeline tells the one that somebody can mend, else the first that is looked at again.
    """
    first = min(held, key=lambda each: (each.reason not in FIXABLE_REASONS, each.until or each.limit))
    others = [each.opens for each in steps if each.opens > now and each.step.id not in timeline.had]
    timeline.next_step, timeline.step_due = first.step, first.due_at
    timeline.due_at = until or min([each.until or each.limit for each in held] + others)
    timeline.waiting, timeline.detail, timeline.changed = first.reason, first.detail, True


def _advance(scene: Scene, steps: list[DueStep], planned: Planned) -> None:
    """Write down what comes next; with nothing left, finish once every touch has come to its end."""
    timeline, now = scene.timeline, scene.now
    following = next_step(timeline, steps)
    timeline.detail = None
    if following is not None:
        set_next_step(timeline, following)
        return
    left = [step for step in scene.sop.steps if step.id not in timeline.had]  # those whose date never came to be known
    timeline.had.update(step.id for step in left)
    planned.touches += [scene.touch(DueStep(step, now, now, now)).skip(Reason.NO_DATE, step.from_) for step in left]
    if timeline.open_touches or any(each.status == "queued" for each in planned.touches):
        last = max((each.opens for each in steps), default=now)
        timeline.next_step, timeline.step_due, timeline.waiting = None, None, None
        timeline.due_at = now + min(max(now - last, _FIRST_LOOK), _LAST_LOOK)
        timeline.changed = True
    else:
        timeline.end("completed", None, now)
