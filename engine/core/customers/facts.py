"""What an event changes about a customer, and which moments that makes.

Last writer wins by event time; at equal times the one later in the inbox. An event that changes no fact is no moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.core.customers.allowed_values import DROPPED, typed_attributes, undeclared
from engine.core.customers.customer import Activity, Customer, DimensionFact, TagFact
from engine.core.customers.last_writer import Group, wins, write, written_after
from engine.core.definitions.engine import EngineConfig
from engine.core.definitions.segments import SegmentsConfig
from engine.core.events.event import STAGE, Event
from engine.core.reasons import Reason
from engine.core.sentence import Sentence
from engine.core.time.arithmetic import zone

MESSAGE = "message.received"


@dataclass(frozen=True, slots=True)
class MomentOccurred:
    """A moment that just took place, with what it names."""

    kind: str
    name: str | None = None
    """The tag, `dimension=value`, or event type it is indexed by."""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class FactChanges:
    """What became of an event's facts."""

    moments: list[MomentOccurred] = field(default_factory=list)
    changed: bool = False
    """A fact that conditions can see is different now."""
    reason: Reason | None = None
    """Why nothing changed."""
    dropped: list[Sentence] = field(default_factory=list)


_NO_SEGMENTS = SegmentsConfig()


def apply(
    customer: Customer, event: Event, engine: EngineConfig, segments: SegmentsConfig = _NO_SEGMENTS
) -> FactChanges:
    """Write the event's facts into the customer and return the moments that makes.

    Parameters:
        customer: changed in place.
        engine, segments: say which values are taken: dimensions and attributes as declared there.
    """
    handler = _HANDLERS.get(event.type)
    if event.type == STAGE:
        applied = _dimension(customer, event, engine, segments)
    else:
        applied = handler(customer, event, engine) if handler else _activity(customer, event)
    if applied.reason is None:
        applied.moments.append(MomentOccurred("event", event.type, event.data))
    return applied


def is_activity(event: Event) -> bool:
    """Return whether the event is something the customer did, which metrics may count."""
    return event.type not in FACT_TYPES or event.type == MESSAGE


def warnings(event: Event, engine: EngineConfig, segments: SegmentsConfig = _NO_SEGMENTS) -> list[Sentence]:
    """Return what of the event would be dropped, in words: wrong attribute types, undeclared values."""
    if event.type in ("customer.created", "customer.updated"):
        return _fitting(event, engine)[1]
    if event.type == STAGE:
        problem = undeclared(str(event.data.get("dimension", "stage")), str(event.data.get("value")), engine, segments)
        return [problem] if problem else []
    return []


# ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _tag(customer: Customer, event: Event, present: bool) -> FactChanges:
    tag = str(event.data["tag"])
    fact = customer.tags.get(tag)
    if fact and event.time < fact.written_at:
        return FactChanges(reason=Reason.SUPERSEDED)
    customer.dirty.add(f"tag:{tag}")
    if fact and fact.present == present:
        fact.written_at = event.time
        return FactChanges(reason=Reason.NO_CHANGE)
    customer.tags[tag] = TagFact(present, event.time, event.time, event.source)
    if fact is None and not present:
        return FactChanges(reason=Reason.NO_CHANGE)
    kind = "tag_added" if present else "tag_removed"
    return FactChanges([MomentOccurred(kind, tag, {"tag": tag})], changed=True)


def _tag_added(customer: Customer, event: Event, _engine: EngineConfig) -> FactChanges:
    return _tag(customer, event, True)


def _tag_removed(customer: Customer, event: Event, _engine: EngineConfig) -> FactChanges:
    return _tag(customer, event, False)


# ── dimensions ───────────────────────────────────────────────────────────────────────────────────────────────


def _dimension(
    customer: Customer, event: Event, engine: EngineConfig, segments: SegmentsConfig = _NO_SEGMENTS
) -> FactChanges:
    name, value = str(event.data.get("dimension", "stage")), str(event.data["value"])
    problem = undeclared(name, value, engine, segments, refresh=event.refresh == name)
    if problem:
        return FactChanges(reason=Reason.UNKNOWN_VALUE, dropped=[problem])
    fact = customer.dimensions.get(name)
    if fact and event.time < fact.written_at:
        return FactChanges(reason=Reason.SUPERSEDED)
    customer.dirty.add(f"dimension:{name}")
    if fact and fact.value == value:
        fact.written_at = event.time
        return FactChanges(reason=Reason.NO_CHANGE)
    before = fact.value if fact else None
    customer.dimensions[name] = DimensionFact(value, event.time, event.time, event.start_id)
    detail = {"dimension": name, "from": before, "to": value}
    moments = [MomentOccurred("left", f"{name}={before}", detail)] if before is not None else []
    return FactChanges([*moments, MomentOccurred("entered", f"{name}={value}", detail)], changed=True)


# ── the customer's own fields ────────────────────────────────────────────────────────────────────────────────


def _fitting(event: Event, engine: EngineConfig) -> tuple[dict[str, Any], list[Sentence]]:
    """Return the event's attributes that can be taken, and in words what else of it was dropped."""
    attributes, dropped = typed_attributes(event.data.get("attributes") or {}, engine)
    timezone = event.data.get("timezone")
    if timezone is not None and not _is_zone(timezone):
        dropped.append(
            Sentence("`{name}` is not a time zone{consequence}", name=str(timezone)[:40], consequence=DROPPED)
        )
    return attributes, dropped


def _updated(customer: Customer, event: Event, engine: EngineConfig) -> FactChanges:
    attributes, dropped = _fitting(event, engine)
    groups: dict[Group, dict[str, Any]] = {
        "attributes": attributes,
        "staff": event.data.get("staff") or {},
        "addresses": event.data.get("addresses") or {},
    }
    unchanged = {
        write(customer, group, name, value, event.time) for group, new in groups.items() for name, value in new.items()
    }
    unchanged.add(_timezone(customer, event))
    if None in unchanged:
        return FactChanges(changed=True, dropped=dropped)
    reason = Reason.SUPERSEDED if Reason.SUPERSEDED in unchanged else Reason.NO_CHANGE
    return FactChanges(reason=reason, dropped=dropped)


def _timezone(customer: Customer, event: Event) -> Reason | None:
    name = event.data.get("timezone")
    if name is None or not _is_zone(name):
        return Reason.NO_CHANGE
    if not wins(customer, "timezone", event.time):
        return Reason.SUPERSEDED
    customer.dirty.add("self")
    before, customer.timezone = customer.timezone, name
    return Reason.NO_CHANGE if before == name else None


def _is_zone(name: Any) -> bool:
    try:
        return bool(zone(str(name)))
    except ValueError:
        return False


def _created(customer: Customer, event: Event, engine: EngineConfig) -> FactChanges:
    applied = _updated(customer, event, engine)
    if customer.created:
        return applied
    customer.created = True
    customer.dirty.add("self")
    return FactChanges([MomentOccurred("customer_created")], changed=True, dropped=applied.dropped)


def _friend_added(customer: Customer, event: Event, _engine: EngineConfig) -> FactChanges:
    staff, state = str(event.data.get("staff", "")), str(event.data.get("state") or "")
    if not wins(customer, f"friends.{staff}", event.time):
        return FactChanges(reason=Reason.SUPERSEDED)
    customer.dirty.add("self")
    if staff in customer.friends:
        customer.friends[staff] = state
        return FactChanges(reason=Reason.NO_CHANGE)
    customer.friends[staff] = state
    return FactChanges([MomentOccurred("friend_added", None, {"staff": staff, "state": state})], changed=True)


def _friend_removed(customer: Customer, event: Event, _engine: EngineConfig) -> FactChanges:
    staff = str(event.data.get("staff", ""))
    if not wins(customer, f"friends.{staff}", event.time):
        return FactChanges(reason=Reason.SUPERSEDED)
    customer.dirty.add("self")
    if staff not in customer.friends:
        return FactChanges(reason=Reason.NO_CHANGE)
    state = customer.friends.pop(staff)
    return FactChanges([MomentOccurred("friend_removed", None, {"staff": staff, "state": state})], changed=True)


def _opt(customer: Customer, event: Event, out: bool) -> FactChanges:
    """Opt out of or in to one channel or, named `*`, all: what concerns all settles everything said before it."""
    channel = str(event.data.get("channel") or "*")
    if written_after(customer, "opt_outs.*", event.time) or not wins(customer, f"opt_outs.{channel}", event.time):
        return FactChanges(reason=Reason.SUPERSEDED)
    customer.dirty.add("self")
    before = set(customer.opt_outs)
    if channel == "*":
        customer.opt_outs = {each for each in before if written_after(customer, f"opt_outs.{each}", event.time)}
    customer.opt_outs.discard(channel)
    if out:
        customer.opt_outs.add(channel)
    changed = before != customer.opt_outs
    return FactChanges(changed=changed, reason=None if changed else Reason.NO_CHANGE)


def _opted_out(customer: Customer, event: Event, _engine: EngineConfig) -> FactChanges:
    return _opt(customer, event, True)


def _opted_in(customer: Customer, event: Event, _engine: EngineConfig) -> FactChanges:
    return _opt(customer, event, False)


# ── activities ───────────────────────────────────────────────────────────────────────────────────────────────


def _activity(customer: Customer, event: Event) -> FactChanges:
    """Anything else is something the customer did: remembered by type, whatever order it comes in."""
    fact = customer.activities.get(event.type)
    customer.dirty.add(f"activity:{event.type}")
    if fact is None:
        customer.activities[event.type] = Activity(event.time, event.time, 1)
    else:
        fact.first_at, fact.last_at = min(fact.first_at, event.time), max(fact.last_at, event.time)
        fact.times += 1
    return FactChanges(changed=True)


def _message(customer: Customer, event: Event, _engine: EngineConfig) -> FactChanges:
    applied = _activity(customer, event)
    detail = {"text": str(event.data.get("text") or ""), "channel": event.data.get("channel")}
    applied.moments.append(MomentOccurred("replied", None, detail))
    return applied


_HANDLERS: dict[str, Callable[[Customer, Event, EngineConfig], FactChanges]] = {
    "tag.added": _tag_added,
    "tag.removed": _tag_removed,
    STAGE: _dimension,
    "customer.created": _created,
    "customer.updated": _updated,
    "friend.added": _friend_added,
    "friend.removed": _friend_removed,
    MESSAGE: _message,
    "message.opted_out": _opted_out,
    "message.opted_in": _opted_in,
}
FACT_TYPES = frozenset(_HANDLERS)
"""Event types with a meaning of their own; every other type is an activity (and so is a message)."""
