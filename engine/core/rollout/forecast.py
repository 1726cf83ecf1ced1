"""What goes out in the days ahead, under the definitions in force and under new ones: by day and channel, delayed, lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from engine.core.customers.customer import Customer
from engine.core.customers.silence import bring_in_line
from engine.core.definitions import Sop, StartExisting
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.delivery.version_change import fork
from engine.core.events.event import Event
from engine.core.playback.played import Playback, Played
from engine.core.playback.run import play_one
from engine.core.reasons import Reason
from engine.core.rollout.sample import CustomerSample, RolloutInput, change_of_customer, start_of
from engine.core.time.arithmetic import at_local, day_shift, local_date
from engine.core.timelines.touch import Touch

SELF_STARTING = frozenset({"silent", "date", "schedule"})
"""Triggers that time alone sets off."""

GATES = ("cap", "holiday", "quiet_hours")
"""Reasons for which a touch that could go out waits."""
LATE = "late"
"""Lost without a gate in its way: overdue already."""
_LOSING = (Reason.EXPIRED, Reason.MISSING_VALUE, Reason.TEMPLATE_ERROR)


def _numbers() -> defaultdict[str, float]:
    return defaultdict(float)


@dataclass(slots=True)
class SendTally:
    """Touches counted, each with the weight of its customer: how many customers that one stands for."""

    zone_name: str
    """Days are counted in this zone."""
    sent: defaultdict[tuple[date, str], float] = field(default_factory=lambda: defaultdict(float))
    """By day and channel."""
    minutes: defaultdict[tuple[str, datetime], float] = field(default_factory=lambda: defaultdict(float))
    """By channel and minute."""
    held: defaultdict[str, float] = field(default_factory=_numbers)
    """Touches that had to wait, by what they waited for; one may wait for several."""
    lost: defaultdict[str, float] = field(default_factory=_numbers)
    """Touches never sent, by what delayed them until it was too late."""

    def add(self, played: Playback, weight: float) -> None:
        """Count what came out for customers who each stand for `weight`."""
        for one in played.touches:
            if one.touch.kind == "do":
                continue
            if one.touch.status == "skipped":
                if one.touch.reason in _LOSING:
                    self.lost[_cause(one.touch)] += weight
            else:
                self._send(one, weight)
        waited = {(id(each.timeline), each.step, each.reason) for each in played.waits if each.reason in GATES}
        for _, _, reason in waited:
            self.held[str(reason)] += weight

    def _send(self, one: Played, weight: float) -> None:
        channel = one.touch.channel or "-"
        self.sent[local_date(one.at, self.zone_name), channel] += weight
        self.minutes[channel, one.at.replace(second=0, microsecond=0)] += weight

    def peak(self, channel: str) -> tuple[datetime, float] | None:
        """Return the first minute at which most go out over the channel, and how many; None where none does."""
        ours = [(at, number) for (name, at), number in self.minutes.items() if name == channel]
        return max(ours, key=lambda each: (each[1], -each[0].timestamp()), default=None)


def _cause(touch: Touch) -> str:
    if touch.reason != Reason.EXPIRED:
        return str(touch.reason)
    return next((gate for gate in GATES if touch.detail and gate in touch.detail), LATE)


# ── what goes out ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class VolumeForecast:
    """What goes out until a moment, under the definitions in force and under the new ones."""

    until: datetime
    before: SendTally
    after: SendTally
    customers: int = 0
    looked_at: int = 0


def self_starting(definitions: Definitions) -> bool:
    """Return whether an SOP starts for customers although nobody does anything."""
    return any(moment.kind in SELF_STARTING for each in definitions.sops.values() for moment in each.sop.trigger)


def forecast_volume(
    samples: Sequence[CustomerSample],
    joining: Mapping[str, CustomerSample],
    change: RolloutInput,
    until: datetime,
    tell: Callable[[int], None] = lambda done: None,
) -> VolumeForecast:
    """Return what goes out to these customers and to those who join, under both sets of definitions.

    Parameters:
        samples: of customers who are in flight, and of others; no customer is in two.
        joining: SOP → those whom its `existing` takes in, in order.
        tell: is told how many customers are done.
    """
    zone_name = change.after.engine.timezone
    forecast = VolumeForecast(until, SendTally(zone_name), SendTally(zone_name))
    for sample in samples:
        forecast.customers += sample.population
        forecast.looked_at += len(sample.ids)
        for number, customer in enumerate(change.customers[id_] for id_ in sample.ids if id_ in change.customers):
            _play_both(customer, sample.weight, change, forecast)
            tell(number)
    for sop_id, sample in joining.items():
        sop = change.after.sops[sop_id].sop
        for number, customer in enumerate(change.customers[id_] for id_ in sample.ids if id_ in change.customers):
            event = start_of(customer, sop, change, _day_of(number, sample.weight, sop, change))
            if event is not None and event.time <= until:
                _play_joining(customer, event, sample.weight, change, forecast)
    return forecast


def _play_both(customer: Customer, weight: float, change: RolloutInput, forecast: VolumeForecast) -> None:
    now, installation = change.now, change.installation
    forecast.before.add(
        play_one(_as_before(customer, now), [], DecisionContext(change.before, now, installation), forecast.until),
        weight,
    )
    forecast.after.add(
        play_one(_as_after(customer, change), [], DecisionContext(change.after, now, installation), forecast.until),
        weight,
    )


def _play_joining(
    customer: Customer, event: Event, weight: float, change: RolloutInput, forecast: VolumeForecast
) -> None:
    """Count what joining adds to what the customer gets anyway (and, under caps, takes from it)."""
    for events, times in (([event], weight), ([], -weight)):
        after = _as_after(customer, change)
        forecast.after.add(
            play_one(after, events, DecisionContext(change.after, change.now, change.installation), forecast.until),
            times,
        )


def _as_before(customer: Customer, now: datetime) -> Customer:
    """Return the customer as they go on unchanged. Pauses are left out of account: what is parked goes on when it is due.

    What a gate holds back now is looked at again, as it is after an apply, so that it counts as held on both sides.
    """
    same = fork(customer)
    for timeline in same.active_timelines():
        if timeline.waiting == Reason.PAUSED and timeline.step_due is not None:
            timeline.due_at, timeline.waiting = timeline.step_due, None
        elif timeline.waiting in GATES:
            timeline.look_again(now)
    return same


def _as_after(customer: Customer, change: RolloutInput) -> Customer:
    """Return the customer as the new definitions find them."""
    settled = change_of_customer(customer, change)[0]
    if change.clocks_differ:
        bring_in_line(settled, change.after, change.now)
    return settled


def _day_of(number: int, weight: float, sop: Sop, change: RolloutInput) -> datetime:
    """Return when the customer of this number in line is taken in: now, or at midnight when the day has room."""
    if not isinstance(sop.existing, StartExisting):
        return change.now
    day = int(number * weight) // sop.existing.per_day
    zone_name = change.after.engine.timezone
    today: date = local_date(change.now, zone_name)
    return at_local(day_shift(today, day), time(), zone_name) if day else change.now


def seconds_to_send(number: float, rate: object) -> float | None:
    """Return how long so many touches take at a rate such as 50/s, None where no rate is given."""
    head, _, unit = str(rate).partition("/")
    size = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(unit)
    return number * size / int(head) if size and head.isdigit() and int(head) else None


def days_ahead(now: datetime, until: datetime, zone_name: str) -> list[date]:
    """Return the days, in the zone, from that of `now` to that of `until`."""
    first, last = local_date(now, zone_name), local_date(until, zone_name)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
