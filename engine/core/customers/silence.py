"""Silence: clocks that activity resets, thresholds crossed at midnight, and the lifecycle that follows from them.

Silence is counted in the customer's calendar days: after activity on 1 March, 30 days are reached on 31 March at 00:00.
Late activity never moves a clock back; the same events in any order leave the same clocks.

A threshold that was passed before it was defined, or long before the engine heard of the activity, is crossed quietly: the
clock's level and the lifecycle are as if it had been crossed in time, but there is no event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from engine.core.customers.customer import ClockFact, Customer, DimensionFact
from engine.core.customers.facts import FACT_TYPES, MomentOccurred
from engine.core.definitions.catalog import Definitions
from engine.core.definitions.clocks import ActivityClock
from engine.core.definitions.engine import LIFECYCLE
from engine.core.events.event import ENGINE_SOURCE, SILENT, Event
from engine.core.time.arithmetic import at_local, day_shift, later, local_date

FROM_CREATION = "any"
"""The clock that runs from when a customer is first known; others start with the first activity."""

LATE = timedelta(days=2)
"""A threshold passed longer than this before its activity was received is crossed quietly."""

REDEFINED = "definitions changed"
"""Why a lifecycle changed although nobody did anything."""

_MIDNIGHT = time()


@dataclass(slots=True)
class ClocksReset:
    """What an activity did to the clocks."""

    clocks: set[str] = field(default_factory=set)
    """Clocks that were reset."""
    moments: list[MomentOccurred] = field(default_factory=list)


def crossing(last_at: datetime, days: int, zone_name: str) -> datetime:
    """Return the moment at which `days` calendar days of silence are reached."""
    return at_local(day_shift(local_date(last_at, zone_name), days), _MIDNIGHT, zone_name)


# ── activity ─────────────────────────────────────────────────────────────────────────────────────────────────


def reset_clocks(customer: Customer, event: Event, definitions: Definitions) -> ClocksReset:
    """Reset the clocks that list this event's type, if it is later than what they know. What the engine makes is no activity."""
    heard = ClocksReset()
    _know(customer, event, definitions, heard)
    if event.source == ENGINE_SOURCE:
        return heard
    for name in definitions.clocks_by_kind.get(event.type, ()):
        fact = customer.clocks.get(name)
        if fact is None or not fact.active or event.time > fact.last_at:
            level = fact.level if fact and fact.last_at == event.time else 0  # what it counted from: the same silence
            customer.clocks[name] = ClockFact(event.time, True, level)
            heard.clocks.add(name)
            heard.moments += _aim(customer, name, definitions, event.type, _heard_in_time(event))
    return heard


def _heard_in_time(event: Event) -> datetime:
    """Return the moment from which on a threshold passed is worth an event, of a clock that this event sets."""
    return event.received_at if event.backfill else later(event.received_at, -LATE)


def _know(customer: Customer, event: Event, definitions: Definitions, heard: ClocksReset) -> None:
    """Note since when the customer is known; the clock that runs from then follows, while there is no activity."""
    if customer.known_since is None or event.time < customer.known_since:
        customer.known_since = event.time
        customer.dirty.add("self")
    if FROM_CREATION not in definitions.engine.clocks:
        return
    fact = customer.clocks.get(FROM_CREATION)
    if fact is None or (not fact.active and customer.known_since < fact.last_at):
        customer.clocks[FROM_CREATION] = ClockFact(customer.known_since, False, fact.level if fact else 0)
        heard.moments += _aim(customer, FROM_CREATION, definitions, event.type, _heard_in_time(event))


# ── thresholds ───────────────────────────────────────────────────────────────────────────────────────────────


def schedule_all_crossings(customer: Customer, definitions: Definitions, why: str) -> list[MomentOccurred]:
    """Set every clock's next crossing anew: the customer's zone has changed. Return the moments that makes."""
    return [moment for name in customer.clocks for moment in _aim(customer, name, definitions, why)]


def _aim(
    customer: Customer, name: str, definitions: Definitions, why: str, from_: datetime | None = None
) -> list[MomentOccurred]:
    """Set when the clock crosses its next threshold, and the lifecycle to the level it has reached.

    Thresholds passed before `from_`, or before they were defined, are crossed quietly.
    """
    fact, zone_name = customer.clocks[name], definitions.zone_of(customer.timezone)
    fact.next_days = fact.next_at = None
    for days in definitions.thresholds.get(name, ()):
        if days <= fact.level:
            continue
        moment, since = crossing(fact.last_at, days, zone_name), definitions.threshold_since(name, days)
        if (since is None or moment >= since) and (from_ is None or moment >= from_):
            fact.next_days, fact.next_at = days, moment
            break
        fact.level = days
    customer.dirty.add(f"clock:{name}")
    return _enter_level(customer, name, definitions, why)


def cross(customer: Customer, event: Event, definitions: Definitions) -> list[MomentOccurred] | None:
    """Apply a silence event: None where the customer has been active since, or the threshold was crossed before."""
    name, days = str(event.data["clock"]), int(event.data["days"])
    fact = customer.clocks.get(name)
    if fact is None or fact.last_at != datetime.fromisoformat(event.data["last_at"]) or days <= fact.level:
        return None
    fact.level = days
    moments = _aim(customer, name, definitions, f"silent {days} days")
    return [MomentOccurred("silent", f"{name}:{days}", dict(event.data)), *moments]


# ── lifecycle ────────────────────────────────────────────────────────────────────────────────────────────────


def _enter_level(customer: Customer, name: str, definitions: Definitions, why: str) -> list[MomentOccurred]:
    """Set the lifecycle, where it comes from this clock, to the level reached; return the moments that makes.

    The value holds from the midnight at which its days were reached, the first from the activity.
    """
    reached = _reached(name, customer.clocks[name].level, definitions)
    fact = customer.dimensions.get(LIFECYCLE)
    if reached is None or (fact is not None and fact.value == reached[0]):
        return []
    value, days = reached
    last_at = customer.clocks[name].last_at
    since = crossing(last_at, days, definitions.zone_of(customer.timezone)) if days else last_at
    before = fact.value if fact else None
    customer.dimensions[LIFECYCLE] = DimensionFact(value, since, since, why)
    customer.dirty.add(f"dimension:{LIFECYCLE}")
    detail = {"dimension": LIFECYCLE, "from": before, "to": value}
    left = [MomentOccurred("left", f"{LIFECYCLE}={before}", detail)] if before is not None else []
    return [*left, MomentOccurred("entered", f"{LIFECYCLE}={value}", detail)]


def _reached(name: str, level: int, definitions: Definitions) -> tuple[str, int] | None:
    """Return the lifecycle value of a level of this clock, and its days; None where the lifecycle is not this clock's."""
    clock = definitions.engine.clocks.get(name)
    reached = [(value, days) for value, days in ((clock.lifecycle if clock else None) or {}).items() if days <= level]
    return reached[-1] if reached else None


# ── definitions changed ──────────────────────────────────────────────────────────────────────────────────────


def bring_in_line(customer: Customer, definitions: Definitions, now: datetime) -> None:
    """Set the clocks, and the lifecycle, of a customer just read as the definitions now in force have them; there are no moments.

    A clock defined only now is filled from what the customer has done before.
    """
    for name, clock in definitions.engine.clocks.items():
        before = customer.clocks.get(name)
        fact = _as_recorded(customer, name, clock, before)
        if fact is None:
            continue
        customer.clocks[name] = fact
        if _aim(customer, name, definitions, REDEFINED):
            customer.dimensions[LIFECYCLE].written_at = now
        if fact == before:
            customer.dirty.discard(f"clock:{name}")


def _as_recorded(customer: Customer, name: str, clock: ActivityClock, before: ClockFact | None) -> ClockFact | None:
    """Return the clock as what is recorded of the customer says, its next crossing not set; None where it has not started.

    Activities are recorded by type, facts such as tags are not: a clock that lists some of those is never moved back.
    """
    active_at = max(
        (customer.activities[kind].last_at for kind in clock.kinds if kind in customer.activities), default=None
    )
    if before is not None and before.active:
        whole = all(kind not in FACT_TYPES or kind == "message.received" for kind in clock.kinds)
        last = active_at if active_at is not None and whole else max(before.last_at, active_at or before.last_at)
        return ClockFact(last, True, before.level if last == before.last_at else 0)
    if active_at is not None:
        return ClockFact(active_at, True)
    if name == FROM_CREATION and customer.known_since is not None:
        return ClockFact(customer.known_since, False, before.level if before else 0)
    return None


# ── what is due ──────────────────────────────────────────────────────────────────────────────────────────────


def due_events(customer: Customer, now: datetime) -> Iterator[Event]:
    """Yield the silence events that are due, as the sweep would insert them."""
    for name, fact in sorted(customer.clocks.items()):
        if fact.next_at is not None and fact.next_days is not None and fact.next_at <= now:
            yield silence_event(customer.ref, name, fact, now)


def silence_event(ref: str, name: str, fact: ClockFact, now: datetime) -> Event:
    """Return the event of a crossing. Its id is a function of customer, clock, threshold and last activity: once an episode.

    Parameters:
        ref: the customer's.
        name: the clock, whose state is `fact`, with its next threshold set.
        now: when the event is made; its time is the crossing.
    """
    assert fact.next_at is not None
    last = fact.last_at.isoformat(timespec="microseconds")
    data = {"clock": name, "days": fact.next_days, "last_at": last}
    identity = f"silent:{ref}:{name}:{fact.next_days}:{last}"
    return Event(ENGINE_SOURCE, identity, SILENT, ref, fact.next_at, now, data, cause={"clock": name})


Since = dict[str, dict[int, datetime]]
"""Clock → days of silence → since when that threshold is defined."""


def basis(definitions: Definitions) -> dict[str, Any]:
    """Return everything clocks depend on, as plain values: where it is the same, no clock needs to be looked at."""
    return {
        "timezone": definitions.engine.timezone,
        "clocks": {
            name: {
                "kinds": sorted(clock.kinds),
                "lifecycle": [list(level) for level in (clock.lifecycle or {}).items()],
                "thresholds": list(definitions.thresholds[name]),
            }
            for name, clock in definitions.engine.clocks.items()
        },
    }


def defined_since(definitions: Definitions, before: Mapping[str, Any], known: Since, now: datetime) -> Since:
    """Return since when each threshold is defined: new ones, and those of a clock that now counts other things, since now.

    Parameters:
        before: the basis of the definitions in force until now.
        known: since when theirs were defined.
    """
    return {
        name: {
            days: known.get(name, {}).get(days, now) if _counts_the_same(name, clock.kinds, before) else now
            for days in each
        }
        for name, each in definitions.thresholds.items()
        for clock in (definitions.engine.clocks[name],)
    }


def _counts_the_same(name: str, kinds: tuple[str, ...], before: Mapping[str, Any]) -> bool:
    clock = before.get("clocks", {}).get(name)
    return clock is not None and clock["kinds"] == sorted(kinds)
