"""The model's matching: what one event leads to for one customer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.simulation.language import holds, is_moment, many, span
from tests.simulation.people import Moments, Person
from tests.simulation.timelines import Happening, Line

if TYPE_CHECKING:
    from tests.simulation.model import Model

MAX_DEPTH, MAX_AGE = 8, timedelta(days=2)


def made_by(
    actions: list[dict[str, Any]], line: Line, place: str, at: datetime, now: datetime, depth: int
) -> list[Happening]:
    """The events that a `do` makes; what SOPs set off more than so deep is cut."""
    if depth + 1 > MAX_DEPTH:
        return []
    told = [one for action in actions for one in _told(action)]
    return [
        Happening(f"{line.sop} {place} {number}", kind, data, at, now, made=True, depth=depth + 1)
        for number, (kind, data) in enumerate(told)
    ]


def _told(action: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    ((kind, what),) = action.items()
    if kind in ("add_tag", "remove_tag"):
        return [("tag.added" if kind == "add_tag" else "tag.removed", {"tag": tag}) for tag in many(what)]
    if kind == "set":
        return [("stage.changed", {"value": value}) for value in what.values()]
    if kind == "attr":
        return [("customer.updated", {"attributes": what})]
    return [(f"engine.{kind}", {"sop": what})]


@dataclass
class Matching:
    """One event of one customer: facts, exits, goals, `while`, triggers."""

    model: Model
    person: Person
    event: Happening
    moved: bool = False
    """A timeline started or ended, or its goal was reached."""

    def run(self) -> None:
        event, sops = self.event, self.model.sops
        if event.type == "engine.start":
            if event.data["sop"] in sops:
                self._start(sops[event.data["sop"]])
        elif event.type == "engine.exit":
            self._end("by_sop", lambda line: line.sop == event.data["sop"] and line.start <= event.time)
        else:
            self._learn()
        while self.moved:  # being in an SOP is a fact as well
            self.moved = False
            self._end("while_ended", lambda line: "in_sop" in str(sops[line.sop].get("while")) and self._broken(line))

    def _learn(self) -> None:
        zone = self.person.value("zone")
        changed, moments, active = self.person.learn(self.event, self.model.since)
        if not (changed or moments or active):
            return
        running = self.person.active_lines()
        self._exits(moments)
        if active:
            self._end("active_again", lambda line: line.event.type == "engine.silent")
        self._goals(moments, running)
        self._end("while_ended", self._broken)
        self._triggers(moments)
        if changed and self.event.type != "engine.silent":
            self._look_again(everything=self.person.value("zone") != zone)
        if self.person.value("zone") != zone:
            for _, touch in self.person.queued():
                touch.before = min(touch.before, self.model.now)

    def _look_again(self, *, everything: bool) -> None:
        """A step's time may be another where its date or the zone is; those just started know it."""
        for line in self.person.active_lines():
            if line.event is not self.event and (everything or "attr." in str(self.model.sops[line.sop]["steps"])):
                line.look = min(line.look, self.model.now)

    def _end(self, reason: str, concerned: Callable[[Line], bool]) -> None:
        for line in self.person.active_lines():
            if concerned(line):
                line.end("exited", reason, self.model.now)
                self.moved = True

    def _broken(self, line: Line) -> bool:
        return holds(self.model.sops[line.sop].get("while"), self.person, line.data) is False

    def _takes_place(self, moment: dict[str, Any], moments: Moments) -> bool:
        return any(is_moment(moment, happened, self.person) for happened in moments)

    def _exits(self, moments: Moments) -> None:
        event = self.event
        for line in self.person.active_lines():
            ways_out = enumerate(self.model.sops[line.sop].get("exit", []))
            for number, way_out in ways_out if event.time >= line.start else ():
                if self._takes_place(way_out, moments):
                    line.end("exited", "exit", self.model.now)
                    self.moved = True
                    actions, depth = way_out.get("do", []), max(event.depth, line.event.depth)
                    self.person.inbox += made_by(actions, line, f"exit {number}", event.time, self.model.now, depth)
                    break

    def _goals(self, moments: Moments, running: list[Line]) -> None:
        """Reached by something not before the start and not the start itself, in the goal's time or while it ran."""
        event = self.event
        for line in self.person.lines:
            goal = self.model.sops.get(line.sop, {}).get("goal")
            if goal is None or line.converted or event.time < line.start or line.event is event:
                continue
            in_time = event.time <= line.goal_until if line.goal_until else line in running
            if in_time and self._takes_place(goal, moments):
                line.converted, self.moved = event.time, True
                if line.active:
                    line.end("converted", "goal", self.model.now)

    def _triggers(self, moments: Moments) -> None:
        hit = [
            sop
            for sop in self.model.sops.values()
            if any(self._takes_place(trigger, moments) for trigger in sop["trigger"])
        ]
        for sop in sorted(hit, key=lambda each: (-each.get("priority", 50), each["sop"])):
            self._start(sop)

    # ── starting ──────────────────────────────────────────────────────────────────────────────────────────────

    def _start(self, sop: dict[str, Any]) -> None:
        event, person, key = self.event, self.person, ""
        if "key" in sop:
            named = event.data.get(sop["key"].removeprefix("event.data."))
            key = "" if named is None else str(named)
        reason, replaced = self._refusal(sop, key)
        if reason:
            person.refused.append((event.label, sop["sop"], reason))
            return
        for line, why in replaced:
            line.end("exited", why, self.model.now)
        line = Line.begin(sop, key, event)
        line.aims_until(sop)
        person.lines.append(line)
        person.started_at[sop["sop"], key] = max(event.time, person.started_at.get((sop["sop"], key), event.time))
        line.wait_for(next(iter(line.left(sop, person)), None), self.model.now)
        self.moved = True

    def _refusal(self, sop: dict[str, Any], key: str) -> tuple[str | None, list[tuple[Line, str]]]:
        """Why the SOP does not start, None where it does; and the timelines that end by that, with the reason."""
        _event, person = self.event, self.person
        reason = self._unfit(sop, key)
        if reason:
            return reason, []
        running = [line for line in person.active_lines() if (line.sop, line.key) == (sop["sop"], key)]
        reason = self._again(sop, key, running)
        rivals = [
            line for line in person.active_lines() if line not in running and sop.get("group") == line.group is not None
        ]
        if reason is None and any(line.priority > sop.get("priority", 50) for line in rivals):
            reason = "group_busy"
        return reason, [(line, "restarted") for line in running] + [(line, "replaced") for line in rivals]

    def _unfit(self, sop: dict[str, Any], key: str) -> str | None:
        event, person = self.event, self.person
        if "key" in sop and not key:
            return "no_key"
        if sop.get("accept") is False:
            return "not_accepting"
        if not event.made and event.received - event.time > MAX_AGE:
            return "stale_event"
        for conditions, otherwise in ((sop.get("when"), "condition"), (sop.get("while"), "while_not_met")):
            held = holds(conditions, person, event.data)
            if held is not True:
                return "unknown" if held is None else otherwise
        return None

    def _again(self, sop: dict[str, Any], key: str, running: list[Line]) -> str | None:
        reentry = sop.get("reentry", "after_end")
        reentry = {"mode": reentry} if isinstance(reentry, str) else reentry
        last = self.person.started_at.get((sop["sop"], key))
        if last is not None and reentry["mode"] == "never":
            return "already_had"
        if running and reentry["mode"] != "restart":
            return "already_active"
        cooling = last is not None and "cooldown" in reentry and self.event.time < last + span(reentry["cooldown"])
        return "cooldown" if cooling else None
