"""Explaining: one customer's story, read in one snapshot and told as values (`engine.messages.story` says them in words)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from engine.core.conditions.deciding import decisive_evaluations
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.delivery.gates import counted_since
from engine.core.errors import NotFound, did_you_mean
from engine.core.explain.near_misses import MissContext, PastEvent, closest_events, would_start
from engine.core.explain.story import EventEntry, StepEntry, Story, Taken, TimelineEntry, WhyNot, decisions, triggers_of
from engine.core.explain.upcoming_steps import Outlook, steps_to_come, upcoming_steps
from engine.core.matching.triggers import type_of
from engine.core.reasons import Reason
from engine.core.sentence import Sentence
from engine.runtime import Runtime
from engine.store.database import Row, transaction
from engine.store.reports import sop_report, stories
from engine.store.state.loading import Needs, load

MOST_EVENTS = 1_000
"""So many events of a customer are told, at most."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """What every part of one story is told with."""

    outlook: Outlook
    pauses: Mapping[str, set[str]]

    @property
    def customer(self) -> Customer:
        """As a planner reads them."""
        return self.outlook.customer

    @property
    def definitions(self) -> Definitions:
        """In force."""
        return self.outlook.definitions

    @property
    def now(self) -> datetime:
        """The moment of the story."""
        return self.outlook.now


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What is recorded of the customer's events."""

    events: Sequence[Row]
    earlier: bool
    """There are more before them."""
    rejected: int


class CustomerExplainer:
    """Tells what happened to a customer, and why or why not."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock, self._current = runtime.engine, runtime.clock, runtime.definitions

    def explain(self, ref: str, *, sop: str | None = None, events: int = 100, why_not: bool = False) -> Story:
        """Return the story of the customer with this ref.

        Parameters:
            sop: tell only what concerns this SOP; if nothing does, the story says what it waits for and how close it came.
            why_not: with `sop`, tell how close events came and whether it would start now, even where it was triggered.
            events: so many of the newest events, at most `MOST_EVENTS`.

        Raises NotFound for a customer no event ever named, and for an SOP that is neither defined nor was.
        """
        now = self._clock.now()
        with transaction(self._engine) as connection:
            stories.begin_snapshot(connection)
            found = stories.events(connection, ref, sop, min(events, MOST_EVENTS))
            scene = self._scene(connection, ref, now)
            lines = stories.timelines(connection, scene.customer.id, sop)
            if sop is not None and not lines and scene.definitions.sop(sop) is None:
                raise NotFound(
                    Sentence(
                        "no SOP `{sop}`.{near} `sop explain {customer}` shows all that concern this customer",
                        sop=sop,
                        near=did_you_mean(sop, scene.definitions.sops),
                        customer=ref,
                    )
                )
            touches = stories.touches(connection, [each.id for each in lines if each.id])
            told = [_timeline(each, touches.get(each.id or 0, []), scene) for each in lines]
            recorded = _Recorded(found[-events:], len(found) > events, stories.rejected(connection, ref))
            story = _story(scene, recorded, told, sop)
            if story.waits_for or why_not:
                story = replace(story, why_not=_why_not(connection, scene, sop))
            return story

    def _scene(self, connection: Connection, ref: str, now: datetime) -> _Scene:
        definitions = self._current.look(connection)
        known = stories.customer_id(connection, ref)
        wait = stories.events_wait(connection, ref)
        if known is None and not wait:
            raise _never_named(connection, ref)
        pauses = stories.pauses(connection)
        if known is None:
            return _Scene(Outlook(Customer(ref), definitions, now, wait), pauses)
        return _Scene(replace(_outlook(connection, known, definitions, now, pauses), events_wait=wait), pauses)


def _never_named(connection: Connection, ref: str) -> NotFound:
    """Return the error for a customer no event named, with what looks like one and events that were rejected."""
    near, rejected = stories.nearest_ref(connection, ref), stories.rejected(connection, ref)
    said = Sentence("no event ever named the customer `{customer}`.", customer=ref)
    if near:
        said += Sentence(" Did you mean `{near}`?", near=near)
    if rejected:
        said += Sentence(
            " {number} events naming it were rejected: `sop events --rejected --customer {customer}`.",
            number=rejected,
            customer=ref,
        )
    return NotFound(said)


def _outlook(
    connection: Connection, known: int, definitions: Definitions, now: datetime, pauses: Mapping[str, set[str]]
) -> Outlook:
    """Read the customer as a planner does, and foresee what becomes of the open steps."""
    needs = Needs.TOUCHED | Needs.METRICS | Needs.STEPS | Needs.CAPS
    customer = load(connection, [known], needs, definitions, now=now)[known]
    counted = []
    if definitions.engine.caps:
        rows = stories.counted(connection, known, counted_since(now, definitions.counted_days))
        counted = [Taken(*row) for row in rows]
    paused = {*pauses["sop"], *("*" for _ in pauses["all"])}
    foreseen = upcoming_steps(customer, DecisionContext(definitions, now))
    return Outlook(customer, definitions, now, paused=paused, foreseen=foreseen, counted=counted)


def _story(scene: _Scene, recorded: _Recorded, timelines: list[TimelineEntry], sop: str | None) -> Story:
    customer, asked = scene.customer, scene.definitions.sop(sop) if sop else None
    entries = [_event(row, sop) for row in recorded.events]
    hit = bool(timelines) or any(each.decisions for each in entries)
    return Story(
        customer.ref,
        scene.now,
        scene.definitions.zone_of(customer.timezone),
        {name: fact.value for name, fact in sorted(customer.dimensions.items())},
        sorted(tag for tag, fact in customer.tags.items() if fact.present),
        customer.attributes,
        customer.staff,
        sorted(customer.opt_outs),
        entries,
        recorded.earlier,
        timelines,
        recorded.rejected,
        sop,
        asked.title if asked else None,
        triggers_of(asked) if asked and not hit else [],
    )


def _why_not(connection: Connection, scene: _Scene, sop: str | None) -> WhyNot | None:
    """Return how close the customer's events came to starting the SOP, and whether it would start now."""
    asked = scene.definitions.sop(sop) if sop else None
    if asked is None:
        return None
    customer = scene.customer
    applied = sop_report.in_force_since(connection, asked.sop)
    types = sorted({kind for each in asked.trigger if (kind := type_of(each))})
    past = [_past(row, asked.sop) for row in stories.events_of(connection, customer.ref, types, MOST_EVENTS)]
    zone, first = scene.definitions.zone_of(customer.timezone), applied.first if applied else None
    near = closest_events(MissContext(asked, customer, zone, first, scene.now), triggers_of(asked), past)
    best = near[0].events[0].row if near and near[0].events else None
    data = next((each.data for each in past if each.row == best), {})
    return WhyNot(first, near, would_start(customer, asked, DecisionContext(scene.definitions, scene.now), data))


def _past(row: Row, sop: str) -> PastEvent:
    hit = next((each.path for each in decisions(row.outcome, sop) if each.what != "ended"), None)
    return PastEvent(row.id, row.type, row.time, row.data, (row.outcome or {}).get("reason"), row.matched_at, hit)


def _event(row: Row, sop: str | None) -> EventEntry:
    outcome = row.outcome or {}
    return EventEntry(
        row.id, row.source, row.event_id, row.type, row.time, row.received_at, row.data, row.cause, row.matched_at,
        outcome.get("reason"), list(outcome.get("dropped", ())), decisions(outcome, sop),
    )  # fmt: skip


def _timeline(timeline: Timeline, touches: Sequence[Row], scene: _Scene) -> TimelineEntry:
    timeline.had.update(row.step for row in touches)
    sop = scene.definitions.sop(timeline.sop)
    steps = sorted(
        [*(_had(row, scene) for row in touches), *steps_to_come(timeline, scene.outlook)],
        key=lambda each: (each.due_at is None, each.due_at, each.fallback),
    )
    return TimelineEntry(
        timeline.id or 0, timeline.sop, sop.title if sop else None, timeline.version, timeline.key, timeline.state, timeline.anchor,
        timeline.ended_at, timeline.reason, timeline.detail if timeline.state != "active" else None, steps, timeline.holdout,
        timeline.converted_at, timeline.goal_until,
    )  # fmt: skip


def _had(row: Row, scene: _Scene) -> StepEntry:
    """Tell a touch; one that is queued says what keeps it."""
    reason, until = row.reason, None
    if row.status == "queued":
        if scene.pauses["all"] or row.sop in scene.pauses["sop"] or row.channel in scene.pauses["channel"]:
            reason, until = Reason.PAUSED, row.limit_at
        elif row.ready_at > scene.now:
            reason, until = reason or row.waited, row.ready_at
    at = row.sent_at or row.ended_at or row.planned_at
    asked = row.status == "skipped" and row.reason in (Reason.CONDITION, Reason.UNKNOWN, Reason.NO_VARIANT)
    return StepEntry(
        row.step, row.kind, row.status, row.due_at, at, until, row.channel, row.attempt, reason, row.detail,
        decisive_evaluations(row.trace) if asked else [], row.waited, row.variant, row.fallback,
    )  # fmt: skip
