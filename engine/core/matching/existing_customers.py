"""Who meets a trigger already, and since when: for an SOP whose `existing` takes in those who were there before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace
from engine.core.customers.customer import Customer
from engine.core.customers.silence import crossing
from engine.core.definitions import AllTags, Friend, Moment, Sop
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.events.event import ENGINE_SOURCE, START, Event
from engine.core.matching.triggers import named_trigger

LASTING = ("tag_added", "entered", "friend_added", "customer_created", "silent")
"""Triggers that leave behind something that lasts, so that they can be met already."""

JOINED = "existing"
"""The key of an engine-made start's data that says it takes in somebody who was there before: join or start."""


@dataclass(frozen=True, slots=True)
class AlreadyMet:
    """A trigger that a customer meets already."""

    index: int
    """Its place among the SOP's triggers."""
    since: datetime


def lasting(moment: Moment) -> bool:
    """Return whether this trigger can be met already; where a dimension's value came `from` is not known any more."""
    return moment.kind in LASTING and not (moment.entered and moment.entered.from_)


def met(customer: Customer, sop: Sop, context: DecisionContext) -> AlreadyMet | None:
    """Return the trigger that the customer has met for longest, None where none is met."""
    times = ((index, met_since(moment, customer, context)) for index, moment in enumerate(sop.trigger))
    return min(
        (AlreadyMet(index, since) for index, since in times if since is not None),
        key=lambda each: each.since,
        default=None,
    )


def met_since(moment: Moment, customer: Customer, context: DecisionContext) -> datetime | None:
    """Return when the customer came to meet this moment, None where they do not meet it."""
    if not lasting(moment):
        return None
    if moment.tag_added is not None:
        return _tagged(moment.tag_added, customer)
    if moment.entered:
        fact = customer.dimensions.get(moment.entered.dimension)
        return fact.since if fact and fact.value in moment.entered.values else None
    if moment.friend_added:
        return min(_friends(moment.friend_added, customer), default=None)
    if moment.silent:
        return _silent_since(customer, moment.silent.clock, moment.silent.days, context)
    return customer.known_since if customer.created else None


def _tagged(wanted: tuple[str, ...] | AllTags, customer: Customer) -> datetime | None:
    names = wanted.all if isinstance(wanted, AllTags) else wanted
    times = [customer.tags[name].changed_at for name in names if customer.has_tag(name)]
    if isinstance(wanted, AllTags):
        return max(times) if len(times) == len(names) else None
    return min(times, default=None)


def _friends(wanted: Friend, customer: Customer) -> Iterator[datetime]:
    for staff, state in customer.friends.items():
        written = customer.written.get(f"friends.{staff}")
        if (
            written
            and (wanted.staff is None or staff in wanted.staff)
            and (wanted.state is None or state in wanted.state)
        ):
            yield datetime.fromisoformat(written)


def _silent_since(customer: Customer, clock: str, days: int, context: DecisionContext) -> datetime | None:
    fact = customer.clocks.get(clock)
    if fact is None:
        return None
    crossed = crossing(fact.last_at, days, context.definitions.zone_of(customer.timezone))
    return crossed if crossed <= context.now else None


def passes_entry_conditions(customer: Customer, event: Event, sop: Sop, context: DecisionContext) -> bool:
    """Return whether `when` and `while` let the customer in, so that no place of the day is spent on one they keep out.

    The matcher decides again under the customer's lock.

    Parameters:
        customer: as read a moment ago
        event: the start that would be made
        sop: the one they would enter
        context: definitions and moment
    """
    about = Context(customer, context.definitions, context.now, event.data, event.time)
    return all(evaluate_all(group, about, "when", Trace()) is True for group in (sop.when, sop.while_))


def start_event(customer: Customer, sop: Sop, found: AlreadyMet, now: datetime) -> Event:
    """Return the event that takes the customer in: once for this customer and SOP.

    `join` counts the steps from when they came to meet the trigger, so that those past are skipped; `start: now` from now.

    Parameters:
        customer: whom to take in
        sop: which they enter
        found: which trigger they meet, since when
        now: the moment they are taken in
    """
    moment = sop.trigger[found.index]
    joins = sop.existing == "join"
    data: dict[str, Any] = {
        "sop": sop.sop, "trigger": f"trigger/{found.index}/{moment.kind}", JOINED: "join" if joins else "start",
        "anchor": (found.since if joins else now).isoformat(),
    }  # fmt: skip
    if moment.silent:
        data |= {"clock": moment.silent.clock, "days": moment.silent.days}
    identity, cause = f"existing:{sop.sop}:{customer.ref}", {"existing": sop.sop}
    return Event(ENGINE_SOURCE, identity, START, customer.ref, now, now, data, cause=cause)


def is_still_met(customer: Customer, event: Event, sop: Sop, definitions: Definitions) -> bool:
    """Return whether the customer meets the trigger that the event names, now that what came before it is matched.

    Parameters:
        customer: with every fact before the event matched
        event: the engine-made start, which names its trigger
        sop: the one it would start
        definitions: those in force
    """
    moment = named_trigger(event, sop)
    return moment is not None and met_since(moment, customer, DecisionContext(definitions, event.time)) is not None
