"""How close events came to a trigger that none of them hit, and whether the SOP would start now."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any, Literal

from engine.core.conditions.compare import compare, value_at
from engine.core.conditions.deciding import Evaluation, decisive_evaluations, evaluations
from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace, Truth, plain
from engine.core.customers.customer import Customer
from engine.core.definitions import AllTags, Condition, Moment, Sop
from engine.core.definitions.catalog import Definitions
from engine.core.events.event import ENGINE_SOURCE, Event
from engine.core.matching import entry
from engine.core.matching.triggers import name_in, names_of, type_of
from engine.core.time.arithmetic import local_date

_MOST_NEAR = 3


MissKind = Literal["other", "unmatched", "nothing", "before", "fields", "rest", "came_from"]
"""another name; it waits for the matcher; it changed nothing; before the SOP was applied; fields of the data differ;
other tags are lacking; where the value came from, or went to, is not what is wanted."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An event like the one a trigger waits for, and what kept it from being one."""

    row: int
    time: datetime
    type: str
    actual: str
    """What it named: the tag, the value, or empty."""
    kind: MissKind
    wanted: list[str] = field(default_factory=list)
    """The names wanted; of `rest` the tags lacking; of `came_from` the values."""
    reason: str | None = None
    """Of `nothing`: why it changed nothing."""
    fields: list[Evaluation] = field(default_factory=list)
    """Of `fields`: those of the data that differ."""


@dataclass(frozen=True, slots=True)
class Closest:
    """A trigger, and which events of the customer came closest to it."""

    trigger: str
    path: str
    type: str | None = None
    """The type of event it is made of; None: a clock or the calendar makes it."""
    events: list[NearMiss] = field(default_factory=list)
    others: int = 0
    """So many more of that type are not shown."""
    hits: int = 0
    """So many did trigger the SOP; what came of them is told with the events."""
    now: Evaluation | None = None
    """Of a clock or a date: how it stands."""


@dataclass(frozen=True, slots=True)
class ConditionNow:
    """One of the conditions under `when` or `while`, asked now."""

    path: str
    holds: Truth
    asked: list[Evaluation]
    """Where it does not hold, what decided; else all that was asked."""


@dataclass(frozen=True, slots=True)
class WouldStart:
    """What a trigger would lead to now: the production decision, made on a copy."""

    starts: bool
    reason: str | None
    detail: str | None
    conditions: list[ConditionNow]


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


def similarity(one: str, other: str) -> float:
    """Return how much two names are spelled alike, 0 to 1."""
    return SequenceMatcher(None, one.casefold(), other.casefold()).ratio()


def nearest_first(names: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """Return names in order of their likeness to the one wanted they are most like."""
    return sorted(names, key=lambda name: (-max((similarity(name, each) for each in wanted), default=0.0), name))


# ── the customer's own events ────────────────────────────────────────────────────────────────────────────────


def closest_events(
    sop: Sop,
    written: Sequence[str],
    events: Sequence[PastEvent],
    customer: Customer,
    zone_name: str,
    since: datetime | None,
    now: datetime,
) -> list[Closest]:
    """Return for each trigger of the SOP the events that came closest, at most three.

    Parameters:
        written: the triggers in words, in their order.
        events: the customer's, oldest first.
        since: when the SOP was first applied.
    """
    return [
        _closest_event(
            moment, f"trigger/{index}/{moment.kind}", written[index], events, customer, zone_name, since, now
        )
        for index, moment in enumerate(sop.trigger)
    ]


def _closest_event(
    moment: Moment,
    path: str,
    written: str,
    events: Sequence[PastEvent],
    customer: Customer,
    zone_name: str,
    since: datetime | None,
    now: datetime,
) -> Closest:
    kind, names = type_of(moment), names_of(moment)
    alike = [each for each in events if each.type == kind and comparable(name_in(each.type, each.data), names)]
    misses = [_near_miss(moment, each, customer, zone_name, since) for each in alike if each.hit is None]
    misses.sort(key=lambda each: (_distance(each), each.time), reverse=True)
    return Closest(
        written, path, kind, misses[:_MOST_NEAR], max(len(misses) - _MOST_NEAR, 0), sum(each.hit == path for each in events),
        _current_state(moment, path, customer, zone_name, now),
    )  # fmt: skip


def comparable(name: str, names: Sequence[str]) -> bool:
    """Return whether a name could be one of these: a value of the same dimension; tags all compare."""
    dimension, has, _ = names[0].partition("=") if names else ("", "", "")
    return not has or name.partition("=")[0] == dimension


def _current_state(moment: Moment, path: str, customer: Customer, zone_name: str, now: datetime) -> Evaluation | None:
    """Return how the clock or the date stands that the moment counts by."""
    if moment.silent:
        wanted = {"clock": moment.silent.clock, "days": moment.silent.days}
        fact = customer.clocks.get(moment.silent.clock)
        days = (local_date(now, zone_name) - local_date(fact.last_at, zone_name)).days if fact else None
        return Evaluation(path, "silent", None, wanted, days, False, False)
    if moment.date:
        name = moment.date.attribute
        return Evaluation(path, "attr", name, {"exists": True}, plain(customer.attributes.get(name)), False, False)
    return None


def _distance(miss: NearMiss) -> float:
    """Return how near a miss is, 1 for one that named what is wanted."""
    if miss.kind != "other":
        return 1.0
    return max((similarity(miss.actual, each) for each in miss.wanted), default=0.0)


def _near_miss(
    moment: Moment, event: PastEvent, customer: Customer, zone_name: str, since: datetime | None
) -> NearMiss:
    names, actual = names_of(moment), name_in(event.type, event.data)

    def miss(kind: MissKind, wanted: Iterable[str] = (), **more: Any) -> NearMiss:
        return NearMiss(event.row, event.time, event.type, actual, kind, list(wanted), **more)

    if names and actual not in names:
        return miss("other", names)
    if event.matched_at is None:
        return miss("unmatched")
    if since is None or event.matched_at < since:
        return miss("before")
    if event.reason is not None:
        return miss("nothing", reason=event.reason)
    if lacking := _lacking(moment, customer):
        return miss("rest", lacking)
    if differing := _differing(moment, event.data, zone_name):
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
        found = {name: (wanted, value_at(data, name)) for name, wanted in moment.event.where.items()}
        return [
            _field(name, wanted.written, value)
            for name, (wanted, value) in found.items()
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


def would_start(
    customer: Customer, sop: Sop, definitions: Definitions, now: datetime, data: Mapping[str, Any]
) -> WouldStart:
    """Return what a trigger at `now` with this data would lead to; the customer stays as they are."""
    event = Event(ENGINE_SOURCE, "would", "would", customer.ref, now, now, dict(data))
    found = entry.decide_entry(copy.deepcopy(customer), sop, "trigger", event, definitions, now)
    context = Context(customer, definitions, now, dict(data), now)
    conditions = [
        *_now(sop.when or (), "when", context),
        *_now(sop.while_ or (), "while", context),
    ]
    return WouldStart(found.reason is None, found.reason, found.detail, conditions)


def _now(conditions: Sequence[Condition], path: str, context: Context) -> list[ConditionNow]:
    """Ask every condition, not only those up to the first that fails."""
    told = []
    for index, condition in enumerate(conditions):
        trace, here = Trace(), f"{path}/{index}"
        holds = evaluate_all([condition], context, path, trace)
        entries = [each | {"path": here + each["path"].removeprefix(f"{path}/0")} for each in trace.entries]
        told.append(ConditionNow(here, holds, evaluations(entries) if holds else decisive_evaluations(entries)))
    return told
