"""What an event changes about a customer, and which moments that makes.

Last writer wins by event time; at equal times the one later in the inbox. An event that changes no fact is no moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from engine.core.customer import Activity, Customer, DimensionFact, TagFact
from engine.core.definitions import Attribute, EngineConfig
from engine.core.errors import did_you_mean
from engine.core.events import Event
from engine.core.reasons import Reason
from engine.core.timing import zone


@dataclass(frozen=True, slots=True)
class Happened:
    """A moment that just took place, with what it names."""

    kind: str
    name: str | None = None
    """The tag, `dimension=value`, or event type it is indexed by."""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class FactsApplied:
    """What became of an event's facts."""

    moments: list[Happened] = field(default_factory=list)
    changed: bool = False
    """A fact that conditions can see is different now."""
    reason: Reason | None = None
    """Why nothing changed."""
    dropped: list[str] = field(default_factory=list)


def apply(customer: Customer, event: Event, engine: EngineConfig) -> FactsApplied:
    """Write the event's facts into the customer and return the moments that makes."""
    handler = _HANDLERS.get(event.type)
    applied = handler(customer, event, engine) if handler else _activity(customer, event)
    if applied.reason is None:
        applied.moments.append(Happened("event", event.type, event.data))
    return applied


def warnings(event: Event, engine: EngineConfig) -> list[str]:
    """Return what of the event would be dropped, in words: wrong attribute types, undeclared values."""
    if event.type == "customer.updated":
        return _typed_attributes(event.data.get("attributes") or {}, engine)[1]
    if event.type == "stage.changed":
        problem = _undeclared(str(event.data.get("dimension", "stage")), str(event.data.get("value")), engine)
        return [problem] if problem else []
    return []


# ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _tag(customer: Customer, event: Event, present: bool) -> FactsApplied:
    tag = str(event.data["tag"])
    fact = customer.tags.get(tag)
    if fact and event.time < fact.written_at:
        return FactsApplied(reason=Reason.SUPERSEDED)
    customer.dirty.add(f"tag:{tag}")
    if fact and fact.present == present:
        fact.written_at = event.time
        return FactsApplied(reason=Reason.NO_CHANGE)
    customer.tags[tag] = TagFact(present, event.time, event.time, event.source)
    if fact is None and not present:
        return FactsApplied(reason=Reason.NO_CHANGE)
    kind = "tag_added" if present else "tag_removed"
    return FactsApplied([Happened(kind, tag, {"tag": tag})], changed=True)


def _tag_added(customer: Customer, event: Event, _engine: EngineConfig) -> FactsApplied:
    return _tag(customer, event, True)


def _tag_removed(customer: Customer, event: Event, _engine: EngineConfig) -> FactsApplied:
    return _tag(customer, event, False)


# ── dimensions ───────────────────────────────────────────────────────────────────────────────────────────────


def _undeclared(dimension: str, value: str, engine: EngineConfig) -> str | None:
    declared = engine.dimensions.get(dimension)
    if declared is None:
        return f"dimension `{dimension}` is not declared in engine.yaml; not taken.{did_you_mean(dimension, engine.dimensions)}"
    if value not in declared.values:
        allowed = ", ".join(declared.values)
        return f"`{value}` is not a value of `{dimension}` (allowed: {allowed}); not taken.{did_you_mean(value, declared.values)}"
    return None


def _dimension(customer: Customer, event: Event, engine: EngineConfig) -> FactsApplied:
    name, value = str(event.data.get("dimension", "stage")), str(event.data["value"])
    problem = _undeclared(name, value, engine)
    if problem:
        return FactsApplied(reason=Reason.UNKNOWN_VALUE, dropped=[problem])
    fact = customer.dimensions.get(name)
    if fact and event.time < fact.written_at:
        return FactsApplied(reason=Reason.SUPERSEDED)
    customer.dirty.add(f"dimension:{name}")
    if fact and fact.value == value:
        fact.written_at = event.time
        return FactsApplied(reason=Reason.NO_CHANGE)
    before = fact.value if fact else None
    customer.dimensions[name] = DimensionFact(value, event.time, event.time)
    detail = {"dimension": name, "from": before, "to": value}
    moments = [Happened("left", f"{name}={before}", detail)] if before is not None else []
    return FactsApplied([*moments, Happened("entered", f"{name}={value}", detail)], changed=True)


# ── the customer's own fields ────────────────────────────────────────────────────────────────────────────────


def _typed_attributes(values: dict[str, Any], engine: EngineConfig) -> tuple[dict[str, Any], list[str]]:
    """Return the attributes whose values have their declared type (undeclared ones are kept), and what was dropped."""
    good: dict[str, Any] = {}
    dropped: list[str] = []
    for name, value in values.items():
        declared = engine.attributes.get(name)
        if value is None or declared is None or fits(value, declared):
            good[name] = value
        else:
            dropped.append(f"attribute `{name}` is declared as {declared.type}; `{str(value)[:40]}` is not one and was dropped")
    return good, dropped


def fits(value: Any, declared: Attribute) -> bool:
    """Return whether a JSON value has the declared type (dates are ISO 8601 texts)."""
    return _FITS[declared.type](value)


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value[:10])) and (len(value) == 10 or _is_datetime(value))
    except ValueError:
        return False


def _is_datetime(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_FITS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "date": _is_date,
    "datetime": _is_datetime,
    "list": lambda value: isinstance(value, list),
}


def _wins(customer: Customer, field_name: str, at: datetime) -> bool:
    """Return whether `at` is not before the field's last writing, and note it as the last one if so."""
    last = customer.written.get(field_name)
    if last is not None and at < datetime.fromisoformat(last):
        return False
    customer.written[field_name] = at.isoformat()
    return True


def _merge(customer: Customer, prefix: str, target: dict[str, Any], values: dict[str, Any], at: datetime) -> bool:
    """Write those values that are the newest for their field; None takes a value away. Return whether anything differs."""
    changed = False
    for name, value in values.items():
        if not _wins(customer, f"{prefix}.{name}", at):
            continue
        customer.dirty.add("self")
        if target.get(name) != value:
            changed = True
            if value is None:
                target.pop(name, None)
            else:
                target[name] = value
    return changed


def _updated(customer: Customer, event: Event, engine: EngineConfig) -> FactsApplied:
    attributes, dropped = _typed_attributes(event.data.get("attributes") or {}, engine)
    changed = _merge(customer, "attributes", customer.attributes, attributes, event.time)
    changed |= _merge(customer, "staff", customer.staff, event.data.get("staff") or {}, event.time)
    changed |= _merge(customer, "addresses", customer.addresses, event.data.get("addresses") or {}, event.time)
    changed |= _timezone(customer, event)
    return FactsApplied(changed=changed, reason=None if changed else Reason.NO_CHANGE, dropped=dropped)


def _timezone(customer: Customer, event: Event) -> bool:
    name = event.data.get("timezone")
    if name is None or not _is_zone(name) or not _wins(customer, "timezone", event.time):
        return False
    customer.dirty.add("self")
    changed = customer.timezone != name
    customer.timezone = name
    return changed


def _is_zone(name: Any) -> bool:
    try:
        return bool(zone(str(name)))
    except ValueError:
        return False


def _created(customer: Customer, event: Event, engine: EngineConfig) -> FactsApplied:
    applied = _updated(customer, event, engine)
    if customer.created:
        return applied
    customer.created = True
    customer.dirty.add("self")
    return FactsApplied([Happened("customer_created")], changed=True, dropped=applied.dropped)


def _friend_added(customer: Customer, event: Event, _engine: EngineConfig) -> FactsApplied:
    staff, state = str(event.data.get("staff", "")), str(event.data.get("state") or "")
    if not _wins(customer, f"friends.{staff}", event.time):
        return FactsApplied(reason=Reason.SUPERSEDED)
    customer.dirty.add("self")
    if staff in customer.friends:
        customer.friends[staff] = state
        return FactsApplied(reason=Reason.NO_CHANGE)
    customer.friends[staff] = state
    return FactsApplied([Happened("friend_added", None, {"staff": staff, "state": state})], changed=True)


def _friend_removed(customer: Customer, event: Event, _engine: EngineConfig) -> FactsApplied:
    staff = str(event.data.get("staff", ""))
    if not _wins(customer, f"friends.{staff}", event.time):
        return FactsApplied(reason=Reason.SUPERSEDED)
    customer.dirty.add("self")
    if staff not in customer.friends:
        return FactsApplied(reason=Reason.NO_CHANGE)
    state = customer.friends.pop(staff)
    return FactsApplied([Happened("friend_removed", None, {"staff": staff, "state": state})], changed=True)


def _opt(customer: Customer, event: Event, out: bool) -> FactsApplied:
    channel = str(event.data.get("channel") or "*")
    if not _wins(customer, f"opt_outs.{channel}", event.time):
        return FactsApplied(reason=Reason.SUPERSEDED)
    customer.dirty.add("self")
    before = set(customer.opt_outs)
    if out:
        customer.opt_outs.add(channel)
    elif channel == "*":
        customer.opt_outs.clear()
    else:
        customer.opt_outs.discard(channel)
    changed = before != customer.opt_outs
    return FactsApplied(changed=changed, reason=None if changed else Reason.NO_CHANGE)


def _opted_out(customer: Customer, event: Event, _engine: EngineConfig) -> FactsApplied:
    return _opt(customer, event, True)


def _opted_in(customer: Customer, event: Event, _engine: EngineConfig) -> FactsApplied:
    return _opt(customer, event, False)


# ── activities ───────────────────────────────────────────────────────────────────────────────────────────────


def _activity(customer: Customer, event: Event) -> FactsApplied:
    """Anything else is something the customer did: remembered by type, whatever order it comes in."""
    fact = customer.activities.get(event.type)
    customer.dirty.add(f"activity:{event.type}")
    if fact is None:
        customer.activities[event.type] = Activity(event.time, event.time, 1)
    else:
        fact.first_at, fact.last_at = min(fact.first_at, event.time), max(fact.last_at, event.time)
        fact.times += 1
    return FactsApplied(changed=True)


def _message(customer: Customer, event: Event, _engine: EngineConfig) -> FactsApplied:
    applied = _activity(customer, event)
    detail = {"text": str(event.data.get("text") or ""), "channel": event.data.get("channel")}
    applied.moments.append(Happened("replied", None, detail))
    return applied


_HANDLERS: dict[str, Callable[[Customer, Event, EngineConfig], FactsApplied]] = {
    "tag.added": _tag_added,
    "tag.removed": _tag_removed,
    "stage.changed": _dimension,
    "customer.created": _created,
    "customer.updated": _updated,
    "friend.added": _friend_added,
    "friend.removed": _friend_removed,
    "message.received": _message,
    "message.opted_out": _opted_out,
    "message.opted_in": _opted_in,
}
FACT_TYPES = frozenset(_HANDLERS)
"""Event types with a meaning of their own; every other type is an activity."""
