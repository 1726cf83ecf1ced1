"""What a due timeline leads to: touches queued or skipped, the timeline deferred, finished, or ended.

The same function serves the planner and every simulation.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.core import actions
from engine.core.catalog import Definitions
from engine.core.conditions import Context, hold
from engine.core.customer import Customer, Timeline
from engine.core.definitions import Message, Sop, Step, Task
from engine.core.errors import MissingValue, SopError, TemplateError
from engine.core.events import Event
from engine.core.gates import Claimant, Going, Hold, closed, closes, count, own_time
from engine.core.gates import hold as held_by_gates
from engine.core.goals import goal_end
from engine.core.matching import while_broken
from engine.core.notices import notices
from engine.core.reaching import defined_channels, open_channels
from engine.core.reasons import Reason
from engine.core.rendering import body_of, template_context
from engine.core.timelines import DueStep, next_step, schedule, settle
from engine.core.timing import local_date
from engine.core.touch import HELD, Touch, touch_key
from engine.core.trace import Trace
from engine.core.variants import choose, content_of

__all__ = ["Planned", "Touch", "due_timelines", "plan", "plan_customer", "resettle", "touch_key"]

PAUSED_ALL = "*"
"""Among the paused SOPs: every one is."""

_FIRST_LOOK, _LAST_LOOK = timedelta(seconds=1), timedelta(hours=1)
"""How soon, and how seldom, a timeline whose last touches are on their way is looked at."""
_MENDABLE = (Reason.MISSING_VALUE, Reason.TEMPLATE_ERROR)
_WAITED = (Reason.QUIET_HOURS, Reason.HOLIDAY, Reason.CAP, Reason.PAUSED, *_MENDABLE)
"""What a touch can have waited for."""


@dataclass(slots=True)
class Planned:
    """The decision about one due timeline. The timeline itself is changed in place."""

    touches: list[Touch] = field(default_factory=list)
    made: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What every step of one timeline is decided with."""

    timeline: Timeline
    sop: Sop
    customer: Customer
    definitions: Definitions
    now: datetime
    installation: str

    @property
    def version(self) -> int:
        """The version in force."""
        return self.definitions.sops[self.sop.sop].version

    def touch(self, due: DueStep) -> Touch:
        """Return the touch of a step, to be decided."""
        key = touch_key(self.installation, self.customer.ref, self.timeline, due.step.id)
        return Touch(self.timeline, due.step.id, due.step.kind, "queued", due.due, due.limit, key, self.version)

    def going(self, due: DueStep, channel: str | None = None, *, rivals: bool = False) -> Going:
        """Return the step as the gates see it."""
        exempt = frozenset((*(self.sop.exempt or ()), *(due.step.exempt or ())))
        others = claimants(self.timeline, self.customer, self.definitions, self.now) if rivals else ()
        return Going(due.step.kind, due.due, self.customer, self.definitions, exempt, channel, rivals=others)


def plan_customer(
    customer: Customer,
    definitions: Definitions,
    now: datetime,
    installation: str,
    paused: Collection[str] = (),
) -> list[Planned]:
    """Plan the customer's due timelines, those of higher priority first, then the earliest; what makes events ends the turn.

    Parameters:
        paused: ids of the SOPs that are paused, or PAUSED_ALL: their due timelines are parked.
    """
    done: list[Planned] = []
    for timeline in sorted(
        due_timelines(customer, now), key=lambda each: (-each.priority, each.step_due or now, each.sop, each.key)
    ):
        if timeline.sop in paused or PAUSED_ALL in paused:
            timeline.park(Reason.PAUSED)
            continue
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
    scene = _Scene(timeline, sop, customer, definitions, now, installation)
    steps = schedule(timeline, sop, customer, definitions)
    held: list[Touch] = []
    for due in [each for each in steps if each.opens <= now and each.step.id not in timeline.had]:
        touch = _decide(scene, due)
        if touch.status == HELD:
            held.append(touch)
            continue
        _carry_out(touch, due.step, scene, planned)
        if planned.made:
            break
    if held:
        _wait(timeline, held, steps, now if planned.made else None, now)
    else:
        _go_on(scene, steps, planned)
    return planned


def _carry_out(touch: Touch, step: Step, scene: _Scene, planned: Planned) -> None:
    timeline, customer, now = scene.timeline, scene.customer, scene.now
    timeline.had.add(step.id)
    timeline.changed = True
    planned.touches.append(touch)
    if touch.status == "queued":
        customer.touched[timeline.sop] = now
        if touch.counted_on is not None and touch.channel is not None:
            count(customer, touch.counted_on, touch.channel)
    if step.do and touch.status == "sent":
        planned.made += actions.events(step.do, timeline, customer, f"steps/{step.id}", now, now, timeline.depth)
        planned.touches += notices(
            step.do, step.id, timeline, scene.sop, customer, scene.definitions, now, scene.installation
        )


# ── one step ─────────────────────────────────────────────────────────────────────────────────────────────────


def _decide(scene: _Scene, due: DueStep) -> Touch:
    """Return the touch for a due step: queued, done, skipped, or held back."""
    touch, step, timeline, now = scene.touch(due), due.step, scene.timeline, scene.now
    touch.waited = _waited_for(due, timeline)
    if due.due < timeline.start:
        return touch.skip(Reason.BEFORE_START)
    if now >= due.limit:
        return _expire(touch, due, scene)
    if step.kind != "do" and (shut := closed(scene.going(due), now)) is not None:
        return _hold(touch, shut)
    context, trace = Context.of(timeline, scene.customer, scene.definitions, now), Trace()
    met = hold(step.when, context, f"steps/{step.id}/when", trace)
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
    if timeline.waiting == Reason.PAUSED or (timeline.next_step == due.step.id and timeline.waiting in _WAITED):
        return timeline.waiting
    return Reason.HOLIDAY if due.opens > due.due else None


def _hold(touch: Touch, by: Hold) -> Touch:
    """Hold the touch back; where its limit comes before, it will never go out and is skipped at once."""
    if by.until >= touch.limit:
        touch.channel, touch.body = None, None
        return touch.skip(Reason.EXPIRED, by.causes)
    return touch.hold(by.reason, by.until, by.detail)


def _expire(touch: Touch, due: DueStep, scene: _Scene) -> Touch:
    """Skip a touch whose time is over: for what nobody mended if that held it back, else as expired, naming what did."""
    if scene.timeline.waiting in _MENDABLE and not due.step.do:
        _render(touch, due, scene)
        if touch.status == HELD:
            return touch.skip(touch.reason or Reason.EXPIRED, touch.detail)
    touch.channel, touch.body, touch.variant = None, None, None
    return touch.skip(Reason.EXPIRED, touch.waited)


def _content(touch: Touch, due: DueStep, scene: _Scene, context: Context, trace: Trace) -> Touch:
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
    going = scene.going(due, touch.channel, rivals=bool(scene.definitions.engine.caps))
    capped = held_by_gates(going, scene.now)
    if capped is None and touch.waited == Reason.CAP:  # looked at early: its day has come, not its time
        capped = own_time(going, scene.now)
    if capped is not None:
        return _hold(touch, capped)
    _allow(touch, due, going, scene)
    return touch


def _allow(touch: Touch, due: DueStep, going: Going, scene: _Scene) -> None:
    """Write down since when and until when it may go out, and the day it counts on."""
    timeline = scene.timeline
    looked = timeline.due_at if touch.waited and timeline.due_at is not None else due.opens
    touch.ready_at = min(max(due.opens, looked), scene.now)
    touch.send_before = closes(going, scene.now, touch.limit)
    touch.fallback_after = scene.sop.fallback_of(due.step)
    if touch.kind == "message":
        touch.counted_on = local_date(scene.now, going.zone)


def _render(touch: Touch, due: DueStep, scene: _Scene) -> None:
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
        touch.hold(Reason.MISSING_VALUE, touch.limit, str(error)[:300])
    except TemplateError as error:
        touch.hold(Reason.TEMPLATE_ERROR, touch.limit, str(error)[:300])


def _body(touch: Touch, step: Step, scene: _Scene) -> dict[str, object]:
    """Return the body of the step's content. Raises MissingValue or TemplateError."""
    variant = next((each for each in step.variants or () if each.id == touch.variant), None)
    if step.variants and variant is None:  # an expired one, whose variant nobody chose
        variant = step.variants[0]
    content: Message | Task = content_of(step, variant)
    context = template_context(scene.customer, scene.timeline, scene.sop, step.id, scene.definitions, scene.now)
    body = body_of(content, context, scene.customer, touch.due_at)
    return {**body, "welcome": True} if step.welcome else body


# ── what comes next ──────────────────────────────────────────────────────────────────────────────────────────


def _wait(timeline: Timeline, held: list[Touch], steps: list[DueStep], until: datetime | None, now: datetime) -> None:
    """Look again when what holds back ends (or a fact changes, see matching), or another step is due.

    Of several held back, the timeline tells the one that somebody can mend, else the first that is looked at again.
    """
    first = min(held, key=lambda each: (each.reason not in _MENDABLE, each.until or each.limit))
    others = [each.opens for each in steps if each.opens > now and each.step.id not in timeline.had]
    timeline.next_step, timeline.step_due = first.step, first.due_at
    timeline.due_at = until or min([each.until or each.limit for each in held] + others)
    timeline.waiting, timeline.detail, timeline.changed = first.reason, first.detail, True


def _go_on(scene: _Scene, steps: list[DueStep], planned: Planned) -> None:
    """Write down what comes next; with nothing left, finish once every touch has come to its end."""
    timeline, now = scene.timeline, scene.now
    following = next_step(timeline, steps)
    timeline.detail = None
    if following is not None:
        settle(timeline, following)
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


def claimants(
    timeline: Timeline, customer: Customer, definitions: Definitions, now: datetime, *, due: bool = False
) -> list[Claimant]:
    """Return the messages that the customer's timelines of higher priority have still to send under the caps.

    Parameters:
        due: those that the planner has to look at by now, instead of those to come.
    """
    found: list[Claimant] = []
    for other in due_timelines(customer, now) if due else customer.active_timelines():
        sop = definitions.sop(other.sop)
        if sop is None or other.holdout or other.priority <= timeline.priority or other is timeline:
            continue
        for each in schedule(other, sop, customer, definitions):
            if each.step.kind != "message" or each.step.id in other.had or sop.exempt_from(each.step, "caps"):
                continue
            at = _comes(each, other, sop, customer, definitions)
            known = defined_channels(sop.channels_of(each.step), customer, definitions)
            channels = open_channels(known, "message", customer)
            if channels and (at <= now if due else now < at) and max(at, now) < each.limit:
                found.append(Claimant(at, other.sop, tuple(channels)))
    return found


def _comes(due: DueStep, timeline: Timeline, sop: Sop, customer: Customer, definitions: Definitions) -> datetime:
    """Return when the step can go out: at its time, or when what holds it back ends, and not in quiet hours."""
    waits = timeline.next_step == due.step.id and timeline.waiting in _WAITED and timeline.waiting not in _MENDABLE
    at = max(due.opens, timeline.due_at) if waits and timeline.due_at is not None else due.opens
    exempt = frozenset((*(sop.exempt or ()), *(due.step.exempt or ())))
    shut = closed(Going(due.step.kind, due.due, customer, definitions, exempt), at)
    return shut.until if shut is not None else at


# ── a new generation ─────────────────────────────────────────────────────────────────────────────────────────


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
    scene = _Scene(timeline, defined.sop, customer, definitions, now, installation)
    steps = schedule(timeline, defined.sop, customer, definitions)
    passed = _passed(timeline, steps, now)
    timeline.had.update(each.step.id for each in passed)
    timeline.goal_until, timeline.priority = goal_end(defined.sop, timeline.anchor), defined.sop.priority
    following = next_step(timeline, steps)
    if following is not None and _waits_still(timeline, following, now):
        timeline.due_at, timeline.changed = now, True
    elif following is not None:
        settle(timeline, following)
    else:
        timeline.due_at, timeline.changed = now, True
    return [scene.touch(each).skip(Reason.PASSED, each.step.from_) for each in passed]


def _waits_still(timeline: Timeline, following: DueStep, now: datetime) -> bool:
    """Return whether it waits for the same step as before, held back by the same: who decides next is told so."""
    same = timeline.next_step == following.step.id and timeline.step_due == following.due
    return same and following.opens <= now and timeline.waiting in _WAITED


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
