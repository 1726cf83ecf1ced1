"""Metrics: a customer's numbers, and the purchases they come from.

Stored numbers are as of the last refresh; a customer of whom nothing is stored has spent 0, ordered 0 and done 0, and has no
scores. Days since an event are counted when they are asked for: calendar days in the customer's zone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.core.customers.customer import Customer
from engine.core.definitions.catalog import Definitions
from engine.core.definitions.segments import RFM_PARTS
from engine.core.events.event import Event

PURCHASE, REFUND = "purchase", "purchase.refunded"
MOST_AMOUNT = 1e15
"""An amount as large as this is no amount; the purchase is not counted."""


def for_templates(customer: Customer, definitions: Definitions, now: datetime) -> dict[str, Any]:
    """Return all known numbers as templates name them: `metrics.spend_2y`, `metrics.rfm.r`."""
    segments, zone_name = definitions.segments, definitions.zone_of(customer.timezone)
    shown: dict[str, Any] = {}
    for name, metric in segments.metrics.items():
        if metric.rfm:
            shown[name] = {
                part: _whole(customer.number(f"{name}.{part}", segments, zone_name, now)) for part in RFM_PARTS
            }
        else:
            shown[name] = _whole(customer.number(name, segments, zone_name, now))
    return {name: value for name, value in shown.items() if value is not None}


def _whole(value: float | None) -> float | None:
    """Return 5 for 5.0: nobody wants to read the latter."""
    return int(value) if value is not None and value == int(value) else value


@dataclass(slots=True)
class Order:
    """What a batch of events says of one order. Events of one order in any order leave the same."""

    bought_at: datetime | None = None
    """Time of the earliest purchase event."""
    written_at: datetime | None = None
    """Time of the latest purchase event, whose amount and currency count."""
    amount: float | None = None
    currency: str | None = None
    refunded_at: datetime | None = None
    """Time of the latest refund event, whose amount counts."""
    refunded: float = 0.0


@dataclass(slots=True)
class Orders:
    """What a batch of events says of orders: customer's ref and order → what is known."""

    by_order: dict[tuple[str, str], Order] = field(default_factory=dict)

    def note(self, event: Event) -> None:
        """Take a purchase or refund into account; anything else is none."""
        amount = event.data.get("amount")
        known = isinstance(amount, (int, float)) and math.isfinite(amount) and abs(amount) < MOST_AMOUNT
        if event.type not in (PURCHASE, REFUND) or not known:
            return
        order = self.by_order.setdefault((event.subject, str(event.data.get("order"))), Order())
        if event.type == PURCHASE:
            _note_purchase(order, event)
        elif order.refunded_at is None or event.time >= order.refunded_at:
            order.refunded_at, order.refunded = event.time, float(event.data["amount"])


def _note_purchase(order: Order, event: Event) -> None:
    order.bought_at = min(order.bought_at or event.time, event.time)
    if order.written_at is None or event.time >= order.written_at:
        order.written_at, order.amount, order.currency = (
            event.time,
            float(event.data["amount"]),
            event.data.get("currency"),
        )


def orders_of(events: Iterable[Event]) -> Orders:
    """Return what these events, in inbox order, say of orders."""
    orders = Orders()
    for event in events:
        orders.note(event)
    return orders
