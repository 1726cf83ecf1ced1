"""Silence: clocks that activity resets, thresholds crossed at midnight, and the lifecycle that follows from them.

Silence is counted in the customer's calendar days: after activity on 1 March, 30 days are reached on 31 March at 00:00.
Late activity never moves a clock back; the same events in any order leave the same clocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time

from engine.core.catalog import Definitions
from engine.core.customer import ClockFact, Customer, DimensionFact
from engine.core.definitions import LIFECYCLE
from engine.core.events import ENGINE_SOURCE, SILENT, Event
from engine.core.facts import Happened
from engine.core.timing import at_local, day_shift, local_date

FROM_CREATION = "any"
"""The clock that runs from when a customer is first known; others start with the first activity."""

_MIDNIGHT = time()


@dataclass(slots=True)
class Heard:
    """What an activity did to the clocks."""

    clocks: set[str] = field(default_factory=set)
    """Clocks that were reset."""
    moments: list[Happened] = field(default_factory=list)


def crossing(last_at: datetime, days: int, zone_name: str) -> datetime:
    """Return the moment at which `days` calendar days of silence are reached."""
    return at_local(day_shift(local_date(last_at, zone_name), days), _MIDNIGHT, zone_name)


def hear(customer: Customer, event: Event, definitions: Definitions) -> Heard:
    """Reset the clocks that list this event's type, if it is later than what they know."""
    heard = Heard()
    _know(customer, event, definitions)
    for name in definitions.clocks_by_kind.get(event.type, ()):
        fact = customer.clocks.get(name)
        if fact is not None and fact.active and event.time <= fact.last_at:
            continue
        customer.clocks[name] = ClockFact(event.time, True)
        aim(customer, name, definitions)
        heard.clocks.add(name)
        heard.moments += enter_level(customer, name, 0, event.time, definitions)
    return heard


def _know(customer: Customer, event: Event, definitions: Definitions) -> None:
    """Note since when the customer is known; the clock that runs from then follows, while there is no activity."""
    if customer.known_since is None or event.time < customer.known_since:
        customer.known_since = event.time
        customer.dirty.add("self")
    if FROM_CREATION not in definitions.engine.clocks:
        return
    fact = customer.clocks.get(FROM_CREATION)
    if fact is None or (not fact.active and customer.known_since < fact.last_at):
        customer.clocks[FROM_CREATION] = ClockFact(customer.known_since, False, fact.level if fact else 0)
        aim(customer, FROM_CREATION, definitions)


def aim(customer: Customer, name: str, definitions: Definitions) -> None:
    """Set when the clock crosses its next threshold."""
    fact = customer.clocks[name]
    fact.next_days = next((days for days in definitions.thresholds.get(name, ()) if days > fact.level), None)
    zone_name = definitions.zone_of(customer.timezone)
    fact.next_at = crossing(fact.last_at, fact.next_days, zone_name) if fact.next_days is not None else None
    customer.dirty.add(f"clock:{name}")


def aim_all(customer: Customer, definitions: Definitions) -> None:
    """Set every clock's next crossing anew: the customer's zone has changed."""
    for name in customer.clocks:
        aim(customer, name, definitions)


def cross(customer: Customer, event: Event, definitions: Definitions) -> list[Happened] | None:
    """Apply a silence event: None where the customer has been active since, or the threshold was crossed before."""
    name, days = str(event.data["clock"]), int(event.data["days"])
    fact = customer.clocks.get(name)
    if fact is None or fact.last_at != datetime.fromisoformat(event.data["last_at"]) or days <= fact.level:
        return None
    fact.level = days
    aim(customer, name, definitions)
    return [Happened("silent", f"{name}:{days}", dict(event.data)), *enter_level(customer, name, days, event.time, definitions)]


def enter_level(customer: Customer, name: str, days: int, at: datetime, definitions: Definitions) -> list[Happened]:
    """Set the lifecycle, where this clock has one, to the level of `days`; return the moments that makes."""
    value = level_value(name, days, definitions)
    fact = customer.dimensions.get(LIFECYCLE)
    if value is None or (fact is not None and fact.value == value):
        return []
    before = fact.value if fact else None
    customer.dimensions[LIFECYCLE] = DimensionFact(value, at, at)
    customer.dirty.add(f"dimension:{LIFECYCLE}")
    detail = {"dimension": LIFECYCLE, "from": before, "to": value}
    left = [Happened("left", f"{LIFECYCLE}={before}", detail)] if before is not None else []
    return [*left, Happened("entered", f"{LIFECYCLE}={value}", detail)]


def level_value(name: str, days: int, definitions: Definitions) -> str | None:
    """Return the lifecycle value for so many days of silence, None where the clock has no lifecycle."""
    clock = definitions.engine.clocks.get(name)
    reached = [value for value, from_days in ((clock.lifecycle if clock else None) or {}).items() if from_days <= days]
    return reached[-1] if reached else None


def days_silent(customer: Customer, name: str, now: datetime, zone_name: str) -> int | None:
    """Return the calendar days since the clock's last activity, None where it has not started."""
    fact = customer.clocks.get(name)
    return (local_date(now, zone_name) - local_date(fact.last_at, zone_name)).days if fact is not None else None


def due_events(customer: Customer, now: datetime) -> Iterator[Event]:
    """Yield the silence events that are due, as the sweep would insert them."""
    for name, fact in sorted(customer.clocks.items()):
        if fact.next_at is not None and fact.next_days is not None and fact.next_at <= now:
            yield silence_event(customer.ref, name, fact, now)


def silence_event(ref: str, name: str, fact: ClockFact, now: datetime) -> Event:
    """Return the event of a crossing. Its id is a function of customer, clock, threshold and last activity: once an episode."""
    assert fact.next_at is not None
    last = fact.last_at.isoformat(timespec="microseconds")
    data = {"clock": name, "days": fact.next_days, "last_at": last}
    return Event(ENGINE_SOURCE, f"silent:{ref}:{name}:{fact.next_days}:{last}", SILENT, ref, fact.next_at, now, data)
