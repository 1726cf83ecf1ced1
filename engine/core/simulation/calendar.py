"""One customer's calendar as values: every touch, deferral, skip, start, refusal and end, in the order they come about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from engine.core.conditions.deciding import decisive_evaluations
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions.catalog import Definitions
from engine.core.explain.story import EventEntry, StepEntry, StepStatus, decisions
from engine.core.matching.matched import Matched
from engine.core.playback.played import Playback, Played, Waited
from engine.core.time.arithmetic import zone
from engine.core.timelines.schedule import schedule


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event and what it led to."""

    at: datetime
    event: EventEntry
    what: Literal["event"] = "event"


@dataclass(frozen=True, slots=True)
class TouchLine:
    """A step carried out or skipped."""

    at: datetime
    timeline: int
    """The number of its run."""
    sop: str
    title: str
    key: str
    step: StepEntry
    variant: str | None = None
    waited: str | None = None
    """What delayed it before."""
    body: dict[str, Any] | None = None
    what: Literal["touch"] = "touch"

    @property
    def text(self) -> str:
        """What is read of it, on one or several lines."""
        body = self.body or {}
        return "\n".join(str(body[name]) for name in ("title", "text") if body.get(name))


@dataclass(frozen=True, slots=True)
class HeldLine:
    """A step that was due and is delayed."""

    at: datetime
    timeline: int
    sop: str
    title: str
    key: str
    step: str
    due_at: datetime
    until: datetime
    """When it is looked at again, unless a fact changes before."""
    reason: str
    detail: str | None
    what: Literal["held"] = "held"


@dataclass(frozen=True, slots=True)
class EndLine:
    """A timeline that ended by itself, not by an event told of."""

    at: datetime
    timeline: int
    sop: str
    title: str
    key: str
    state: str
    reason: str | None
    detail: str | None
    what: Literal["end"] = "end"


Line = EventLine | TouchLine | HeldLine | EndLine


@dataclass(frozen=True, slots=True)
class StepToCome:
    """A step that a timeline has not had when the calendar ends."""

    step: str
    kind: str
    due_at: datetime | None
    """None: the date it counts from is not known."""


@dataclass(frozen=True, slots=True)
class Run:
    """One timeline of the calendar."""

    number: int
    sop: str
    title: str
    key: str
    state: str
    start: datetime
    anchor: datetime
    ended_at: datetime | None
    reason: str | None
    detail: str | None
    to_come: list[StepToCome]
    """Of one that still runs at the end: the steps it has not had."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """What one customer lives through. All moments are in the customer's zone."""

    customer: str
    name: str | None
    timezone: str
    lines: list[Line] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


def calendar_of(
    customer: Customer, played: Playback, definitions: Definitions, until: datetime, sop: str | None = None
) -> Calendar:
    """Return the calendar of a customer as they are at the end of what was played, of all SOPs or of one.

    Parameters:
        until: the moment up to which was played.
        sop: only what concerns this one; None for all.
    """
    writing = _Writing(customer, played, definitions, until)
    lines = [line for line in writing.lines() if sop is None or _concerns(line, sop)]
    runs = [writing.run(each) for each in writing.timelines if sop is None or each.sop == sop]
    name = customer.attributes.get("name")
    return Calendar(customer.ref, str(name) if name is not None else None, writing.zone_name, lines, runs)


def _concerns(line: Line, sop: str) -> bool:
    return any(each.sop == sop for each in line.event.decisions) if line.what == "event" else line.sop == sop


class _Writing:
    """Turns what was played into lines, its moments into the customer's zone."""

    def __init__(self, customer: Customer, played: Playback, definitions: Definitions, until: datetime) -> None:
        self._customer, self._played, self._definitions, self._until = customer, played, definitions, until
        self.zone_name = definitions.zone_of(customer.timezone)
        self._zone = zone(self.zone_name)
        self.timelines = [timeline for _, timeline in played.timelines]
        self._numbers = {id(timeline): number for number, timeline in enumerate(self.timelines)}

    def lines(self) -> list[Line]:
        ended: set[tuple[str, str, datetime]] = set()
        lines = list(self._logged(ended))
        ends = [
            self._end(each, each.ended_at)
            for each in self.timelines
            if each.ended_at is not None and (each.sop, each.key, each.ended_at) not in ended
        ]
        return sorted([*lines, *ends], key=lambda line: line.at)  # stable: what was logged stays in its order

    def _logged(self, ended: set[tuple[str, str, datetime]]) -> Iterator[Line]:
        waiting: dict[tuple[int, str], tuple[str, datetime]] = {}
        for at, what in self._played.log:
            if isinstance(what, Matched):
                line = self._event(at, what)
                ended |= {(each.sop, each.key, at) for each in line.event.decisions if each.what == "ended"}
                yield line
            elif isinstance(what, Played):
                yield self._touch(what)
            else:
                place, held = (id(what.timeline), what.step), (what.reason, what.until)
                if waiting.get(place) != held:
                    yield self._held(what)
                waiting[place] = held

    def _local(self, moment: datetime) -> datetime:
        try:
            return moment.astimezone(self._zone)
        except OverflowError:  # the end of the calendar
            return moment

    def _titled(self, timeline: Timeline) -> tuple[int, str, str, str]:
        defined = self._definitions.sop(timeline.sop)
        return self._numbers[id(timeline)], timeline.sop, defined.title if defined else timeline.sop, timeline.key

    def _event(self, at: datetime, matched: Matched) -> EventLine:
        event, outcome = matched.event, matched.outcome
        entry = EventEntry(
            event.row, event.source, event.id, event.type, self._local(event.time), self._local(event.received_at), event.data,
            event.cause, self._local(at), outcome.get("reason"), list(outcome.get("dropped", ())), decisions(outcome),
        )  # fmt: skip
        return EventLine(self._local(at), entry)

    def _touch(self, played: Played) -> TouchLine:
        touch = played.touch
        status: StepStatus = "sent" if touch.status in ("queued", "sent") else "skipped"
        step = StepEntry(
            touch.step, touch.kind, status, self._local(touch.due_at), self._local(played.at), None, touch.channel, 0, touch.reason,
            touch.detail, decisive_evaluations(touch.trace) if status == "skipped" else [],
        )  # fmt: skip
        return TouchLine(
            self._local(played.at), *self._titled(touch.timeline), step, touch.variant, touch.delayed_by, touch.body
        )

    def _held(self, waited: Waited) -> HeldLine:
        at, due, until = (self._local(each) for each in (max(waited.at, waited.due_at), waited.due_at, waited.until))
        return HeldLine(at, *self._titled(waited.timeline), waited.step, due, until, waited.reason, waited.detail)

    def _end(self, timeline: Timeline, ended_at: datetime) -> EndLine:
        return EndLine(self._local(ended_at), *self._titled(timeline), timeline.state, timeline.reason, timeline.detail)

    def run(self, timeline: Timeline) -> Run:
        number, sop, title, key = self._titled(timeline)
        ended = self._local(timeline.ended_at) if timeline.ended_at else None
        return Run(
            number, sop, title, key, timeline.state, self._local(timeline.start), self._local(timeline.anchor), ended, timeline.reason,
            timeline.detail, self._to_come(timeline),
        )  # fmt: skip

    def _to_come(self, timeline: Timeline) -> list[StepToCome]:
        sop = self._definitions.sop(timeline.sop)
        if sop is None or not timeline.active:
            return []
        due = {each.step.id: each.due for each in schedule(timeline, sop, self._customer, self._definitions)}
        left = [step for step in sop.steps if step.id not in timeline.had]
        steps = [StepToCome(step.id, step.kind, self._local(due[step.id]) if step.id in due else None) for step in left]
        return sorted(steps, key=lambda each: (each.due_at is None, each.due_at))
