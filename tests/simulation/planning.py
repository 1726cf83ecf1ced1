"""The model's planning: which step goes out when, and what holds it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.simulation import language
from tests.simulation.gates import Gates
from tests.simulation.language import Due, day_of, exempt, holds, kind, many
from tests.simulation.matching import made_by
from tests.simulation.people import Person
from tests.simulation.timelines import Line, Touch

if TYPE_CHECKING:
    from tests.simulation.model import Model


@dataclass(frozen=True)
class Held:
    """A step that something holds back."""

    due: Due
    until: datetime
    cause: str


@dataclass
class Planning:
    """The due timelines of one customer."""

    model: Model
    person: Person

    @property
    def now(self) -> datetime:
        return self.model.now

    def run(self) -> bool:
        """Look at what is due, higher priority first, then the earliest, until something makes events; whether anything was due."""
        due = [line for line in self.person.active_lines() if line.look <= self.now]

        def order(line: Line) -> tuple[Any, ...]:
            return -line.priority, line.next.due if line.next else self.now, line.sop, line.key

        for line in sorted(due, key=order):
            if self.model.paused_sop(line.sop):
                line.park()
                self.model.seen["parked"] += 1
            elif self._look(line):
                break
        return bool(due)

    def _look(self, line: Line) -> bool:
        """Carry out what is due in one timeline; return whether it made events."""
        sop = self.model.sops[line.sop]
        if holds(sop.get("while"), self.person, line.data) is False:
            line.end("exited", "while_ended", self.now)
            return False
        held: list[Held] = []
        made = False
        for due in line.left(sop, self.person):
            if due.opens > self.now:
                break
            self.model.seen["moved by a day off"] += due.opens > due.due
            touch = self._decide(line, sop, due)
            if isinstance(touch, Held):
                held.append(touch)
                continue
            self.person.add(line, touch)
            if kind(due.step) == "do" and touch.status == "sent":
                self.person.inbox += made_by(due.step["do"], line, due.id, self.now, self.now, line.event.depth)
                made = True
                break
        if held:
            self._wait(line, sop, held, made)
        else:
            self._go_on(line, sop)
        return made

    def _wait(self, line: Line, sop: dict[str, Any], held: list[Held], made: bool) -> None:
        first = min(held, key=lambda each: each.until)
        to_come = [each.opens for each in line.left(sop, self.person) if each.opens > self.now]
        line.wait_for(first.due, self.now)
        line.look, line.held_by = self.now if made else min([first.until, *to_come]), first.cause

    def _go_on(self, line: Line, sop: dict[str, Any]) -> None:
        """With no dated step left the timeline is over, as soon as everything it sent has come to its end."""
        left = line.left(sop, self.person)
        if left:
            line.wait_for(left[0], self.now)
            return
        for step in sop["steps"]:
            if step["id"] not in line.had:
                self.person.add(line, Touch(step["id"], "skipped", "no_date", self.now))
        if any(touch.status == "queued" for touch in line.touches):
            dated = [each.opens for each in language.schedule(sop, line.anchor, self.person)]
            waited = self.now - max(dated, default=self.now)  # looks again after as long as it has taken so far
            line.wait_for(None, self.now + min(max(waited, timedelta(seconds=1)), timedelta(hours=1)))
        else:
            line.end("completed", None, self.now)

    # ── one step ──────────────────────────────────────────────────────────────────────────────────────────────

    def _decide(self, line: Line, sop: dict[str, Any], due: Due) -> Touch | Held:
        """The touch, or until when it is held back."""
        step, gates = due.step, Gates(self, line, due.due, kind(due.step), exempt(due.step, sop))
        if due.due < line.start:
            return self._skipped(due, "before_start")
        if self.now >= due.limit:
            return self._skipped(due, "expired")
        if kind(step) != "do" and (until := gates.moved(self.now)) > self.now:
            return self._held(due, until, gates.cause)
        met = holds(step.get("when"), self.person, line.data)
        if met is not True:
            return self._skipped(due, "condition" if met is False else "unknown")
        if kind(step) == "do":
            return Touch(due.id, "sent", None, self.now)
        if line.holdout:
            return self._skipped(due, "holdout")
        channels = self.channels(step, sop)
        if not channels:
            return self._skipped(due, "opted_out")
        gates.channel = channels[0]
        until = gates.moved(self.now, caps=True)
        waited_for_room = line.held_by == "cap" and line.next is not None and line.next.id == due.id
        if until == self.now and waited_for_room:  # looked at for another reason: it still goes at its own time
            until, gates.cause = max(self.now, gates.own_time(self.now)), "cap"
        return self._held(due, until, gates.cause) if until > self.now else gates.queued(due, self.now)

    def channels(self, step: dict[str, Any], sop: dict[str, Any]) -> list[str]:
        named = many(step.get("channel") or sop["defaults"]["channel"])
        return [name for name in named if kind(step) == "task" or not self.person.opted_out(name)]

    def _skipped(self, due: Due, reason: str) -> Touch:
        return Touch(due.id, "skipped", reason, self.now)

    def _held(self, due: Due, until: datetime, cause: str) -> Touch | Held:
        """What is held back beyond its limit will never go out."""
        self.model.seen[f"held by {cause}"] += 1
        return self._skipped(due, "expired") if until >= due.limit else Held(due, until, cause)

    # ── what missed its hours ─────────────────────────────────────────────────────────────────────────────────

    def hold_anew(self) -> None:
        """What is queued and did not go out while it was allowed to gets its next hours, or never goes out.

        What is of higher priority is planned first, and takes the room it needs.
        """
        for line, touch in self.person.queued():
            if touch.before <= self.now < touch.limit:
                gates = self._gates_of(line, touch)
                if not (gates.caps() and any(gates.others(due=True))):
                    self._hold_anew(touch, gates)

    def _gates_of(self, line: Line, touch: Touch) -> Gates:
        sop = self.model.sops.get(line.sop, {"steps": []})
        free = [exempt(step, sop) for step in sop["steps"] if step["id"] == touch.step]
        what = "task" if touch.task else "message"
        return Gates(self, line, touch.due, what, free[0] if free else set(), touch.channel, touch)

    def _hold_anew(self, touch: Touch, gates: Gates) -> None:
        self.model.seen["held anew"] += 1
        ready = gates.moved(self.now, caps=True)
        gates.gives_way = False
        if self.now < ready >= touch.limit:
            touch.become("expired", "expired", self.now)
        elif gates.moved(self.now, caps=True) < ready:  # it waits for others, without a place, and is decided anew then
            touch.ready, touch.before, touch.counts_on = ready, ready, None
        else:
            touch.ready, touch.before = ready, gates.closes(ready, touch.limit)
            touch.counts_on = None if touch.task else day_of(ready, self.person.zone)
