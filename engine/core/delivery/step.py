"""What becomes of one due step: a touch queued, done, skipped, or held back."""

from __future__ import annotations

from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace
from engine.core.customers.customer import Timeline
from engine.core.definitions import Message, Step, Task
from engine.core.delivery.cap_priority import rival_touches
from engine.core.delivery.channels import defined_channels, open_channels
from engine.core.delivery.content import body_of, template_context
from engine.core.delivery.gates import (
    Delay,
    TouchCandidate,
    after_cap_delay,
    allowed_until,
    delay_by_calendar,
    delay_by_gates,
)
from engine.core.delivery.scene import Scene
from engine.core.errors import MissingValue, TemplateError
from engine.core.reasons import Reason
from engine.core.stored_sentence import shortened
from engine.core.time.arithmetic import local_date
from engine.core.timelines.due_step import DueStep
from engine.core.timelines.touch import DELAY_REASONS, DELAYED, FIXABLE_REASONS, Touch
from engine.core.timelines.variants import choose, content_of


def candidate(scene: Scene, due: DueStep, channel: str | None = None, *, rivals: bool = False) -> TouchCandidate:
    """Return the step as the gates see it.

    Parameters:
        channel: over which it would go, where that is known yet.
        rivals: look for those of higher priority that want the room under a cap.
    """
    exempt = frozenset((*(scene.sop.exempt or ()), *(due.step.exempt or ())))
    others = rival_touches(scene.timeline, scene.customer, scene.context) if rivals else ()
    return TouchCandidate(due.step.kind, due.due, scene.customer, scene.definitions, exempt, channel, rivals=others)


def decide(scene: Scene, due: DueStep) -> Touch:
    """Return the touch for a due step: queued, done, skipped, or held back."""
    touch, step, timeline, now = scene.touch(due), due.step, scene.timeline, scene.now
    touch.delayed_by = _waited_for(due, timeline)
    if due.due < timeline.start:
        return touch.skip(Reason.BEFORE_START)
    if now >= due.limit:
        return _expire(touch, due, scene)
    if step.kind != "do" and (shut := delay_by_calendar(candidate(scene, due), now)) is not None:
        return _delayed(touch, shut)
    context, trace = Context.of(timeline, scene.customer, scene.definitions, now), Trace()
    met = evaluate_all(step.when, context, f"steps/{step.id}/when", trace)
    touch.trace = trace.entries
    if met is not True:
        return touch.skip(Reason.UNKNOWN if met is None else Reason.CONDITION, trace.unknown if met is None else None)
    if step.do:
        touch.status = "sent"
        touch.body = {"do": [action.model_dump(mode="json", exclude_unset=True, by_alias=True) for action in step.do]}
        return touch
    return _content(touch, due, scene, context, trace)


def _waited_for(due: DueStep, timeline: Timeline) -> str | None:
    """Return what has held the step back until now."""
    if timeline.waiting == Reason.PAUSED or (timeline.next_step == due.step.id and timeline.waiting in DELAY_REASONS):
        return timeline.waiting
    return Reason.HOLIDAY if due.opens > due.due else None


def _delayed(touch: Touch, by: Delay) -> Touch:
    """Hold the touch back; where its limit comes before, it will never go out and is skipped at once."""
    if by.until >= touch.limit:
        touch.channel, touch.body = None, None
        return touch.skip(Reason.EXPIRED, by.causes)
    return touch.delay(by.reason, by.until, by.detail)


def _expire(touch: Touch, due: DueStep, scene: Scene) -> Touch:
    """Skip a touch whose time is over: for what nobody mended if that held it back, else as expired, naming what did."""
    if scene.timeline.waiting in FIXABLE_REASONS and not due.step.do:
        _render(touch, due, scene)
        if touch.status == DELAYED:
            return touch.skip(touch.reason or Reason.EXPIRED, touch.detail)
    touch.channel, touch.body, touch.variant = None, None, None
    return touch.skip(Reason.EXPIRED, touch.delayed_by)


def _content(touch: Touch, due: DueStep, scene: Scene, context: Context, trace: Trace) -> Touch:
    """Choose the variant, then who gets it over which channel, and see whether a cap holds it back."""
    step, sop = due.step, scene.sop
    if step.variants:
        variant, known = choose(step, sop, context, trace)
        if variant is None:
            return touch.skip(Reason.NO_VARIANT if known is False else Reason.UNKNOWN, trace.unknown)
        touch.variant = variant.id
    if scene.timeline.holdout:
        return touch.skip(Reason.HOLDOUT)
    _render(touch, due, scene)
    if touch.status != "queued":
        return touch
    going = candidate(scene, due, touch.channel, rivals=bool(scene.definitions.engine.caps))
    capped = delay_by_gates(going, scene.now)
    if capped is None and touch.delayed_by == Reason.CAP:  # looked at early: its day has come, not its time
        capped = after_cap_delay(going, scene.now)
    if capped is not None:
        return _delayed(touch, capped)
    _allow(touch, due, going, scene)
    return touch


def _allow(touch: Touch, due: DueStep, going: TouchCandidate, scene: Scene) -> None:
    """Write down since when and until when it may go out, and the day it counts on."""
    timeline = scene.timeline
    looked = timeline.due_at if touch.delayed_by and timeline.due_at is not None else due.opens
    touch.ready_at = min(max(due.opens, looked), scene.now)
    touch.send_before = allowed_until(going, scene.now, touch.limit)
    touch.fallback_after = scene.sop.fallback_of(due.step)
    if touch.kind == "message":
        touch.counted_on = local_date(scene.now, going.zone)


def _render(touch: Touch, due: DueStep, scene: Scene) -> None:
    """Choose the channel and write the body; hold the touch back where a value is missing."""
    written = scene.sop.channels_of(due.step)
    known = defined_channels(written, scene.customer, scene.definitions)
    if not known:
        touch.skip(Reason.CHANNEL_REMOVED, ", ".join(written))
        return
    reachable = open_channels(known, touch.kind, scene.customer)
    if not reachable:
        touch.skip(Reason.OPTED_OUT, ", ".join(known))
        return
    touch.channel = reachable[0]
    try:
        touch.body = _body(touch, due.step, scene)
    except MissingValue as error:
        touch.delay(Reason.MISSING_VALUE, touch.limit, shortened(error.message))
    except TemplateError as error:
        touch.delay(Reason.TEMPLATE_ERROR, touch.limit, shortened(error.message))


def _body(touch: Touch, step: Step, scene: Scene) -> dict[str, object]:
    """Return the body of the step's content. Raises MissingValue or TemplateError."""
    variant = next((each for each in step.variants or () if each.id == touch.variant), None)
    if step.variants and variant is None:  # an expired one, whose variant nobody chose
        variant = step.variants[0]
    content: Message | Task = content_of(step, variant)
    context = template_context(scene, step.id)
    body = body_of(content, context, scene.customer, touch.due_at)
    return {**body, "welcome": True} if step.welcome else body
