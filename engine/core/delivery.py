"""What a due timeline leads to: touches queued or skipped, the timeline deferred, finished, or ended.

The same function serves the planner and every simulation.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from engine.core import actions
from engine.core.catalog import Definitions
from engine.core.conditions import Context, hold
from engine.core.customer import Customer, Timeline
from engine.core.definitions import Sop, Step
from engine.core.errors import MissingValue, SopError, TemplateError
from engine.core.events import Event
from engine.core.matching import while_broken
from engine.core.reasons import Reason
from engine.core.rendering import body_of, template_context
from engine.core.timelines import DueStep, next_step, schedule, settle
from engine.core.trace import Trace

_FIRST_LOOK, _LAST_LOOK = timedelta(seconds=1), timedelta(hours=1)
"""How soon, and how seldom, a timeline whose last touches are on their way is looked at."""
_HELD = "held"
"""The status of a touch that is not made yet because its message lacks a value; it never leaves this module."""


@dataclass(slots=True)
class Touch:
    """One step of one timeline, to be sent, done, or skipped."""

    timeline: Timeline
    step: str
    kind: str
    status: str
    due_at: datetime
    limit: datetime
    key: str
    version: int
    channel: str | None = None
    reason: str | None = None
    detail: str | None = None
    body: dict[str, Any] | None = None
    trace: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Planned:
    """The decision about one due timeline. The timeline itself is changed in place."""

    touches: list[Touch] = field(default_factory=list)
    made: list[Event] = field(default_factory=list)


def plan_customer(customer: Customer, definitions: Definitions, now: datetime, installation: str) -> list[Planned]:
    """Plan the customer's due timelines, earliest first; what makes events ends the turn, so that those come first."""
    done: list[Planned] = []
    for timeline in sorted(
        due_timelines(customer, now), key=lambda each: (each.step_due or now, -each.priority, each.sop, each.key)
    ):
        done.append(plan(timeline, customer, definitions, now, installation))
        if done[-1].made:
            break
    return done


def due_timelines(customer: Customer, now: datetime) -> list[Timeline]:
    """Return the active timelines to be looked at by now."""
    return [each for each in customer.timelines if each.active and each.due_at is not None and each.due_at <= now]


def plan(timeline: Timeline, customer: Customer, definitions: Definitions, now: datetime, installation: str) -> Planned:
    """Carry out, skip or hold back every step of the timeline that is due at `now`.

    After a step that makes events nothing more is done: those come first, the rest stays due.
    """
    planned = Planned()
    defined = definitions.sops.get(timeline.sop)
    if timeline.sop in definitions.broken:
        raise SopError(
            f"SOP `{timeline.sop}` cannot be read by this version of the engine; correct its file and apply again"
        )
    if defined is None:
        timeline.end("exited", Reason.SOP_REMOVED, now)
        return planned
    sop = defined.sop
    broken = while_broken(timeline, sop, customer, definitions, now) if sop.while_ else None
    if broken is not None:
        timeline.end("exited", Reason.WHILE_ENDED, now, broken.decided_at)
        return planned
    steps = schedule(timeline, sop, customer, definitions)
    held: list[Touch] = []
    for due in [each for each in steps if each.due <= now and each.step.id not in timeline.had]:
        touch = _decide(timeline, sop, due, customer, definitions, now, installation)
        if touch.status == _HELD:
            held.append(touch)
            continue
        _carry_out(touch, due.step, timeline, customer, now, planned)
        if planned.made:
            break
    if held:
        _wait(timeline, held, steps, now if planned.made else None, now)
    else:
        _go_on(timeline, sop, steps, customer, now, planned, installation)
    return planned


def resettle(
    timeline: Timeline, customer: Customer, definitions: Definitions, now: datetime, installation: str
) -> list[Touch]:
    """Bring an active timeline in line with a new generation: its next step and due time, or its end.

    Steps not yet had come from the new version; one whose time has passed is not sent: it is returned as skipped. What was
    due before the change already is left to the planner.
    """
    defined = definitions.sops.get(timeline.sop)
    if timeline.sop in definitions.broken:
        return []
    if defined is None:
        timeline.end("exited", Reason.SOP_REMOVED, now)
        return []
    steps = schedule(timeline, defined.sop, customer, definitions)
    awaited = timeline.step_due if timeline.step_due is not None else now
    passed = [
        each
        for each in steps
        if each.due < min(now, awaited)
        and each.step.id not in timeline.had
        and (each.step.id != timeline.next_step or awaited > now)
    ]
    timeline.had.update(each.step.id for each in passed)
    following = next_step(timeline, steps)
    if following is not None:
        settle(timeline, following)
    else:
        timeline.due_at, timeline.changed = now, True
    return [
        _skipped(timeline, each.step, each.due, each.limit, customer, installation, Reason.PASSED) for each in passed
    ]


def _skipped(
    timeline: Timeline,
    step: Step,
    due: datetime,
    limit: datetime,
    customer: Customer,
    installation: str,
    reason: Reason,
) -> Touch:
    key = touch_key(installation, customer.ref, timeline, step.id)
    return Touch(
        timeline, step.id, step.kind, "skipped", due, limit, key, timeline.version, reason=reason, detail=step.from_
    )


def _carry_out(
    touch: Touch, step: Step, timeline: Timeline, customer: Customer, now: datetime, planned: Planned
) -> None:
    timeline.had.add(step.id)
    timeline.changed = True
    planned.touches.append(touch)
    if touch.status == "queued":
        customer.touched[timeline.sop] = now
    if step.do and touch.status == "sent":
        planned.made += actions.events(step.do, timeline, customer, f"steps/{step.id}", now, now, timeline.depth)


def _decide(
    timeline: Timeline,
    sop: Sop,
    due: DueStep,
    customer: Customer,
    definitions: Definitions,
    now: datetime,
    installation: str,
) -> Touch:
    """Return the touch for a due step: queued, done, skipped, or held back."""
    step = due.step
    key = touch_key(installation, customer.ref, timeline, step.id)
    touch = Touch(timeline, step.id, step.kind, "queued", due.due, due.limit, key, definitions.sops[sop.sop].version)
    if due.due < timeline.start:
        return _skip(touch, Reason.BEFORE_START)
    if now >= due.limit:
        return _expire(touch, sop, step, customer, definitions, now)
    trace = Trace()
    met = hold(step.when, Context.of(timeline, customer, definitions, now), f"steps/{step.id}/when", trace)
    touch.trace = trace.entries
    if met is not True:
        return _skip(touch, Reason.UNKNOWN if met is None else Reason.CONDITION, trace.unknown if met is None else None)
    if step.do:
        touch.status = "sent"
        touch.body = {"do": [action.model_dump(mode="json", exclude_unset=True, by_alias=True) for action in step.do]}
        return touch
    return _address(touch, sop, step, customer, definitions, now)


def _skip(touch: Touch, reason: str, detail: str | None = None) -> Touch:
    touch.status, touch.reason, touch.detail = "skipped", reason, detail
    return touch


def _expire(touch: Touch, sop: Sop, step: Step, customer: Customer, definitions: Definitions, now: datetime) -> Touch:
    """Skip a touch whose time is over: for what held it back if something did, else as expired."""
    if touch.timeline.waiting in (Reason.MISSING_VALUE, Reason.TEMPLATE_ERROR) and not step.do:
        held = _address(touch, sop, step, customer, definitions, now)
        if held.status == _HELD:
            return _skip(touch, held.reason or Reason.EXPIRED, held.detail)
    touch.channel, touch.body = None, None
    return _skip(touch, Reason.EXPIRED)


def _address(touch: Touch, sop: Sop, step: Step, customer: Customer, definitions: Definitions, now: datetime) -> Touch:
    """Choose the channel and write the body; hold the touch back where a value is missing."""
    known = [name for name in sop.channels_of(step) if name in definitions.engine.channels]
    if not known:
        return _skip(touch, Reason.CHANNEL_REMOVED, ", ".join(sop.channels_of(step)))
    open_ = known if step.task else [name for name in known if not customer.opted_out_of(name)]
    if not open_:
        return _skip(touch, Reason.OPTED_OUT, ", ".join(known))
    touch.channel = open_[0]
    try:
        touch.body = body_of(
            step, template_context(customer, touch.timeline, sop, step.id, definitions, now), customer, touch.due_at
        )
    except MissingValue as error:
        touch.status, touch.reason, touch.detail = _HELD, Reason.MISSING_VALUE, str(error)[:300]
    except TemplateError as error:
        touch.status, touch.reason, touch.detail = _HELD, Reason.TEMPLATE_ERROR, str(error)[:300]
    return touch


def _wait(timeline: Timeline, held: list[Touch], steps: list[DueStep], until: datetime | None, now: datetime) -> None:
    """Look again when a fact changes (see matching), at the latest when a touch expires or another step is due."""
    first = min(held, key=lambda each: each.limit)
    others = [each.due for each in steps if each.due > now and each.step.id not in timeline.had]
    timeline.next_step, timeline.step_due = first.step, first.due_at
    timeline.due_at = until or min([first.limit, *others])
    timeline.waiting, timeline.detail, timeline.changed = first.reason, first.detail, True


def _go_on(
    timeline: Timeline,
    sop: Sop,
    steps: list[DueStep],
    customer: Customer,
    now: datetime,
    planned: Planned,
    installation: str,
) -> None:
    """Write down what comes next; with nothing left, finish once every touch has come to its end."""
    following = next_step(timeline, steps)
    timeline.detail = None
    if following is not None:
        settle(timeline, following)
        return
    left = [step for step in sop.steps if step.id not in timeline.had]  # those whose date never came to be known
    timeline.had.update(step.id for step in left)
    planned.touches += [_skipped(timeline, step, now, now, customer, installation, Reason.NO_DATE) for step in left]
    if timeline.open_touches or any(each.status == "queued" for each in planned.touches):
        last = max((each.due for each in steps), default=now)
        timeline.next_step, timeline.step_due, timeline.waiting = None, None, None
        timeline.due_at = now + min(max(now - last, _FIRST_LOOK), _LAST_LOOK)
        timeline.changed = True
    else:
        timeline.end("completed", None, now)


def touch_key(installation: str, ref: str, timeline: Timeline, step: str) -> str:
    """Return the idempotency key: a function of installation, customer, SOP, timeline key, start and step."""
    parts: Mapping[str, str] = {
        "sop": timeline.sop,
        "key": timeline.key,
        "start": timeline.start_id,
        "step": step,
        "customer": ref,
    }
    return str(
        uuid.uuid5(_namespace(installation), "\x1f".join(f"{name}={value}" for name, value in sorted(parts.items())))
    )


@lru_cache(maxsize=8)
def _namespace(installation: str) -> uuid.UUID:
    return uuid.UUID(installation)
