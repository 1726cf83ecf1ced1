"""One customer's story in the words operators read. Reasons come from the one table in `reasons`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from engine.core.conditions.deciding import Evaluation
from engine.core.definitions.words import event_type
from engine.core.events.event import SILENT, START
from engine.core.explain.story import (
    Closest,
    ConditionNow,
    Decision,
    EventEntry,
    NearMiss,
    StepEntry,
    Story,
    TimelineEntry,
    WouldStart,
)
from engine.core.matching.existing_customers import JOINED
from engine.core.matching.schedules import DATE, SLOT
from engine.core.reasons import Reason
from engine.core.sentence import Sentence
from engine.core.time.arithmetic import local_date
from engine.messages.conditions import ConditionFormatter
from engine.messages.reasons import sentence
from engine.messages.story_words import BROUGHT, DECISION, MISS, SENT, STATE, STATUS

_MOST = 60
"""Characters shown of what a customer wrote, or of an event's data."""


_GATES = (Reason.QUIET_HOURS, Reason.HOLIDAY, Reason.CAP)


class StoryFormatter(ConditionFormatter):
    """Tells a customer's story."""

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────

    def event(self, event: EventEntry) -> str:
        """Return the event itself: its type and what it is about."""
        if event.type == SILENT:
            return self._crossed(event.data)
        brought = (
            next((name for name in (DATE, SLOT, JOINED) if name in event.data), None) if event.type == START else None
        )
        if brought is not None:
            return self.say(BROUGHT[brought], what=event.data[brought], sop=event.data.get("sop"))
        about = gist(event.type, event.data)
        named = (
            self.say("{said} {about}", said=event_type(event.type), about=about)
            if about
            else self.told(event_type(event.type))
        )
        cause = event.cause or {}
        if cause.get("by"):
            return self.say("{event} (by hand: {who})", event=named, who=cause["by"])
        return self.say("{event} (made by SOP {sop})", event=named, sop=cause["sop"]) if cause.get("sop") else named

    def _crossed(self, data: dict[str, Any]) -> str:
        """Return a crossing of silence: how many days without what, and since when."""
        last = datetime.fromisoformat(str(data["last_at"]))
        return self.say(
            "silent for {days} days (clock {clock}, last activity {last})",
            clock=data.get("clock"),
            days=data.get("days"),
            last=self.time(last),
        )

    def outcome(self, event: EventEntry) -> list[str]:
        """Return what came of the event, a line for each thing."""
        if event.matched_at is None:
            return [self.say("waits for the matcher")]
        lines = [self.decision(each) for each in event.decisions]
        if event.reason is not None and not event.dropped:
            lines.append(self.reason(event.reason))
        lines += [self.say("not taken: {what}", what=each) for each in event.dropped]
        return lines or [self.say("recorded; no SOP is concerned")]

    def decision(self, decision: Decision) -> str:
        """Return what an event did to one SOP."""
        sop = f"{decision.sop} [{decision.key}]" if decision.key else decision.sop
        if decision.what == "started":
            return self.say("started {sop} v{version} ({path})", sop=sop, version=decision.version, path=decision.path)
        if decision.what == "converted":
            return self.say("reached the goal of {sop} ({path})", sop=sop, path=decision.path)
        why = self._why(decision)
        return self.say(DECISION[decision.what], sop=sop, why=why)

    def _why(self, decision: Decision) -> str:
        if decision.deciding:
            said = self.told(sentence(decision.reason or ""))
            return self.say("{said}: {why}", said=said, why=self.conditions(decision.deciding))
        said = self.reason(decision.reason, decision.detail)
        return self.say("{said} ({path})", said=said, path=decision.path) if decision.path else said

    # ── timelines and steps ──────────────────────────────────────────────────────────────────────────────────

    def timeline(self, timeline: TimelineEntry, now: datetime, zone_name: str) -> str:
        """Return a timeline's headline: which SOP, its state and why, since when, on which day it is, and its goal."""
        name = timeline.title or timeline.sop
        head = self.say("{title} ({sop} v{version})", title=name, sop=timeline.sop, version=timeline.version)
        head += f" [{timeline.key}]" if timeline.key else ""
        said = self._state(head, timeline, now, zone_name)
        why = self.reason(timeline.reason, timeline.detail) if timeline.state not in ("active", "converted") else ""
        said = self.say("{said}: {why}", said=said, why=why) if why else said
        if timeline.holdout:
            said = self.say("{said}; in the holdout group: no message or task goes out", said=said)
        return self._goal(said, timeline, now)

    def _state(self, said: str, timeline: TimelineEntry, now: datetime, zone_name: str) -> str:
        anchor = self.time(timeline.anchor)
        if timeline.state == "active":
            day = (local_date(now, zone_name) - local_date(timeline.anchor, zone_name)).days
            return self.say("{said}: active since {anchor}, today is day {day}", said=said, anchor=anchor, day=day)
        ended = self.time(timeline.ended_at) if timeline.ended_at else "?"
        return self.say(STATE[timeline.state], said=said, anchor=anchor, ended=ended)

    def _goal(self, said: str, timeline: TimelineEntry, now: datetime) -> str:
        if timeline.converted_at is not None:
            if timeline.state == "converted":
                return said
            at = self.time(timeline.converted_at)
            return self.say("{said}; the goal was reached after its end, {at}", said=said, at=at)
        if timeline.goal_until is not None and timeline.goal_until > now:
            return self.say("{said}; its goal counts until {until}", said=said, until=self.time(timeline.goal_until))
        return said

    def step(self, step: StepEntry) -> str:
        """Return what became of a step, or what it waits for."""
        special = SENT.get(step.kind) if step.status == "sent" else None
        said = self.say(
            special or STATUS[step.status],
            at=self.time(step.at) if step.at else "?",
            due=self.time(step.due_at) if step.due_at else "?",
            channel=step.channel or "?",
        )
        said = self._how(said, step)
        why = self._why_step(step)
        said = self.say("{said}: {why}", said=said, why=why) if why else said
        if step.until is not None:
            said = self.say(_until(step), said=said, time=self.time(step.until), attempt=step.attempt + 1)
        return self._outlook(said, step)

    def _how(self, said: str, step: StepEntry) -> str:
        """Return how a touch went out: the variant, the channel's place, what it waited for."""
        if step.variant and step.status != "planned":
            said = self.say("{said}, variant {name}", said=said, name=step.variant)
        if step.fallback:
            said = self.say("{said}, channel number {number}", said=said, number=step.fallback + 1)
        if step.waited and step.due_at and step.status in ("queued", "sending", "sent", "handed", "failed", "unknown"):
            due, why = self.time(step.due_at), self.held_by([step.waited])
            said = self.say("{said} (was due {due}, waited for {why})", said=said, due=due, why=why)
        return said

    def _why_step(self, step: StepEntry) -> str:
        if step.deciding and step.skip is None:
            return self.say("{said}: {why}", said=sentence(step.reason or ""), why=self.conditions(step.deciding))
        why = self.reason(step.reason, step.detail)
        if step.room:
            names = (
                self.say("{sop} {step} ({on})", sop=each.sop, step=each.step, on=f"{each.on:%m-%d}")
                for each in step.room
            )
            why = self.joined([why, self.say("the room was taken by {names}", names=self.listed(names))])
        return why

    def _outlook(self, said: str, step: StepEntry) -> str:
        """Return what becomes of a step to come, where that is not simply at its time."""
        if step.expected is None or step.status not in ("planned", "held"):
            return said
        if step.skip is not None:
            why = self.reason(step.skip, step.skip_detail)
            if step.deciding:
                why = self.say("{said}: {why}", said=why, why=self.conditions(step.deciding))
            at = self.time(step.expected)
            return self.say("{said}; as things stand it will be skipped {at}: {why}", said=said, at=at, why=why)
        if step.moved_by and step.expected != step.until:
            why, at = self.held_by(step.moved_by), self.time(step.expected)
            return self.say("{said}; because of {why} it goes out {at}", said=said, why=why, at=at)
        return said

    def unreached(self, steps: Iterable[StepEntry]) -> str:
        """Return in one line which steps an ended timeline never came to."""
        return self.say("never reached: {names}", names=self.listed(each.step for each in steps))

    # ── why an SOP did not start ─────────────────────────────────────────────────────────────────────────────

    def closest(self, closest: Closest, applied_at: datetime | None) -> list[str]:
        """Return what came closest to a trigger, a line for each event."""
        lines = [self._miss(each, applied_at) for each in closest.events]
        if closest.others:
            lines.append(self.say("{number} more of that type", number=closest.others))
        if closest.hits:
            lines.append(
                self.say("triggered it {number} times; what came of it stands with the events", number=closest.hits)
            )
        if not lines:
            lines.append(
                self.say("this customer never had an event {type}", type=event_type(closest.type))
                if closest.type
                else self._stands(closest.now)
            )
        return lines

    def _stands(self, now: Evaluation | None) -> str:
        """Return how the clock or the date stands that a trigger counts by."""
        if now is None:
            return self.say("a clock or the calendar triggers it, no event does")
        if now.kind == "attr":
            return self.say("{name} is {actual}", name=now.name, actual=self._actual(now))
        return self._condition(now)

    def _miss(self, miss: NearMiss, applied_at: datetime | None) -> str:
        why = self.conditions(miss.fields) if miss.fields else self.reason(miss.reason)
        return self.say(
            MISS[miss.kind], event=f"{self.time(miss.time)} {self.told(event_type(miss.type))} {miss.actual}".rstrip(), why=why,
            wanted=self.say(" or ").join(miss.wanted), applied=self.time(applied_at) if applied_at else "?",
        )  # fmt: skip

    def would(self, would: WouldStart) -> str:
        """Return what a trigger now would lead to."""
        if would.starts:
            return self.say("Triggered now, it would start")
        return self.say("Triggered now, it would not start: {why}", why=self.reason(would.reason, would.detail))

    def condition_now(self, now: ConditionNow) -> str:
        """Return what one condition comes to at present."""
        if now.holds is not True:
            return self.conditions(now.asked)
        actual = (
            self.say("{name} is {actual}", name=each.name or each.kind, actual=self._actual(each)) for each in now.asked
        )
        said = self.say("{said}: {why}", said=self.say("holds"), why=self.joined(actual))
        return self.say("{said} ({path})", said=said, path=now.path)

    def _actual(self, one: Evaluation) -> str:
        if one.actual is None or one.actual == []:
            return self.say("not set")
        return self.listed(one.actual) if isinstance(one.actual, list) else self._value(one.actual)

    def nothing_to_tell(self, story: Story) -> str:
        """Return why there is nothing about the one SOP asked for."""
        return self.say(
            "nothing this customer did ever triggered {sop}. It waits for: {waits}",
            sop=story.asked_title or story.asked,
            waits=self.say(" or ").join(map(self.told, story.waits_for)),
        )


def _until(step: StepEntry) -> Sentence:
    """Return how to say until when a step waits."""
    if step.status == "queued" and step.reason == Reason.RETRY:
        return Sentence("{said}, try {attempt} at {time}")
    return Sentence("{said}; it goes out {time}") if step.reason in _GATES else Sentence("{said}, until {time}")


def gist(kind: str, data: dict[str, Any]) -> str:
    """Return in a few words what an event is about: the tag, the value, what was written."""
    if kind == "stage.changed":
        dimension = data.get("dimension", "stage")
        return str(data.get("value", "")) if dimension == "stage" else f"{dimension} {data.get('value', '')}"
    for name in ("tag", "text", "sop", "staff", "channel"):
        if data.get(name) and not isinstance(data[name], dict):  # the staff of an update are a map
            return _short(str(data[name]))
    if kind in ("customer.updated", "customer.created"):
        return _short(", ".join(str(each) for part in data.values() if isinstance(part, dict) for each in part))
    return _short(json.dumps(data, ensure_ascii=False)) if data else ""


def _short(text: str) -> str:
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"
