"""Customers looked at before applying: who they are, what becomes of them, and the event that would take them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.core.customers.customer import Customer
from engine.core.definitions import Sop
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.delivery.version_change import TimelineChange, preview_version_change
from engine.core.events.event import Event
from engine.core.matching import existing_customers


@dataclass(frozen=True, slots=True)
class CustomerSample:
    """Customers looked at, and how many there are."""

    population: int
    ids: Sequence[int] = ()

    @property
    def weight(self) -> float:
        """How many customers each one stands for."""
        return self.population / len(self.ids) if self.ids else 0.0


@dataclass(frozen=True, slots=True)
class RolloutInput:
    """The two sets of definitions, and the customers as they are."""

    before: Definitions
    after: Definitions
    now: datetime
    installation: str
    customers: Mapping[int, Customer]
    """By id, with what their timelines have had."""
    with_unmatched_events: frozenset[str] = frozenset()
    """Refs of those with events that wait to be matched."""
    clocks_differ: bool = False
    """Clocks are set anew."""

    @property
    def context(self) -> DecisionContext:
        """What is decided with once the new definitions are in force."""
        return DecisionContext(self.after, self.now, self.installation)


def change_of_customer(customer: Customer, change: RolloutInput) -> tuple[Customer, list[TimelineChange]]:
    """Return the customer as the new definitions would leave them, and what becomes of each active timeline."""
    waiting = customer.ref in change.with_unmatched_events
    return preview_version_change(customer, change.before, change.context, has_unmatched_events=waiting)


def start_of(customer: Customer, sop: Sop, change: RolloutInput, at: datetime) -> Event | None:
    """Return the event that takes the customer in, None where they do not meet the trigger of the SOP.

    Parameters:
        at: the moment at which they are taken in.
    """
    met = existing_customers.met(customer, sop, change.context)
    if met is None:
        return None
    event = existing_customers.start_event(customer, sop, met, at)
    return replace(event, received_at=at)
