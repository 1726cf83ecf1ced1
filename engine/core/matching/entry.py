"""May this SOP start for this customer, and what does the start end?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.core.conditions.compare import value_at
from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace, plain
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Sop
from engine.core.definitions.catalog import Definitions
from engine.core.events.event import ENGINE_SOURCE, Event
from engine.core.reasons import Reason
from engine.core.time.arithmetic import show_duration
from engine.core.timelines.schedule import goal_end, next_step, schedule, set_next_step
from engine.core.timelines.variants import held_out


@dataclass(slots=True)
class EntryDecision:
    """The decision about one SOP whose trigger was hit."""

    sop: str
    version: int
    trigger: str
    """Path of the moment in the YAML, or `do` for an engine-made start."""
    reason: Reason | None = None
    """Why it was refused; None when it started."""
    detail: str | None = None
    timeline: Timeline | None = None
    trace: list[dict[str, Any]] = field(default_factory=list)
    ended: list[Timeline] = field(default_factory=list)
    """Timelines that end because this one starts."""


def decide_entry(
    customer: Customer, sop: Sop, trigger: str, event: Event, definitions: Definitions, now: datetime
) -> EntryDecision:
    """Decide whether `event` starts `sop` for the customer, and start it: the timeline is added to theirs."""
    start = EntryDecision(sop.sop, definitions.sops[sop.sop].version, trigger)
    key = _key(sop, event)
    if key is None:
        start.reason, start.detail = Reason.NO_KEY, sop.key
        return start
    if not sop.accept:
        start.reason = Reason.NOT_ACCEPTING
    if start.reason is None:
        _check_age(start, sop, event)
    if start.reason is None:
        _check_conditions(start, customer, sop, event, definitions, now)
    if start.reason is None:
        _check_reentry(start, customer, sop, key, event)
    if start.reason is None:
        _check_group(start, customer, sop)
    if start.reason is None:
        _enrol(start, customer, sop, key, event, definitions, now)
    return start


def _key(sop: Sop, event: Event) -> str | None:
    """Return the timeline's key: empty for an SOP without one, None where the event lacks the value."""
    if sop.key is None:
        return ""
    value = value_at(event.data, sop.key.removeprefix("event.data."))
    return str(value)[:200] if isinstance(value, (str, int, float)) and value != "" else None


def _check_age(start: EntryDecision, sop: Sop, event: Event) -> None:
    if event.backfill:
        start.reason = Reason.BACKFILL
    elif event.source != ENGINE_SOURCE and event.received_at - event.time > sop.max_event_age:
        start.reason, start.detail = (
            Reason.STALE_EVENT,
            f"{show_duration(event.received_at - event.time)} old, at most {show_duration(sop.max_event_age)}",
        )


def _check_conditions(
    start: EntryDecision, customer: Customer, sop: Sop, event: Event, definitions: Definitions, now: datetime
) -> None:
    context = Context(customer, definitions, now, event.data, event.time)
    trace = Trace()
    met = evaluate_all(sop.when, context, "when", trace)
    if met is True:
        met = evaluate_all(sop.while_, context, "while", trace)
        start.reason = None if met is not False else Reason.WHILE_NOT_MET
    else:
        start.reason = Reason.CONDITION
    if met is None:
        start.reason, start.detail = Reason.UNKNOWN, trace.unknown
    start.trace = trace.entries


def _check_reentry(start: EntryDecision, customer: Customer, sop: Sop, key: str, event: Event) -> None:
    last = customer.starts.get((sop.sop, key))
    running = [each for each in customer.timelines if each.active and each.sop == sop.sop and each.key == key]
    if sop.reentry.mode == "never" and last is not None:
        start.reason, start.detail = Reason.ALREADY_HAD, plain(last)
    elif running and sop.reentry.mode != "restart":
        start.reason, start.detail = Reason.ALREADY_ACTIVE, f"since {plain(running[0].anchor)}"
    elif sop.reentry.cooldown and last is not None and event.time < last + sop.reentry.cooldown:
        start.reason, start.detail = Reason.COOLDOWN, f"until {plain(last + sop.reentry.cooldown)}"
    else:
        start.ended += running


def _check_group(start: EntryDecision, customer: Customer, sop: Sop) -> None:
    """At most one active timeline in a group: the new one replaces those of equal or lower priority."""
    if sop.group is None:
        return
    rivals = [
        each for each in customer.timelines if each.active and each.group == sop.group and each not in start.ended
    ]
    higher = next((each for each in rivals if each.priority > sop.priority), None)
    if higher is not None:
        start.reason, start.detail, start.ended = Reason.GROUP_BUSY, higher.sop, []
    else:
        start.ended += rivals


def _enrol(
    start: EntryDecision, customer: Customer, sop: Sop, key: str, event: Event, definitions: Definitions, now: datetime
) -> None:
    for other in start.ended:
        reason = Reason.RESTARTED if other.sop == sop.sop and other.key == key else Reason.REPLACED
        other.end("exited", reason, now, sop.sop if reason is Reason.REPLACED else None)
    origin = {"type": event.type, "time": plain(event.time), "data": event.data}
    if event.cause:
        origin["path"] = event.cause.get("path", [])
    timeline = Timeline(
        sop.sop, start.version, key, sop.group, sop.priority, _anchor(event), event.start_id, origin,
        depth=event.depth, changed=True, started_at=event.time, holdout=held_out(sop, customer.ref),
    )  # fmt: skip
    timeline.goal_until = goal_end(sop, timeline.anchor)
    following = next_step(timeline, schedule(timeline, sop, customer, definitions))
    if following is not None:
        set_next_step(timeline, following)
    else:
        timeline.due_at = now
    customer.timelines.append(timeline)
    last = customer.starts.get((sop.sop, key))
    customer.starts[(sop.sop, key)] = max(last, event.time) if last else event.time
    start.timeline = timeline


def _anchor(event: Event) -> datetime:
    """Return the moment the steps count from: the event's time, or the one an engine-made start names."""
    named = event.data.get("anchor") if event.source == ENGINE_SOURCE else None
    return datetime.fromisoformat(named) if isinstance(named, str) else event.time
