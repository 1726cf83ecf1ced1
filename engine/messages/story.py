"""One customer's story in the words operators read: Chinese or English. Reasons come from the one table in `reasons`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from engine.core.conditions.deciding import Evaluation
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
from engine.core.time.arithmetic import local_date
from engine.messages.conditions import ConditionFormatter
from engine.messages.reasons import sentence

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
            return self.say(f"met_{brought}", what=event.data[brought], sop=event.data.get("sop"))
        about = gist(event.type, event.data)
        named = f"{event.type} {about}" if about else event.type
        cause = event.cause or {}
        if cause.get("by"):
            return self.say("made_by_hand", event=named, who=cause["by"])
        return self.say("made_by", event=named, sop=cause["sop"]) if cause.get("sop") else named

    def _crossed(self, data: dict[str, Any]) -> str:
        """Return a crossing of silence: how many days without what, and since when."""
        last = datetime.fromisoformat(str(data["last_at"]))
        return self.say("crossed", clock=data.get("clock"), days=data.get("days"), last=self.time(last))

    def outcome(self, event: EventEntry) -> list[str]:
        """Return what came of the event, a line for each thing."""
        if event.matched_at is None:
            return [self.say("waits")]
        lines = [self.decision(each) for each in event.decisions]
        if event.reason is not None and not event.dropped:
            lines.append(self.reason(event.reason))
        lines += [self.say("dropped", what=each) for each in event.dropped]
        return lines or [self.say("nothing_hit")]

    def decision(self, decision: Decision) -> str:
        """Return what an event did to one SOP."""
        sop = f"{decision.sop} [{decision.key}]" if decision.key else decision.sop
        if decision.what == "started":
            return self.say("started", sop=sop, version=decision.version, path=decision.path)
        if decision.what == "converted":
            return self.say("converted_goal", sop=sop, path=decision.path)
        why = self._why(decision)
        return self.say(decision.what, sop=sop, why=why)

    def _why(self, decision: Decision) -> str:
        if decision.deciding:
            said = sentence(decision.reason or "", self.language)
            return self.say("because", said=said, why=self.conditions(decision.deciding))
        said = self.reason(decision.reason, decision.detail)
        return self.say("at_path", said=said, path=decision.path) if decision.path else said

    # ── timelines and steps ──────────────────────────────────────────────────────────────────────────────────

    def timeline(self, timeline: TimelineEntry, now: datetime, zone_name: str) -> str:
        """Return a timeline's headline: which SOP, its state and why, since when, on which day it is, and its goal."""
        name = timeline.title or timeline.sop
        head = self.say("timeline", title=name, sop=timeline.sop, version=timeline.version)
        head += f" [{timeline.key}]" if timeline.key else ""
        said = head + self._state(timeline, now, zone_name)
        why = self.reason(timeline.reason, timeline.detail) if timeline.state not in ("active", "converted") else ""
        said = self.say("because", said=said, why=why) if why else said
        return said + (self.say("in_holdout") if timeline.holdout else "") + self._goal(timeline, now)

    def _state(self, timeline: TimelineEntry, now: datetime, zone_name: str) -> str:
        anchor = self.time(timeline.anchor)
        if timeline.state == "active":
            day = (local_date(now, zone_name) - local_date(timeline.anchor, zone_name)).days
            return self.say("active", anchor=anchor, day=day)
        return self.say(timeline.state, anchor=anchor, ended=self.time(timeline.ended_at) if timeline.ended_at else "?")

    def _goal(self, timeline: TimelineEntry, now: datetime) -> str:
        if timeline.converted_at is not None:
            after = timeline.state != "converted"
            return self.say("goal_reached_after", at=self.time(timeline.converted_at)) if after else ""
        if timeline.goal_until is not None and timeline.goal_until > now:
            return self.say("goal_open", until=self.time(timeline.goal_until))
        return ""

    def step(self, step: StepEntry) -> str:
        """Return what became of a step, or what it waits for."""
        special = step.status == "sent" and step.kind in ("do", "notice")
        said = self.say(
            f"step_{step.kind}_sent" if special else f"step_{step.status}",
            at=self.time(step.at) if step.at else "?",
            due=self.time(step.due_at) if step.due_at else "?",
            channel=step.channel or "?",
        )
        said += self._how(step)
        why = self._why_step(step)
        said = self.say("because", said=said, why=why) if why else said
        if step.until is not None:
            retry = step.status == "queued" and step.reason == Reason.RETRY
            phrase = "retry_at" if retry else "goes_on" if step.reason in _GATES else "until"
            said += self.say(phrase, time=self.time(step.until), attempt=step.attempt + 1)
        return said + self._outlook(step)

    def _how(self, step: StepEntry) -> str:
        """Return how a touch went out: the variant, the channel's place, what it waited for."""
        said = self.say("of_variant", name=step.variant) if step.variant and step.status != "planned" else ""
        said += self.say("of_fallback", number=step.fallback + 1) if step.fallback else ""
        if step.waited and step.due_at and step.status in ("queued", "sending", "sent", "handed", "failed", "unknown"):
            said += self.say("waited", due=self.time(step.due_at), why=self.held_by([step.waited]))
        return said

    def _why_step(self, step: StepEntry) -> str:
        if step.deciding and step.skip is None:
            return self.say(
                "because", said=sentence(step.reason or "", self.language), why=self.conditions(step.deciding)
            )
        why = self.reason(step.reason, step.detail)
        if step.room:
            names = (self.say("taken", sop=each.sop, step=each.step, on=f"{each.on:%m-%d}") for each in step.room)
            why = self.say("semicolon").join([why, self.say("room_taken", names=self.listed(names))])
        return why

    def _outlook(self, step: StepEntry) -> str:
        """Return what becomes of a step to come, where that is not simply at its time."""
        if step.expected is None or step.status not in ("planned", "held"):
            return ""
        if step.skip is not None:
            why = self.reason(step.skip, step.skip_detail)
            if step.deciding:
                why = self.say("because", said=why, why=self.conditions(step.deciding))
            return self.say("expected_skip", at=self.time(step.expected), why=why)
        if step.moved_by and step.expected != step.until:
            return self.say("expected_later", why=self.held_by(step.moved_by), at=self.time(step.expected))
        return ""

    def unreached(self, steps: Iterable[StepEntry]) -> str:
        """Return in one line which steps an ended timeline never came to."""
        return self.say("unreached", names=self.listed(each.step for each in steps))

    # ── why an SOP did not start ─────────────────────────────────────────────────────────────────────────────

    def closest(self, closest: Closest, applied_at: datetime | None) -> list[str]:
        """Return what came closest to a trigger, a line for each event."""
        lines = [self._miss(each, applied_at) for each in closest.events]
        if closest.others:
            lines.append(self.say("miss_more", number=closest.others))
        if closest.hits:
            lines.append(self.say("hit_times", number=closest.hits))
        if not lines:
            lines.append(self.say("miss_none", type=closest.type) if closest.type else self._stands(closest.now))
        return lines

    def _stands(self, now: Evaluation | None) -> str:
        """Return how the clock or the date stands that a trigger counts by."""
        if now is None:
            return self.say("miss_clock")
        if now.kind == "attr":
            return self.say("name_is", name=now.name, actual=self._actual(now))
        return self._condition(now)

    def _miss(self, miss: NearMiss, applied_at: datetime | None) -> str:
        why = self.conditions(miss.fields) if miss.fields else self.reason(miss.reason)
        return self.say(
            f"miss_{miss.kind}", event=f"{self.time(miss.time)} {miss.type} {miss.actual}".rstrip(), why=why,
            wanted=self.say("or").join(miss.wanted), applied=self.time(applied_at) if applied_at else "?",
        )  # fmt: skip

    def would(self, would: WouldStart) -> str:
        """Return what a trigger now would lead to."""
        if would.starts:
            return self.say("would_start")
        return self.say("would_not", why=self.reason(would.reason, would.detail))

    def condition_now(self, now: ConditionNow) -> str:
        """Return what one condition comes to at present."""
        if now.holds is not True:
            return self.conditions(now.asked)
        actual = (self.say("name_is", name=each.name or each.kind, actual=self._actual(each)) for each in now.asked)
        said = self.say("because", said=self.say("holds_now"), why=self.say("semicolon").join(actual))
        return self.say("at_path", said=said, path=now.path)

    def _actual(self, one: Evaluation) -> str:
        if one.actual is None or one.actual == []:
            return self.say("no_value")
        return self.listed(one.actual) if isinstance(one.actual, list) else self._value(one.actual)

    def nothing_to_tell(self, story: Story) -> str:
        """Return why there is nothing about the one SOP asked for."""
        return self.say("never_hit", sop=story.asked_title or story.asked, waits=self.say("or").join(story.waits_for))


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
