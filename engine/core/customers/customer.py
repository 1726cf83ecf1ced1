"""A customer as decisions see them: facts with the time of the event that wrote each, and the timelines they are in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from engine.core.definitions.engine import EngineConfig
from engine.core.definitions.segments import SegmentsConfig
from engine.core.time.arithmetic import FOREVER, local_date


@dataclass(slots=True)
class TagFact:
    """Whether a tag is set, since when, and by the latest event that said so."""

    present: bool
    changed_at: datetime
    written_at: datetime
    set_by: str


@dataclass(slots=True)
class DimensionFact:
    """The value a customer has in one dimension."""

    value: str
    since: datetime
    written_at: datetime
    why: str | None = None
    """What made it so, for the history, where that is not told by an event: silent 64 days."""


@dataclass(slots=True)
class Activity:
    """What a customer has done of one type."""

    first_at: datetime
    last_at: datetime
    times: int


@dataclass(slots=True)
class ClockFact:
    """How long a customer has been silent on a clock."""

    last_at: datetime
    """The last activity; before the first one, since when the customer is known."""
    active: bool
    """There was an activity."""
    level: int = 0
    """Days of the highest threshold crossed since."""
    next_days: int | None = None
    next_at: datetime | None = None
    """When the next threshold is crossed; None where there is none left."""


@dataclass(slots=True)
class Timeline:
    """One customer's run through one SOP (and key)."""

    sop: str
    version: int
    key: str
    group: str | None
    priority: int
    anchor: datetime
    start_id: str
    event: dict[str, Any]
    """The starting event: type, time (ISO 8601), data."""
    depth: int = 0
    state: str = "active"
    reason: str | None = None
    detail: str | None = None
    ended_at: datetime | None = None
    next_step: str | None = None
    step_due: datetime | None = None
    due_at: datetime | None = None
    waiting: str | None = None
    id: int | None = None
    """Its row; None until it is stored."""
    had: set[str] = field(default_factory=set)
    """Steps that have a touch already; known to planners only."""
    open_touches: bool = False
    """One of its touches is queued, being sent or handed; known to planners only."""
    changed: bool = False
    """Differs from its row."""
    holdout: bool = False
    """In the comparison group: it runs and sends nothing."""
    goal_until: datetime | None = None
    """So long its goal counts, even after its end."""
    converted_at: datetime | None = None
    """When its goal was reached."""
    converted_by: str | None = None
    """Source and id of the event that reached it."""
    started_at: datetime | None = None
    """When it started, where that is not the anchor: before a birthday, or when those existing joined."""

    @property
    def start(self) -> datetime:
        """When it started: what is due before is not sent, what happened before does not end it."""
        return self.started_at or self.anchor

    @property
    def active(self) -> bool:
        """Whether it still runs."""
        return self.state == "active"

    def end(self, state: str, reason: str | None, at: datetime, detail: str | None = None) -> None:
        """Let it end in `state`, for a reason.

        Parameters:
            state: exited, completed or converted.
            reason: a code of `engine.core.reasons`, None where the state says it all.
            detail: what the reason refers to, such as the condition that decided.
        """
        self.state, self.reason, self.detail, self.ended_at = state, reason, detail, at
        self.changed = True

    def park(self, reason: str) -> None:
        """Leave it alone until somebody looks at it again."""
        self.due_at, self.waiting, self.changed = FOREVER, reason, True

    def look_again(self, at: datetime) -> None:
        """Let the planner look at it at `at`, if it would not earlier."""
        if self.due_at is None or at < self.due_at:
            self.due_at = at
            self.changed = True


@dataclass(slots=True)
class Customer:
    """Somebody the CRM knows. Matching changes it in place; `touched_facts` says what a store has to write."""

    ref: str
    id: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    timezone: str | None = None
    staff: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, Any] = field(default_factory=dict)
    friends: dict[str, str] = field(default_factory=dict)
    opt_outs: set[str] = field(default_factory=set)
    written: dict[str, str] = field(default_factory=dict)
    created: bool = False
    tags: dict[str, TagFact] = field(default_factory=dict)
    dimensions: dict[str, DimensionFact] = field(default_factory=dict)
    activities: dict[str, Activity] = field(default_factory=dict)
    known_since: datetime | None = None
    """Time of the earliest event about the customer."""
    clocks: dict[str, ClockFact] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    """Numbers as of the last refresh, by name; only where some definition uses one."""
    timelines: list[Timeline] = field(default_factory=list)
    """Active ones, and those started or ended by the decision under way."""
    starts: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Time of the last start by (SOP, key), ended ones too."""
    ended: list[Timeline] = field(default_factory=list)
    """Ended ones whose goal may still be reached; only where some SOP has a goal."""
    counted: dict[tuple[date, str], int] = field(default_factory=dict)
    """Messages by the customer's date they count on and their channel; only where there are caps."""
    touched: dict[str, datetime] = field(default_factory=dict)
    """When the last touch of an SOP was planned; only SOPs that some `touched` condition names."""
    dirty: set[str] = field(default_factory=set)
    """What changed: `self`, `tag:<tag>`, `dimension:<name>`, `activity:<type>`, `clock:<name>`."""

    def has_tag(self, tag: str) -> bool:
        """Return whether the tag is set."""
        fact = self.tags.get(tag)
        return fact is not None and fact.present

    def dimension(self, name: str) -> str | None:
        """Return the value in a dimension, None where none was ever set."""
        fact = self.dimensions.get(name)
        return fact.value if fact else None

    def attribute(self, name: str, engine: EngineConfig) -> Any:
        """Return an attribute, its declared default where it is missing, else None."""
        value = self.attributes.get(name)
        if value is None and name in engine.attributes:
            return engine.attributes[name].default
        return value

    def number(self, name: str, segments: SegmentsConfig, zone_name: str, now: datetime) -> float | None:
        """Return the number of segments.yaml called `name` (of an rfm: `rfm.r`), None where it is not known.

        Parameters:
            segments: they say what kind of number it is.
            zone_name: the customer's zone, in whose calendar days `days_since` counts.
        """
        metric = segments.metrics.get(name.partition(".")[0])
        if metric is None:
            return None
        if metric.days_since is not None:
            fact = self.activities.get(metric.days_since)
            return (local_date(now, zone_name) - local_date(fact.last_at, zone_name)).days if fact is not None else None
        return self.metrics.get(name, None if metric.rfm else 0)

    def active_timelines(self) -> list[Timeline]:
        """Return the timelines that still run."""
        return [each for each in self.timelines if each.active]

    def due_timelines(self, now: datetime) -> list[Timeline]:
        """Return the active timelines to be looked at by now."""
        return [each for each in self.timelines if each.active and each.due_at is not None and each.due_at <= now]

    def opted_out_of(self, channel: str) -> bool:
        """Return whether messages over this channel are unwanted."""
        return "*" in self.opt_outs or channel in self.opt_outs
