"""What applying would do, worked out on customers as they are: what becomes of timelines in flight, and who joins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil

from engine.core.customers.customer import Customer
from engine.core.definitions import Sop, StartExisting
from engine.core.definitions.catalog import DecisionContext
from engine.core.delivery.version_change import TimelineChange
from engine.core.matching import existing_customers
from engine.core.playback.run import play_one
from engine.core.reasons import Reason
from engine.core.rollout.sample import CustomerSample, RolloutInput, change_of_customer, start_of

# ── timelines in flight ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class StepForecast:
    """What becomes of one step, in timelines."""

    step: str
    waiting: int = 0
    """Have it next, now."""
    to_come: int = 0
    """Still get it, afterwards."""
    gets: int = 0
    """Of these, because it is new."""
    moves: int = 0
    """Of these, at another time."""
    loses: int = 0
    """Would have got it, and do not: it is gone."""
    passed: int = 0
    """Do not get it: its time has passed."""


@dataclass(slots=True)
class SopForecast:
    """What becomes of an SOP's timelines in flight."""

    sop: str
    in_flight: int
    customers: int
    looked_at: int
    """Of these customers; fewer than all: the numbers are scaled up."""
    waiting: dict[str | None, int]
    """By next step; None: all had, the last touches on their way."""
    ends: dict[str, int] = field(default_factory=dict)
    """By reason."""
    steps: list[StepForecast] = field(default_factory=list)


def step_forecasts(
    sop: str,
    sample: CustomerSample,
    waiting: Mapping[str | None, int],
    known: Mapping[int, list[TimelineChange]],
    change: RolloutInput,
) -> SopForecast:
    """Return what becomes of one SOP's timelines, by the fates of the customers in the sample.

    Parameters:
        sample: of the customers with a timeline of the SOP in flight.
        waiting: timelines in flight, by next step.
        known: what becomes of timelines, by customer.
        change: both sets of definitions.
    """
    forecast = SopForecast(sop, sum(waiting.values()), sample.population, len(sample.ids), dict(waiting))
    ours = [fate for id_ in sample.ids for fate in known.get(id_, ()) if fate.sop == sop]
    if change.after.sop(sop) is None and sop not in change.after.broken:
        forecast.ends = {str(Reason.SOP_REMOVED): forecast.in_flight} if forecast.in_flight else {}
        return forecast
    weight = sample.weight
    forecast.ends = _scaled(Counter(fate.ended for fate in ours if fate.ended), weight)
    steps = {id_: StepForecast(id_, waiting.get(id_, 0)) for id_ in _step_ids(sop, change)}
    for name in ("to_come", "gets", "moves", "loses", "passed"):
        for step, number in _scaled(Counter(step for fate in ours for step in getattr(fate, name)), weight).items():
            setattr(steps[step], name, number)
    forecast.steps = list(steps.values())
    return forecast


def changes_of_customers(ids: Iterable[int], change: RolloutInput) -> dict[int, list[TimelineChange]]:
    """Return what becomes of each of these customers' timelines."""
    return {id_: change_of_customer(change.customers[id_], change)[1] for id_ in ids if id_ in change.customers}


def _step_ids(sop: str, change: RolloutInput) -> list[str]:
    """Return the steps of both versions: as the new one has them, then those that are gone."""
    new, old = (
        [step.id for step in found.sop.steps] if (found := side.sops.get(sop)) else []
        for side in (change.after, change.before)
    )
    return list(dict.fromkeys([*new, *old]))


def _scaled(numbers: Mapping[str, int], weight: float) -> dict[str, int]:
    return {str(name): round(number * weight) for name, number in sorted(numbers.items())}


# ── who meets the trigger already ────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class ExistingForecast:
    """What a new SOP's `existing` does with those who meet its trigger already."""

    sop: str
    mode: str
    """ignore, join, start; again: the id was applied before, so that `existing` is not asked."""
    meet: int = 0
    """Meet a trigger already."""
    starts: int = 0
    """Of these, enter."""
    refused: dict[str, int] = field(default_factory=dict)
    """Of these, do not, by reason."""
    stand_at: dict[str, int] = field(default_factory=dict)
    """Of those who enter, by the step they have next."""
    missed: dict[str, int] = field(default_factory=dict)
    """Of those who enter, by the steps whose time was before."""
    per_day: int | None = None
    days: int | None = None
    """So many days until all have started."""
    customers: int = 0
    looked_at: int = 0


def meeting(sop: Sop, mode: str, kept_out: int, sample: CustomerSample, change: RolloutInput) -> ExistingForecast:
    """Return who meets the trigger and what becomes of them.

    Parameters:
        kept_out: who meet it and are known to be kept out by `when` or `while`; the sample is of the others.
    """
    forecast = ExistingForecast(sop.sop, mode, customers=sample.population, looked_at=len(sample.ids))
    counts: Counter[tuple[str, str]] = Counter()
    for customer in (change.customers[id_] for id_ in sample.ids if id_ in change.customers):
        counts.update(_joining(customer, sop, change))
    kinds = {kind: {name: number for (of, name), number in counts.items() if of == kind} for kind, _ in counts}
    forecast.refused = _scaled(kinds.get("refused", {}), sample.weight)
    if kept_out:
        forecast.refused[str(Reason.CONDITION)] = forecast.refused.get(str(Reason.CONDITION), 0) + kept_out
    forecast.stand_at = _scaled(kinds.get("stands", {}), sample.weight)
    forecast.missed = _scaled(kinds.get("missed", {}), sample.weight)
    entering = round(counts["starts", ""] * sample.weight)
    forecast.meet = entering + sum(forecast.refused.values())
    forecast.starts = entering if mode in ("join", "start") else 0
    if isinstance(sop.existing, StartExisting) and mode == "start":
        forecast.per_day, forecast.days = sop.existing.per_day, ceil(entering / sop.existing.per_day)
    return forecast


def _joining(customer: Customer, sop: Sop, change: RolloutInput) -> Iterable[tuple[str, str]]:
    """Yield what becomes of a customer: starts, and where they stand and what they miss; or refused, and why. Nothing: not met."""
    event = start_of(customer, sop, change, change.now)
    if event is None:
        return
    if not existing_customers.passes_entry_conditions(customer, event, sop, DecisionContext(change.after, change.now)):
        yield "refused", str(Reason.CONDITION)
        return
    settled = change_of_customer(customer, change)[0]
    played = play_one(settled, [event], DecisionContext(change.after, change.now, change.installation), change.now)
    ours = next((each for each in played.matched if each.event is event), None)
    reason = _refusal(ours.outcome, sop.sop) if ours else None
    if ours is None or reason is not None:
        yield "refused", reason or str(Reason.UNMATCHED_EVENTS)
        return
    yield "starts", ""
    for touch in (each.touch for each in played.touches if each.touch.timeline.start_id == event.start_id):
        if touch.reason == Reason.BEFORE_START:
            yield "missed", touch.step
    for timeline in settled.timelines:
        if timeline.start_id == event.start_id and timeline.active and timeline.next_step:
            yield "stands", timeline.next_step


def _refusal(outcome: Mapping[str, object], sop: str) -> str | None:
    """Return why an event did not start the SOP, None where it did."""
    refused = outcome.get("refused")
    for each in refused if isinstance(refused, list) else ():
        if each["sop"] == sop:
            return str(each["reason"])
    reason = outcome.get("reason")
    return str(reason) if reason is not None else None
