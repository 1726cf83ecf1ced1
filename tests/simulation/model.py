"""What the engine should do, said a second time: small, in memory, one customer after another, nothing shared with `engine.core`.

No database, no queue, no crash: `Model` is told what happens and works everything off at each moment. What came of it is what
the real engine must have come to, whatever was lost, doubled or cut off on the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.simulation.language import NEVER, holds
from tests.simulation.matching import Matching
from tests.simulation.people import Person
from tests.simulation.planning import Planning
from tests.simulation.timelines import Happening, Line, Touch


@dataclass
class Model:
    """The whole installation."""

    now: datetime
    engine: dict[str, Any] = field(default_factory=dict)
    sops: dict[str, dict[str, Any]] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    posted: set[str] = field(default_factory=set)
    pauses: set[tuple[str, str]] = field(default_factory=set)
    since: dict[int, datetime] = field(default_factory=dict)
    """Days of silence at which something happens → since when they are defined."""
    seen: Counter[str] = field(default_factory=Counter)
    """How often something took place that only the model can see."""

    # ── what happens to it ────────────────────────────────────────────────────────────────────────────────────

    def post(self, ref: str, happening: Happening) -> None:
        """The CRM tells of something; the same id again is nothing."""
        if happening.id not in self.posted:
            self.posted.add(happening.id)
            person = self.people.setdefault(ref, Person(ref, self.engine))
            person.inbox.append(happening)

    def apply(self, engine: dict[str, Any], sops: list[dict[str, Any]]) -> None:
        """New definitions: steps not yet had come from them; what has gone by meanwhile is not sent."""
        before, self.sops = (self.engine, self.sops), {sop["sop"]: sop for sop in sops}
        if before == (engine, self.sops):
            return
        self.engine = engine
        wanted = set(engine["clocks"]["any"]["lifecycle"].values()) - {0}
        wanted |= {days for sop in sops for days in _silences(sop)}
        self.since = {days: self.since.get(days, self.now) for days in wanted}
        for person in self.people.values():
            person.engine = engine
            self._settle(person)
            person.aim(self.since)

    def _settle(self, person: Person) -> None:
        """SOPs removed end, then those whose `while` no longer holds; the others wait for what comes next now."""
        for line in person.active_lines():
            if line.sop not in self.sops:
                line.end("exited", "sop_removed", self.now)
        broken = True
        while broken and not person.inbox:
            broken = False
            for line in person.active_lines():
                if holds(self.sops[line.sop].get("while"), person, line.data) is False:
                    line.end("exited", "while_ended", self.now)
                    broken = True
        for line in person.active_lines():
            self._resettle(person, line)

    def _resettle(self, person: Person, line: Line) -> None:
        """What was due before the change is still done; a step that the new version brings too late is not."""
        sop, awaited = self.sops[line.sop], line.next.due if line.next else self.now
        for each in line.left(sop, person):
            waited_for = line.next is not None and each.id == line.next.id and awaited <= self.now
            if each.opens < min(self.now, awaited) and not waited_for:
                person.add(line, Touch(each.id, "skipped", "passed", self.now))
        line.aims_until(sop)
        line.priority = sop.get("priority", 50)
        line.go_on(next(iter(line.left(sop, person)), None), self.now)

    def pause(self, kind: str, name: str) -> None:
        if kind != "sop" or name in self.sops:
            self.pauses.add((kind, name))

    def resume(self, kind: str, name: str) -> None:
        """What was held goes its ordinary way."""
        self.pauses.discard((kind, name))
        for person in self.people.values():
            for line in person.active_lines():
                if line.parked and not self.paused_sop(line.sop):
                    line.parked, line.look = False, self.now

    def paused_sop(self, sop: str) -> bool:
        return bool({("all", ""), ("sop", sop)} & self.pauses)

    # ── working off ───────────────────────────────────────────────────────────────────────────────────────────

    def work(self) -> None:
        """Do everything that can be done now."""
        for person in self.people.values():
            while self._one_thing(person):
                pass
            self._send(person)

    def _one_thing(self, person: Person) -> bool:
        """Events first, then silence, then what is due."""
        if person.inbox:
            Matching(self, person, person.inbox.pop(0)).run()
            return True
        crossing = person.crossing(self.since)
        if crossing and crossing[0] <= self.now:
            at, days = crossing
            person.inbox.append(Happening(f"silent {days}", "engine.silent", {"days": days}, at, self.now, made=True))
            return True
        planning = Planning(self, person)
        planning.hold_anew()
        return planning.run()

    def _send(self, person: Person) -> None:
        for line, touch in person.queued():
            assert touch.channel is not None
            over = touch.limit <= self.now
            if {("all", ""), ("channel", touch.channel)} & self.pauses or (
                ("sop", line.sop) in self.pauses and not over
            ):
                self.seen["held by a pause"] += 1
            elif touch.ready <= self.now and not touch.task and person.opted_out(touch.channel):
                touch.become("cancelled", "opted_out", self.now)
            elif touch.ready <= self.now and over:
                touch.become("expired", "expired", self.now)
            elif touch.ready <= self.now:
                touch.become("sent", None, self.now)

    # ── what is to come ───────────────────────────────────────────────────────────────────────────────────────

    def next_moment(self) -> datetime | None:
        """The next moment at which something may be due."""
        return min(
            (at for person in self.people.values() for at in self._moments(person) if at > self.now), default=None
        )

    def _moments(self, person: Person) -> Iterator[datetime]:
        crossing = person.crossing(self.since)
        if crossing:
            yield crossing[0]
        for line in person.active_lines():
            yield from [line.look] if line.look < NEVER else []
        for _, touch in person.queued():
            yield from (touch.ready, touch.before, touch.limit)


def _silences(sop: dict[str, Any]) -> Iterator[int]:
    for moment in [*sop["trigger"], *sop.get("exit", []), *([sop["goal"]] if "goal" in sop else [])]:
        if "silent" in moment:
            yield moment["silent"]["days"]
