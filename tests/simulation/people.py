"""The model's customers: what is known of them, and who last said so."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.language import midnight_after
from tests.simulation.timelines import Happening, Line, Touch

LATE = timedelta(days=2)
"""Silence that was over so long before the engine heard of its beginning makes no event."""

Moments = list[tuple[str, Any]]


@dataclass
class Person:
    """A customer. Every fact is kept with the time of the event that said so; an older event changes nothing."""

    ref: str
    engine: dict[str, Any]
    facts: dict[str, tuple[Any, datetime]] = field(default_factory=dict)
    """tag:…, stage, attr:…, zone, out:<channel> → value and the time it was last said."""
    known_since: datetime | None = None
    heard_at: datetime | None = None
    """The last activity."""
    level: int = 0
    """Days of silence already crossed."""
    lifecycle: str | None = None
    inbox: list[Happening] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    started_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # ── what conditions ask ───────────────────────────────────────────────────────────────────────────────────

    def value(self, name: str) -> Any:
        return self.facts[name][0] if name in self.facts else None

    def tagged(self, tag: str) -> bool:
        return self.value(f"tag:{tag}") is True

    def dimension(self, name: str) -> str | None:
        return self.lifecycle if name == "lifecycle" else self.value("stage")

    def attribute(self, name: str) -> Any:
        declared = self.engine["attributes"][name]
        default = declared.get("default") if isinstance(declared, dict) else None
        found = self.value(f"attr:{name}")
        return default if found is None else found

    def opted_out(self, channel: str) -> bool:
        return any(self.value(name) is True for name in ("out:*", f"out:{channel}"))

    @property
    def zone(self) -> str:
        return self.value("zone") or self.engine["timezone"]

    def add(self, line: Line, touch: Touch) -> None:
        touch.number = next(self.numbers)
        line.touches.append(touch)

    def queued(self) -> list[tuple[Line, Touch]]:
        """What waits to be sent, in order of planning."""
        found = [(line, touch) for line in self.lines for touch in line.touches if touch.status == "queued"]
        return sorted(found, key=lambda each: each[1].number)

    def active_lines(self) -> list[Line]:
        return [line for line in self.lines if line.active]

    # ── what events tell ──────────────────────────────────────────────────────────────────────────────────────

    def learn(self, event: Happening, since: Mapping[int, datetime]) -> tuple[bool, Moments, bool]:
        """Take over the event's facts: whether conditions may see a difference, the moments that makes, whether it ends a silence."""
        zone = self.zone
        if event.type in _FACTS:
            changed, moments = _FACTS[event.type](self, event)
        else:
            changed, moments = (
                True,
                [("replied", event.data.get("text", ""))] if event.type == "message.received" else [],
            )
        if changed:
            moments.append(("event", (event.type, event.data)))
        active, entered = self._hear(event, since)
        moments += entered
        if event.type == "engine.silent":
            moments += self.aim(since)
        if self.zone != zone:
            moments += self.aim(since)
        return changed, moments, active

    def write(self, name: str, value: Any, at: datetime) -> bool:
        """Whether the value is another now."""
        if name in self.facts and at < self.facts[name][1]:
            return False
        before, self.facts[name] = self.value(name), (value, at)
        return bool(before != value)

    def _tag(self, event: Happening) -> tuple[bool, Moments]:
        tag, present = event.data["tag"], event.type == "tag.added"
        before = self.tagged(tag)
        if not self.write(f"tag:{tag}", present, event.time) or before is present:
            return False, []
        return True, [("tag_added" if present else "tag_removed", tag)]

    def _stage(self, event: Happening) -> tuple[bool, Moments]:
        before, value = self.value("stage"), event.data["value"]
        if not self.write("stage", value, event.time):
            return False, []
        left = [("left", ("stage", before, value))] if before is not None else []
        return True, [*left, ("entered", ("stage", before, value))]

    def _updated(self, event: Happening) -> tuple[bool, Moments]:
        values = {f"attr:{name}": value for name, value in event.data.get("attributes", {}).items()}
        if "timezone" in event.data:
            values["zone"] = event.data["timezone"]
        differs = [self.write(name, value, event.time) for name, value in values.items()]
        return any(differs), []

    def _opted(self, event: Happening) -> tuple[bool, Moments]:
        """What concerns all channels settles everything said before it."""
        channel, out = event.data.get("channel", "*"), event.type == "message.opted_out"
        if "out:*" in self.facts and event.time < self.facts["out:*"][1]:
            return False, []
        before = {name for name, (value, _) in self.facts.items() if name.startswith("out:") and value}
        self.write(f"out:{channel}", out, event.time)
        if channel == "*" and self.facts["out:*"] == (out, event.time):
            for name, (_, at) in list(self.facts.items()):
                if name.startswith("out:") and name != "out:*" and at <= event.time:
                    self.facts[name] = (False, at)
        after = {name for name, (value, _) in self.facts.items() if name.startswith("out:") and value}
        return before != after, []

    # ── silence ───────────────────────────────────────────────────────────────────────────────────────────────

    def _hear(self, event: Happening, since: Mapping[int, datetime]) -> tuple[bool, Moments]:
        """An activity begins a new silence; before the first one it counts from when the customer was first known."""
        quiet_before, moments, active = event.received - LATE, [], False
        known, self.known_since = self.known_since, min(self.known_since or event.time, event.time)
        if self.heard_at is None and known != self.known_since:
            moments += self.aim(since, quiet_before)
        kinds = self.engine["clocks"]["any"]["kinds"]
        if not event.made and event.type in kinds and (self.heard_at is None or event.time > self.heard_at):
            self.level = self.level if self.heard_at is None and event.time == self.known_since else 0
            self.heard_at, active = event.time, True
            moments += self.aim(since, quiet_before)
        return active, moments

    def aim(self, since: Mapping[int, datetime], quiet_before: datetime | None = None) -> Moments:
        """Cross without a word what was over before it was defined, or long before it was heard of; enter the lifecycle's value."""
        while (crossing := self.crossing(since)) is not None:
            at, days = crossing
            if at >= since[days] and (quiet_before is None or at >= quiet_before):
                break
            self.level = days
        if self.known_since is None:
            return []
        levels = self.engine["clocks"]["any"]["lifecycle"]
        before, self.lifecycle = self.lifecycle, [name for name, days in levels.items() if days <= self.level][-1]
        if before == self.lifecycle:
            return []
        left = [("left", ("lifecycle", before, self.lifecycle))] if before is not None else []
        return [*left, ("entered", ("lifecycle", before, self.lifecycle))]

    def crossing(self, since: Mapping[int, datetime]) -> tuple[datetime, int] | None:
        """When the next threshold of silence is crossed, and its days."""
        begin = self.heard_at or self.known_since
        days = min((days for days in since if days > self.level), default=None)
        return None if begin is None or days is None else (midnight_after(begin, days, self.zone), days)

    def _silent(self, event: Happening) -> tuple[bool, Moments]:
        self.level = event.data["days"]
        return True, [("silent", event.data["days"])]


_FACTS = {
    "tag.added": Person._tag,
    "tag.removed": Person._tag,
    "stage.changed": Person._stage,
    "customer.updated": Person._updated,
    "message.opted_out": Person._opted,
    "message.opted_in": Person._opted,
    "engine.silent": Person._silent,
}
