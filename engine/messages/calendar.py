"""A calendar's lines and figures in the words operators read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from engine.core.explain.story import EventEntry
from engine.core.sentence import Sentence
from engine.core.simulation.calendar import Calendar, EndLine, EventLine, HeldLine, Line, Run, TouchLine
from engine.core.simulation.totals import TimelineTotal
from engine.messages.reasons import sentence
from engine.messages.story import StoryFormatter

_CARRIED_OUT = {
    "message": Sentence("{title}, {step}: message over {channel}"),
    "task": Sentence("{title}, {step}: task for staff over {channel}"),
    "notice": Sentence("{title}, {step}: notice to staff over {channel}"),
    "do": Sentence("{title}, {step}: done by the engine"),
}
_ENDED = {
    "completed": Sentence("{title}: completed"),
    "converted": Sentence("{title}: converted"),
    "exited": Sentence("{title}: exited: {why}"),
    "cancelled": Sentence("{title}: cancelled: {why}"),
}
_WORDS = {
    "message": Sentence("message"),
    "task": Sentence("task"),
    "do": Sentence("action"),
    "notice": Sentence("notice"),
    "sent": Sentence.within("calendar", "sent"),
    "done": Sentence("done"),
    "skipped": Sentence("skipped"),
    "started": Sentence("started"),
    "refused": Sentence("refused"),
    "active": Sentence("still active"),
    "completed": Sentence("completed"),
    "converted": Sentence.within("state", "converted"),
    "exited": Sentence("exited"),
    "cancelled": Sentence.within("calendar", "cancelled"),
}
"""Kinds of touches and what became of things, in a column."""

_UNTIL_A_MENDING = ("missing_value", "template_error")
"""What holds a step back until a person mends it, rather than until a moment."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a calendar: what is seen at a glance, and what belongs to it."""

    mark: str
    tone: str
    """sent, skipped, held, event, start, end, done."""
    head: str
    more: tuple[str, ...] = ()


class CalendarFormatter(StoryFormatter):
    """Says a calendar in one language, with times in one zone."""

    def word(self, name: str) -> str:
        """Return one word of a column: a kind, a status; itself where there is none."""
        return self.told(_WORDS.get(name, name))

    def heading(self, calendar: Calendar) -> str:
        """Return whose calendar it is."""
        named = f"{calendar.customer} {calendar.name}" if calendar.name else calendar.customer
        return self.say("Customer {ref}", ref=named)

    def line(self, line: Line) -> Told:
        """Return a line of a calendar."""
        if line.what == "event":
            return self._happening(line)
        if line.what == "touch":
            return self._carried_out(line)
        return self._put_off(line) if line.what == "held" else self._finish(line)

    def _happening(self, line: EventLine) -> Told:
        what = {each.what for each in line.event.decisions}
        tone = "start" if "started" in what else "end" if "ended" in what else "event"
        return Told("→" if what else "·", tone, self.event(line.event), tuple(self._led_to(line.event)))

    def _led_to(self, event: EventEntry) -> list[str]:
        """Return what came of an event, nothing where it only changed facts."""
        return self.outcome(event) if event.decisions or event.reason or event.dropped else []

    def _carried_out(self, line: TouchLine) -> Told:
        step = line.step
        if step.status == "skipped":
            return Told(
                "–",
                "skipped",
                self.say("{title}, {step}: skipped: {why}", title=line.title, step=step.step, why=self._why_step(step)),
            )
        head = self.say(_CARRIED_OUT[step.kind], title=line.title, step=step.step, channel=step.channel or "?")
        more = [*self._beside(line), *line.text.splitlines(), *_attached(line.body), *_actions(line.body)]
        return Told("✓", "done" if step.kind == "do" else "sent", head, tuple(more))

    def _beside(self, line: TouchLine) -> list[str]:
        said = [self.say(Sentence.within("calendar", "variant {name}"), name=line.variant)] if line.variant else []
        if line.waited and line.step.due_at is not None:
            why = sentence(line.waited)
            said.append(self.say("was due {due}; {why}", due=self.time(line.step.due_at), why=why))
        return said

    def _put_off(self, line: HeldLine) -> Told:
        pattern = (
            Sentence("{title}, {step}: due {due}, held back until {until} at the latest: {why}")
            if line.reason in _UNTIL_A_MENDING
            else Sentence("{title}, {step}: due {due}, put off until {until}: {why}")
        )
        said = self.say(
            pattern, title=line.title, step=line.step, due=self.time(line.due_at), until=self.time(line.until),
            why=self.reason(line.reason, line.detail),
        )  # fmt: skip
        return Told("…", "held", said)

    def _finish(self, line: EndLine) -> Told:
        why = self.reason(line.reason, line.detail)
        return Told("■", "end", self.say(_ENDED[line.state], title=line.title, why=why))

    def running(self, run: Run) -> str:
        """Return what is still to come of a run that has not ended."""
        if not run.to_come:
            return self.say("{title} still runs", title=run.title)
        steps = self.listed(
            self.say("{step} ({due})", step=each.step, due=self.time(each.due_at))
            if each.due_at
            else self.say("{step} (has no time)", step=each.step)
            for each in run.to_come
        )
        return self.say("{title} still runs; to come: {steps}", title=run.title, steps=steps)

    def why(self, reason: str | None) -> str:
        """Return a reason's sentence, empty where there is none."""
        return self.told(sentence(reason)) if reason else ""

    def outcome_of(self, total: TimelineTotal) -> str:
        """Return what became of timelines: their state, and the reason with its name."""
        why = self.reason(total.reason, total.detail) if total.reason and total.what != "converted" else ""
        return self.say("{said}: {why}", said=self.word(total.what), why=why) if why else self.word(total.what)


def _attached(body: dict[str, Any] | None) -> list[str]:
    found = []
    for attachment in (body or {}).get("attachments", ()):
        for kind, values in attachment.items():
            found.append(f"[{kind}] " + " ".join(str(value) for value in values.values()))
    return found


def _actions(body: dict[str, Any] | None) -> list[str]:
    return [
        " ".join(f"{name}: {_plain(value)}" for name, value in action.items()) for action in (body or {}).get("do", ())
    ]


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
