"""What came out of playing: touches, waits and what was matched, each with its moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from engine.core.customers.customer import Timeline
from engine.core.matching.matched import Matched
from engine.core.timelines.touch import Touch


@dataclass(frozen=True, slots=True)
class Played:
    """A touch as it came out, and when."""

    customer: str
    touch: Touch
    at: datetime
    """When it was planned; one that was queued is sent at the same moment."""


@dataclass(frozen=True, slots=True)
class Waited:
    """A step that was due and held back."""

    customer: str
    timeline: Timeline
    step: str
    due_at: datetime
    at: datetime
    """When it was decided to hold it back."""
    until: datetime
    """When it is looked at again, unless a fact changes before."""
    reason: str
    detail: str | None


@dataclass(slots=True)
class Playback:
    """What came out."""

    touches: list[Played] = field(default_factory=list)
    timelines: list[tuple[str, Timeline]] = field(default_factory=list)
    matched: list[Matched] = field(default_factory=list)
    waits: list[Waited] = field(default_factory=list)
    log: list[tuple[datetime, Matched | Played | Waited]] = field(default_factory=list)
    """Events matched, touches and waits, each with its moment, in the order they came about for each customer."""

    def add(self, other: Playback) -> None:
        """Take in what came out for others."""
        self.touches += other.touches
        self.timelines += other.timelines
        self.matched += other.matched
        self.waits += other.waits
        self.log += other.log
