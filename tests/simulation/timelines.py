"""The model's events, timelines and touches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from tests.simulation.language import NEVER, Due, schedule, span

if TYPE_CHECKING:
    from tests.simulation.people import Person


@dataclass
class Happening:
    """An event."""

    id: str
    type: str
    data: dict[str, Any]
    time: datetime
    received: datetime
    made: bool = False
    """By the engine."""
    depth: int = 0

    @property
    def label(self) -> str:
        return f"{self.type} {self.time.isoformat()}" if self.made else self.id


@dataclass
class Touch:
    """A step had."""

    step: str
    status: str
    reason: str | None
    at: datetime
    """When it was sent, skipped or turned away."""
    channel: str | None = None
    task: bool = False
    due: datetime = NEVER
    limit: datetime = NEVER
    ready: datetime = NEVER
    before: datetime = NEVER
    """What allows it ends then."""
    counts_on: date | None = None
    """The customer's day on which it counts under caps."""
    number: int = 0

    def become(self, status: str, reason: str | None, at: datetime) -> None:
        self.status, self.reason, self.at = status, reason, at


@dataclass
class Line:
    """One run through an SOP."""

    sop: str
    key: str
    group: str | None
    priority: int
    anchor: datetime
    event: Happening
    """What started it."""
    state: str = "active"
    reason: str | None = None
    ended: datetime | None = None
    touches: list[Touch] = field(default_factory=list)
    next: Due | None = None
    """The step it waits for."""
    look: datetime = NEVER
    """When to look at it again."""
    held_by: str | None = None
    """What holds the next step back."""
    parked: bool = False
    holdout: bool = False
    goal_until: datetime | None = None
    converted: datetime | None = None

    @classmethod
    def begin(cls, sop: dict[str, Any], key: str, event: Happening) -> Line:
        line = cls(sop["sop"], key, sop.get("group"), sop.get("priority", 50), event.time, event)
        line.holdout = sop.get("holdout") == "100%"
        return line

    @property
    def data(self) -> dict[str, Any]:
        return self.event.data

    @property
    def start(self) -> datetime:
        return self.anchor

    @property
    def active(self) -> bool:
        return self.state == "active"

    @property
    def had(self) -> set[str]:
        return {touch.step for touch in self.touches}

    def wait_for(self, following: Due | None, otherwise: datetime) -> None:
        """Look again when the next step may go out, or where there is none at another time."""
        self.next, self.look = following, following.opens if following else otherwise
        self.held_by, self.parked = "calendar" if following and following.opens > following.due else None, False

    def go_on(self, following: Due | None, now: datetime) -> None:
        """Under a new version: what holds back the step it waits for goes on doing so; else as after any step."""
        same = self.next and following and (self.next.id, self.next.due) == (following.id, following.due)
        if same and following and following.opens <= now and self.held_by:
            self.look, self.parked = now, False
        else:
            self.wait_for(following, now)

    def park(self) -> None:
        """Its SOP is paused."""
        self.parked, self.held_by, self.look = True, "pause", NEVER

    def aims_until(self, sop: dict[str, Any]) -> None:
        within = sop.get("goal", {}).get("within")
        self.goal_until = self.anchor + span(within) if within else None

    def left(self, sop: dict[str, Any], person: Person) -> list[Due]:
        """The steps with a date that it has not had, in order."""
        return [each for each in schedule(sop, self.anchor, person) if each.id not in self.had]

    def end(self, state: str, reason: str | None, at: datetime) -> None:
        """Over; what was not sent yet is called back."""
        self.state, self.reason, self.ended = state, reason, at
        for touch in self.touches:
            if touch.status == "queued":
                touch.become("cancelled", "timeline_ended", touch.at)
