"""What was decided about one event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.core.customers.customer import Timeline
from engine.core.events.event import Event
from engine.core.matching.entry import EntryDecision
from engine.core.timelines.touch import Touch


@dataclass(slots=True)
class Matched:
    """The decision about one event: what the store writes, and the trace that explains it."""

    event: Event
    outcome: dict[str, Any] = field(default_factory=dict)
    made: list[Event] = field(default_factory=list)
    """Engine-made events that follow."""
    notices: list[Touch] = field(default_factory=list)
    """What staff is told."""
    changed: bool = False
    moved: bool = False
    """The customer is in another time zone now."""

    def end(self, timeline: Timeline, path: str, trace: list[dict[str, Any]] | None = None) -> None:
        """Note that a timeline has ended, and where in the YAML that stands."""
        entry = {
            "sop": timeline.sop,
            "key": timeline.key,
            "reason": timeline.reason,
            "detail": timeline.detail,
            "path": path,
        }
        self.outcome.setdefault("exits", []).append({**entry, "trace": trace} if trace else entry)

    def enter(self, decision: EntryDecision) -> None:
        """Note that an SOP has started or refused, and the timelines that ended for it."""
        entry: dict[str, Any] = {"sop": decision.sop, "version": decision.version, "path": decision.trigger}
        if decision.detail:
            entry["detail"] = decision.detail
        if decision.trace:
            entry["trace"] = decision.trace
        if decision.reason is not None:
            self.outcome.setdefault("refused", []).append({**entry, "reason": decision.reason})
            return
        self.changed = True
        for ended in decision.ended:
            self.end(ended, decision.trigger)
        key = decision.timeline.key if decision.timeline else ""
        self.outcome.setdefault("started", []).append({**entry, "key": key})
