"""A customer as they were at an earlier moment, from what is recorded: facts from events, timelines in flight from rows and touches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from engine.core.customers.customer import Customer, Timeline
from engine.core.customers.silence import due_events
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.delivery.version_change import apply_version_change
from engine.core.events.event import END, SILENT, START, Event
from engine.core.matching.match import match

_MADE = (START, END, SILENT)
"""What is worked out anew, not taken from the record."""


@dataclass(slots=True)
class RecordedHistory:
    """What is recorded of one customer before a moment."""

    ref: str
    events: list[Event] = field(default_factory=list)
    """Received before it, in inbox order."""
    timelines: list[Timeline] = field(default_factory=list)
    """Those active at that moment, with the steps they had had."""
    starts: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Time of the last start before it, by SOP and key."""
    touched: dict[str, datetime] = field(default_factory=dict)
    """When the last touch before it was planned, by SOP."""
    counted: dict[tuple[date, str], int] = field(default_factory=dict)
    """Messages that count under caps, by the customer's date and channel."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Numbers as of the last refresh of all, for those that cannot be worked out again."""


def rebuild_customer(past: RecordedHistory, definitions: Definitions, at: datetime, installation: str) -> Customer:
    """Return the customer as they were at `at`, had these definitions been applied then.

    Past events change facts only, as backfilled ones do; thresholds of silence passed by then are crossed quietly. Timelines in
    flight go on under the definitions, as after an apply.

    Parameters:
        past: what is recorded of the customer up to `at`.
        installation: the id of the installation, from which variants and comparison groups are drawn.
    """
    customer = Customer(past.ref, metrics=dict(past.metrics))
    for event in past.events:
        if event.type not in _MADE:
            match(customer, replace(event, backfill=True), DecisionContext(definitions, event.received_at))
    _cross_quietly(customer, definitions, at)
    customer.timelines, customer.starts, customer.touched = list(past.timelines), dict(past.starts), dict(past.touched)
    customer.counted = dict(past.counted)
    apply_version_change(customer, DecisionContext(definitions, at, installation))
    customer.timelines = customer.active_timelines()
    return customer


def _cross_quietly(customer: Customer, definitions: Definitions, at: datetime) -> None:
    crossings: Iterable[Event] = list(due_events(customer, at))
    while crossings:
        for event in crossings:
            match(customer, replace(event, backfill=True), DecisionContext(definitions, at))
        crossings = list(due_events(customer, at))
