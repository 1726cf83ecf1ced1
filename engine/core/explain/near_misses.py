"""How close events came to a trigger that none of them hit, and whether the SOP would start now."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.core.conditions.compare import compare
from engine.core.conditions.deciding import Evaluation, decisive_evaluations, evaluations
from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace, plain
from engine.core.customers.customer import Customer
from engine.core.definitions import AllTags, Condition, Moment, Sop
from engine.core.definitions.catalog import DecisionContext
from engine.core.events.data import value_at
from engine.core.events.event import ENGINE_SOURCE, Event
from engine.core.explain.likeness import comparable, similarity
from engine.core.explain.story import Closest, ConditionNow, MissKind, NearMiss, WouldStart
from engine.core.matching import entry
from engine.core.matching.triggers import name_in, type_of
from engine.core.time.arithmetic import local_date

_MOST_NEAR = 3


@dataclass(frozen=True, slots=True)
class PastEvent:
    """An event of the customer as the inbox keeps it."""

    row: int
    type: str
    time: datetime
    data: Mapping[str, Any]
    reason: str | None
    """Why it changed nothing."""
    matched_at: datetime | None
    hit: str | None = None
    """Path of the trigger it hit."""


# ── the customer's own events ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class MissContext:
    """Whose events came close to which SOP, and as of when."""

    sop: Sop
    customer: Customer
    zone_name: str
    """The customer's."""
    since: datetime | None
    """When the SOP was first applied; None: never."""
    now: datetime


def closest_events(context: MissContext, written: Sequence[str], events: Sequence[PastEvent]) -> list[Closest]:
    """Return for each trigger of the SOP the events that came closest, at most three.

    Parameters:
        written: the triggers in words, in their order.
        events: the customer's, oldest first.
    """
    return [
        _closest_event(context, moment, f"trigger/{index}/{moment.kind}", written[index], events)
        for index, moment in enumerate(context.sop.trigger)
    ]


def _closest_event(
    context: MissContext, moment: Moment, path: str, written: str, events: Sequence[PastEvent]
) -> Closest:
    kind, names = type_of(moment), moment.names
    alike = [each for each in events if each.type == kind and comparable(name_in(each.type, each.data), names)]
    misses = [_near_miss(context, moment, each) for each in alike if each.hit is None]
    misses.sort(key=lambda each: (_distance(each), each.time), reverse=True)
    return Closest(
        written, path, kind, misses[:_MOST_NEAR], max(len(misses) - _MOST_NEAR, 0), sum(each.hit == path for each in events),
        _current_state(context, moment, path),
    )  # fmt: skip


def _current_state(context: MissContext, moment: Moment, path: str) -> Evaluation | None:
    """Return how the clock or the date stands that the moment counts by."""
    if moment.silent:
        wanted = {"clock": moment.silent.clock, "days": moment.silent.days}
        fact, zone_name = context.customer.clocks.get(moment.silent.clock), context.zone_name
        days = (local_date(context.now, zone_name) - local_date(fact.last_at, zone_name)).days if fact else None
        return Evaluation(path, "silent", None, wanted, days, False, False)
    if moment.date:
        name = moment.date.attribute
        return Evaluation(
            path, "attr", name, {"exists": True}, plain(context.customer.attributes.get(name)), False, False
        )
    return None


def _distance(miss: NearMiss) -> float:
    """Return how near a miss is, 1 for one that named what is wanted."""
    if miss.kind != "other":
        return 1.0
    return max((similarity(miss.actual, each) for each in miss.wanted), default=0.0)


def _near_miss(context: MissContext, moment: Moment, event: PastEvent) -> NearMiss:
    names, actual = moment.names, name_in(event.type, event.data)

    def miss(kind: MissKind, wanted: Iterable[str] = (), **more: Any) -> NearMiss:
        return NearMiss(event.row, event.time, event.type, actual, kind, list(wanted), **more)

    if names and actual not in names:
        return miss("other", names)
    if event.matched_at is None:
        return miss("unmatched")
    if context.since is None or event.matched_at < context.since:
        return miss("before")
    if event.reason is not None:
        return miss("nothing", reason=event.reason)
    if lacking := _lacking(moment, context.customer):
        return miss("rest", lacking)
    if differing := _differing(moment, event.data, context.zone_name):
        return miss("fields", fields=differing)
    change = moment.entered or moment.left
    return miss("came_from", (change.from_ or change.to or ()) if change else ())


def _lacking(moment: Moment, customer: Customer) -> list[str]:
    """Return which of the tags that must all be set (or gone) are not."""
    tags = moment.tag_added or moment.tag_removed
    if not isinstance(tags, AllTags):
        return []
    return [tag for tag in tags.all if customer.has_tag(tag) is not (moment.tag_added is not None)]


def _differing(moment: Moment, data: Mapping[str, Any], zone_name: str) -> list[Evaluation]:
    """Return the fields of the event's data that do not compare as the moment wants them."""
    if moment.event:
        compared = {name: (wanted, value_at(data, name)) for name, wanted in moment.event.where.items()}
        return [
            _field(name, wanted.written, value)
            for name, (wanted, value) in compared.items()
            if compare(wanted, value, zone_name) is not True
        ]
    detail = moment.replied or moment.friend_added or moment.friend_removed
    if detail is None:
        return []
    differing = [
        _field(name, list(wanted), data.get(name))
        for name in ("staff", "state", "channel")
        if (wanted := getattr(detail, name, None)) is not None and data.get(name) not in wanted
    ]
    words = moment.replied.contains if moment.replied else None
    if words is not None and not any(word in str(data.get("text", "")) for word in words):
        differing.append(_field("text", {"contains": list(words)}, data.get("text")))
    return differing


def _field(name: str, wanted: Any, actual: Any) -> Evaluation:
    return Evaluation(f"data/{name}", "event", name, plain(wanted), plain(actual), False, False)


# ── what would happen now ────────────────────────────────────────────────────────────────────────────────────


def would_start(customer: Customer, sop: Sop, context: DecisionContext, data: Mapping[str, Any]) -> WouldStart:
    """Return what a trigger at `now` with this data would lead to; the customer stays as they are.

    Parameters:
        data: of the event that would be the trigger.
    """
    event = Event(ENGINE_SOURCE, "would", "would", customer.ref, context.now, context.now, dict(data))
    decision = entry.decide_entry(copy.deepcopy(customer), sop, "trigger", event, context)
    about = Context(customer, context.definitions, context.now, dict(data), context.now)
    conditions = [
        *_now(sop.when or (), "when", about),
        *_now(sop.while_ or (), "while", about),
    ]
    return WouldStart(decision.reason is None, decision.reason, decision.detail, conditions)


def _now(conditions: Sequence[Condition], path: str, context: Context) -> list[ConditionNow]:
    """Evaluate every condition, not only those up to the first that fails."""
    asked = []
    for index, condition in enumerate(conditions):
        trace, here = Trace(), f"{path}/{index}"
        holds = evaluate_all([condition], context, path, trace)
        entries = [each | {"path": here + each["path"].removeprefix(f"{path}/0")} for each in trace.entries]
        asked.append(ConditionNow(here, holds, evaluations(entries) if holds else decisive_evaluations(entries)))
    return asked
