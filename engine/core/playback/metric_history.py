"""Stored metrics worked out in memory, slot by slot, as a refresh computes them in the database.

Numbers follow from what customers did, never from what the engine does: they are known before anybody is played.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.core.customers.facts import is_activity
from engine.core.customers.metrics import PURCHASE, REFUND, Order, orders_of
from engine.core.definitions import Metric
from engine.core.events.event import ENGINE_SOURCE, Event
from engine.core.time.arithmetic import BEGINNING_OF_TIME

MetricChange = tuple[datetime, dict[str, float]]
"""A slot at which a customer's numbers become others, and what they are from then on."""


@dataclass(slots=True)
class _Activity:
    """What one customer did, as far as numbers go: events by receipt."""

    events: list[Event] = field(default_factory=list)

    def orders(self, slot: datetime) -> list[Order]:
        """Return the orders known at the slot and bought by then."""
        known = orders_of(each for each in self.events if each.received_at <= slot and each.type in (PURCHASE, REFUND))
        return [each for each in known.by_order.values() if each.bought_at is not None and each.bought_at <= slot]

    def count(self, types: Sequence[str], begin: datetime, slot: datetime) -> int:
        """Return how many events of these types lie within the window and are known at the slot."""
        return sum(
            each.type in types and begin < each.time <= slot and each.received_at <= slot for each in self.events
        )


class MetricHistory:
    """Every customer's numbers at every slot.

    Parameters:
        stored: the metrics, by name.
        events: all that customers did; of scores, which compare customers, all customers'.
        slots: when they are refreshed, ascending.
    """

    def __init__(self, stored: Mapping[str, Metric], events: Iterable[Event], slots: Sequence[datetime]) -> None:
        self._stored, self._slots = stored, slots
        self._done: dict[str, _Activity] = {}
        for event in sorted(events, key=lambda each: each.received_at) if stored else ():
            if event.source != ENGINE_SOURCE and is_activity(event):
                self._done.setdefault(event.subject, _Activity()).events.append(event)
        self._ranks = self._ranked()

    def changes(self, ref: str) -> list[MetricChange]:
        """Return the slots at which the customer's numbers become others, and what they become."""
        done, before = self._done.get(ref), dict[str, float]()
        changes: list[MetricChange] = []
        if done is None:
            return changes
        own, candidates = dict[str, float](), set(self._candidates(done))
        for slot in self._slots if self._ranks else sorted(candidates):
            if slot in candidates:
                own = self._numbers(done, slot)
            numbers = own | self._scored(ref, slot)
            if numbers != before:
                changes.append((slot, numbers))
                before = numbers
        return changes

    def _candidates(self, done: _Activity) -> list[datetime]:
        """Return the slots at which something the customer did may have come into a window or left it."""
        spans = {each for metric in self._stored.values() if isinstance(each := _window(metric), timedelta)}
        moments = {max(event.received_at, event.time) for event in done.events}
        moments |= {event.time + span for event in done.events for span in spans}
        places = sorted({bisect_left(self._slots, moment) for moment in moments})
        return [self._slots[place] for place in places if place < len(self._slots)]

    def _scored(self, ref: str, slot: datetime) -> dict[str, float]:
        """Return the customer's scores, which follow from everybody's numbers."""
        scores: dict[str, float] = {}
        for by_ref in self._ranks.get(slot, {}).values():
            scores |= by_ref.get(ref, {})
        return scores

    def _numbers(self, done: _Activity, slot: datetime) -> dict[str, float]:
        orders, numbers = done.orders(slot), dict[str, float]()
        for name, metric in self._stored.items():
            begin = _begin(metric, slot)
            if metric.rfm:
                continue
            if metric.count is not None:
                numbers[name] = done.count(metric.count, begin, slot)
            elif metric.spend is not None:
                numbers[name] = float(_money(orders, begin))
            else:
                numbers[name] = sum(each.bought_at > begin for each in orders if _kept(each))  # type: ignore[operator]  # they are bought
        return {name: number for name, number in numbers.items() if number}

    def _ranked(self) -> dict[datetime, dict[str, dict[str, dict[str, float]]]]:
        """Return the scores of all customers, by slot, metric and ref."""
        scored = {name: metric for name, metric in self._stored.items() if metric.rfm}
        return {
            slot: {name: self._scores(name, metric, slot) for name, metric in scored.items()}
            for slot in (self._slots if scored else ())
        }

    def _scores(self, name: str, metric: Metric, slot: datetime) -> dict[str, dict[str, float]]:
        begin = _begin(metric, slot)
        kept = {
            ref: [order for order in done.orders(slot) if _kept(order) and order.bought_at and order.bought_at > begin]
            for ref, done in self._done.items()
        }
        kept = {ref: orders for ref, orders in kept.items() if orders}
        last = _score(
            {ref: max(each.bought_at for each in orders if each.bought_at) for ref, orders in kept.items()},
            metric.quantiles,
        )
        times = _score({ref: len(orders) for ref, orders in kept.items()}, metric.quantiles)
        money = _score({ref: _money(orders, begin) for ref, orders in kept.items()}, metric.quantiles)
        return {
            ref: {
                f"{name}.r": last[ref], f"{name}.f": times[ref], f"{name}.m": money[ref],
                f"{name}.score": last[ref] * 100 + times[ref] * 10 + money[ref],
            }
            for ref in kept
        }  # fmt: skip


def _window(metric: Metric) -> Any:
    return next((each for each in (metric.spend, metric.orders) if each is not None), metric.over)


def _begin(metric: Metric, slot: datetime) -> datetime:
    window = _window(metric)
    return slot - window if isinstance(window, timedelta) else BEGINNING_OF_TIME


def _kept(order: Order) -> bool:
    """Return whether an order was not refunded as a whole."""
    return not (order.refunded > 0 and order.amount is not None and order.refunded >= order.amount)


def _money(orders: Iterable[Order], begin: datetime) -> Decimal:
    within = (
        each for each in orders if each.bought_at is not None and each.bought_at > begin and each.amount is not None
    )
    return sum((Decimal(str(each.amount)) - Decimal(str(each.refunded)) for each in within), Decimal())


def _score(values: Mapping[str, Any], quantiles: int) -> dict[str, int]:
    """Return 1 + the whole part of quantiles × the share of those whose value is worse: equal values have equal scores."""
    ordered = sorted(values.values())
    return {ref: 1 + quantiles * bisect_left(ordered, value) // len(ordered) for ref, value in values.items()}
