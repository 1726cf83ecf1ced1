"""Numbers and computed dimensions on the virtual clock: refreshed at their slots, as the database does it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta

from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace
from engine.core.customers.customer import Customer
from engine.core.definitions import Condition
from engine.core.definitions.catalog import Definitions, _conditions, number_crons
from engine.core.definitions.segments import ComputedDimension
from engine.core.events.event import ENGINE_SOURCE, STAGE, Event
from engine.core.playback.metric_history import MetricChange, MetricHistory
from engine.core.time import cron
from engine.core.time.arithmetic import ONE_TICK


class SegmentRefreshes:
    """What a refresh finds, for every customer at every slot between two moments."""

    def __init__(
        self, definitions: Definitions, events: Iterable[Event], begin: datetime, until: datetime, *, whole: bool = True
    ) -> None:
        """Read what customers did.

        Parameters:
            events: all there ever were, of those who are played.
            whole: these are all customers. Scores, which compare them, are left as they are where they are not.
        """
        self._definitions = definitions
        self._left = frozenset() if whole else _comparing(definitions)
        self._stored = {
            name: each for name, each in definitions.segments.stored_metrics.items() if name not in self._left
        }
        self._dimensions = {
            name: each for name, each in definitions.segments.dimensions.items() if not self._asks(each, self._left)
        }
        crons = {each.refresh for each in self._dimensions.values()}
        self._slots = {each: _slots(each, definitions.engine.timezone, begin, until) for each in crons}
        self._numbers = MetricHistory(self._stored, events, self._number_slots(begin, until))
        self.restless = frozenset(name for name, each in self._dimensions.items() if self._moves_by_itself(each))
        """Dimensions whose value may change though nothing happens: a condition counts days."""

    def _number_slots(self, begin: datetime, until: datetime) -> list[datetime]:
        zone_name = self._definitions.engine.timezone
        crons = number_crons(self._definitions) if self._stored else []
        return sorted({slot for each in crons for slot in _slots(each, zone_name, begin, until)})

    def _moves_by_itself(self, dimension: ComputedDimension) -> bool:
        return any(_counts_days(each, self._definitions) for each in _conditions(dimension, self._definitions))

    def _asks(self, dimension: ComputedDimension, metrics: frozenset[str]) -> bool:
        """Return whether a condition of the dimension compares one of these metrics."""
        named = (name for each in _conditions(dimension, self._definitions) for name in each.metric or ())
        return any(name.partition(".")[0] in metrics for name in named)

    def computes(self, event: Event) -> bool:
        """Return whether this move, once recorded, is found here again."""
        return event.refresh in self._dimensions

    def leaves(self, number: str) -> bool:
        """Return whether this number is left as it is."""
        return number.partition(".")[0] in self._left

    def of(self, ref: str) -> CustomerRefreshes:
        """Return the refreshes of one customer."""
        return CustomerRefreshes(self, self._numbers.changes(ref))

    @property
    def names(self) -> frozenset[str]:
        """The dimensions that are computed."""
        return frozenset(self._dimensions)

    def after(self, moment: datetime, name: str) -> datetime | None:
        """Return the first slot of a dimension later than this moment."""
        slots = self._slots[self._dimensions[name].refresh]
        place = bisect_right(slots, moment)
        return slots[place] if place < len(slots) else None

    def due(self, slot: datetime) -> frozenset[str]:
        """Return the dimensions refreshed at this slot."""
        return frozenset(name for name in self._dimensions if self.after(slot - ONE_TICK, name) == slot)

    def moves(self, customer: Customer, slot: datetime, due: frozenset[str]) -> list[Event]:
        """Return the events by which the customer moves to other values of these dimensions."""
        events = []
        for name, dimension in self._dimensions.items():
            value = self._value(customer, dimension, slot) if name in due else None
            if value is not None and value != customer.dimension(name):
                identity = f"dimension:{name}:{slot.isoformat()}:{customer.ref}"
                data = {"dimension": name, "value": value}
                events.append(
                    Event(ENGINE_SOURCE, identity, STAGE, customer.ref, slot, slot, data, cause={"refresh": name})
                )
        return events

    def _value(self, customer: Customer, dimension: ComputedDimension, slot: datetime) -> str | None:
        context = Context(customer, self._definitions, slot, {})
        return next(
            (each.value for each in dimension.values if evaluate_all(each.when, context, "when", Trace()) is True), None
        )


class CustomerRefreshes:
    """One customer's refreshes, in order of time."""

    def __init__(self, refreshes: SegmentRefreshes, changes: list[MetricChange]) -> None:
        self._refreshes, self._changes = refreshes, changes
        self._open = refreshes.names
        """Dimensions whose next refresh may find another value, because something has changed since their last."""

    def next_at(self, now: datetime) -> datetime | None:
        """Return the next slot later than `now` at which a number or value may become another."""
        found = (self._refreshes.after(now, name) for name in self._open | self._refreshes.restless)
        slots = [slot for slot in found if slot is not None]
        return min([*slots, *(slot for slot, _ in self._changes[:1])], default=None)

    def begin(self, customer: Customer, now: datetime) -> None:
        """Write the customer's numbers as of the last slot by now; nobody moves."""
        self._write(customer, {})
        self._catch_up(customer, now)

    def _catch_up(self, customer: Customer, now: datetime) -> None:
        while self._changes and self._changes[0][0] <= now:
            self._write(customer, self._changes.pop(0)[1])

    def _write(self, customer: Customer, numbers: dict[str, float]) -> None:
        left = {name: value for name, value in customer.metrics.items() if self._refreshes.leaves(name)}
        customer.metrics = {**left, **numbers}

    def touched(self) -> None:
        """Note that a fact has changed."""
        self._open = self._refreshes.names

    def refresh(self, customer: Customer, slot: datetime) -> list[Event]:
        """Write the customer's numbers as of the slot and return the moves."""
        before = customer.metrics
        self._catch_up(customer, slot)
        if customer.metrics != before:
            self.touched()
        due = self._refreshes.due(slot) & (self._open | self._refreshes.restless)
        self._open -= due
        return self._refreshes.moves(customer, slot, due)


def _slots(expression: str, zone_name: str, begin: datetime, until: datetime) -> list[datetime]:
    """Return the slots between these moments, ascending, and before them the last one earlier."""
    last = cron.newest(expression, zone_name, begin)
    found, slot = [last.at] if last is not None else [], cron.following(expression, zone_name, begin)
    while slot is not None and slot.at <= until:
        found.append(slot.at)
        slot = cron.following(expression, zone_name, slot.at)
    return found


def _comparing(definitions: Definitions) -> frozenset[str]:
    """Return the metrics that compare customers with each other."""
    return frozenset(name for name, metric in definitions.segments.metrics.items() if metric.rfm)


def _counts_days(condition: Condition, definitions: Definitions) -> bool:
    """Return whether time alone makes a condition true or false."""
    counted = any(
        (metric := definitions.segments.metrics.get(name.partition(".")[0])) and metric.days_since
        for name in condition.metric or ()
    )
    within = [each.since for each in (condition.seen, condition.touched) if each is not None]
    return bool(counted or condition.silent or any(isinstance(since, timedelta) for since in within))
