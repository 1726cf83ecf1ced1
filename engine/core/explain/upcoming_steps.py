"""The steps of a timeline that have no touch yet: when each comes, what delays it, and what becomes of it as things stand."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.core.conditions.deciding import decisive_evaluations
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions.catalog import NO_INSTALLATION, DecisionContext, Definitions
from engine.core.delivery.delay_detail import read_detail
from engine.core.explain.story import StepEntry, StepStatus, Taken
from engine.core.playback.run import play_one
from engine.core.reasons import Reason
from engine.core.time.arithmetic import FOREVER, day_shift, local_date
from engine.core.timelines.due_step import DueStep
from engine.core.timelines.schedule import schedule
from engine.core.timelines.touch import Touch

_FARTHEST = timedelta(days=400)
"""So far ahead is looked at most."""

Place = tuple[int, str]
"""A timeline's row, and a step."""


@dataclass(frozen=True, slots=True)
class UpcomingStep:
    """What becomes of a step if nothing else happens."""

    at: datetime
    touch: Touch
    waits: list[tuple[str, str | None]] = field(default_factory=list)
    """What it waits for until then, in order: reason and detail."""


def upcoming_steps(customer: Customer, context: DecisionContext) -> dict[Place, UpcomingStep]:
    """Return what becomes of every open step of the customer if nothing else happens: the production decisions, on a copy.

    Parameters:
        customer: as a planner reads them, with all their active timelines; they stay as they are.
    """
    played = play_one(
        copy.deepcopy(customer),
        (),
        DecisionContext(context.definitions, context.now, NO_INSTALLATION),
        _end(customer, context),
    )
    waits: dict[Place, list[tuple[str, str | None]]] = {}
    for each in played.waits:
        if each.timeline.id is not None:
            waits.setdefault((each.timeline.id, each.step), []).append((each.reason, each.detail))
    steps: dict[Place, UpcomingStep] = {}
    for one in played.touches:
        if one.touch.timeline.id is not None:
            place = (one.touch.timeline.id, one.touch.step)
            steps[place] = UpcomingStep(one.at, one.touch, waits.get(place, []))
    return steps


def _end(customer: Customer, context: DecisionContext) -> datetime:
    """Return until when to look: the limit of the last step, within reason."""
    limits = [
        each.limit
        for timeline in customer.active_timelines()
        if (sop := context.definitions.sop(timeline.sop)) is not None
        for each in schedule(timeline, sop, customer, context.definitions)
    ]
    farthest = context.now + _FARTHEST
    return min(max((each for each in limits if each != FOREVER), default=context.now) + timedelta(days=1), farthest)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the open steps of one customer are told with."""

    customer: Customer
    definitions: Definitions
    now: datetime
    events_wait: bool = False
    """Events of the customer are not matched yet; they come first."""
    paused: Collection[str] = ()
    """Ids of paused SOPs; `*` for all."""
    foreseen: Mapping[Place, UpcomingStep] = field(default_factory=dict)
    counted: Sequence[Taken] = ()
    """The messages that count under caps of late."""

    def pauses(self, timeline: Timeline) -> bool:
        """Return whether the timeline's SOP is paused."""
        return bool({timeline.sop, "*"} & set(self.paused))


def steps_to_come(timeline: Timeline, outlook: Outlook) -> list[StepEntry]:
    """Return the steps that have no touch yet, each with its time, what it waits for, and what becomes of it.

    Parameters:
        timeline: with the steps it has had.
    """
    sop = outlook.definitions.sop(timeline.sop)
    if sop is None:
        return []
    due = {each.step.id: each for each in schedule(timeline, sop, outlook.customer, outlook.definitions)}
    entries = []
    for step in sop.steps:
        if step.id in timeline.had:
            continue
        dated = due.get(step.id)
        if dated is None:
            entries.append(StepEntry(step.id, step.kind, "undated", None, reason=Reason.NO_DATE, detail=step.from_))
        elif not timeline.active:
            entries.append(StepEntry(step.id, step.kind, "unreached", dated.due))
        else:
            entries.append(_open(timeline, dated, outlook))
    return entries


@dataclass(frozen=True, slots=True)
class _Delay:
    """What delays a step, and until when; nothing does where there is no reason."""

    reason: str | None = None
    detail: str | None = None
    until: datetime | None = None


def _open(timeline: Timeline, due: DueStep, outlook: Outlook) -> StepEntry:
    step, foreseen_ = due.step, outlook.foreseen.get((timeline.id or 0, due.step.id))
    if outlook.pauses(timeline):
        if due.due > outlook.now:
            return StepEntry(step.id, step.kind, "planned", due.due, reason=Reason.PAUSED)
        return StepEntry(step.id, step.kind, "held", due.due, until=due.limit, reason=Reason.PAUSED)
    if timeline.next_step == step.id and timeline.waiting is not None and due.due <= outlook.now:
        until = None if timeline.due_at in (None, FOREVER) else timeline.due_at
        return _entry("held", due, _Delay(timeline.waiting, timeline.detail, until), foreseen_, outlook)
    if due.due > outlook.now:
        return _entry("planned", due, _Delay(), foreseen_, outlook)
    if outlook.events_wait:
        return StepEntry(step.id, step.kind, "due", due.due, reason=Reason.UNMATCHED_EVENTS)
    if foreseen_ is not None and foreseen_.at > outlook.now and foreseen_.waits:
        reason, detail = foreseen_.waits[0]
        return _entry("held", due, _Delay(reason, detail, foreseen_.at), foreseen_, outlook)
    return StepEntry(step.id, step.kind, "due", due.due)


def _entry(
    status: StepStatus, due: DueStep, delay: _Delay, foreseen_: UpcomingStep | None, outlook: Outlook
) -> StepEntry:
    step = due.step
    touch = foreseen_.touch if foreseen_ else None
    skipped = touch is not None and touch.status == "skipped"
    return StepEntry(
        step.id, step.kind, status, due.due, until=delay.until, reason=delay.reason, detail=delay.detail,
        variant=touch.variant if touch else None,
        expected=foreseen_.at if foreseen_ else None,
        moved_by=_moved_by(due, foreseen_),
        skip=touch.reason if touch and skipped else None,
        skip_detail=touch.detail if touch and skipped else None,
        deciding=decisive_evaluations(touch.trace) if touch and skipped and touch.reason in (Reason.CONDITION, Reason.UNKNOWN) else [],
        room=_room(delay.detail, outlook) if delay.reason == Reason.CAP else [],
    )  # fmt: skip


def _moved_by(due: DueStep, foreseen_: UpcomingStep | None) -> list[str]:
    """Return the reasons for which a step comes later than due, in order."""
    reasons = [Reason.HOLIDAY.value] if due.opens > due.due else []
    reasons += [str(reason) for reason, _ in foreseen_.waits] if foreseen_ else []
    return list(dict.fromkeys(reasons))


def _room(detail: str | None, outlook: Outlook) -> list[Taken]:
    """Return the messages that took the room under the cap named in the detail."""
    cap = read_detail(detail)
    if cap.days is None or cap.rival is not None:
        return []
    today = local_date(outlook.now, outlook.definitions.zone_of(outlook.customer.timezone))
    first = day_shift(today, 1 - cap.days)
    return [each for each in outlook.counted if each.on >= first and cap.channel in (None, each.channel)]
