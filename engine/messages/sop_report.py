"""What an SOP did over a time, in the words operators read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.core.conditions.deciding import Evaluation
from engine.core.definitions.words import event_type
from engine.core.explain.sop_report import (
    OutcomeGroup,
    Sample,
    SeenEvent,
    SopReport,
    StepReport,
    UntriggeredTrigger,
    Wanted,
)
from engine.core.reasons import Reason
from engine.core.sentence import Sentence
from engine.messages.conditions import NEVER, TAG_OR_SOP, ConditionFormatter

_MOST = 40
"""Characters shown of what was found with one customer."""

_PAUSED = {
    "sop": Sentence("paused: nothing of this SOP goes out"),
    "all": Sentence("all is paused: nothing of any SOP goes out"),
    "channel": Sentence("the channel {name} is paused"),
}
_BECAME = {
    "completed": Sentence("completed"),
    "converted": Sentence.within("state", "converted"),
    "exited": Sentence("exited"),
    "due": Sentence("due, about to be planned"),
    "held": Sentence("held back"),
    "queued": Sentence("waiting to go out"),
    "sending": Sentence("being sent"),
    "sent": Sentence.within("outcome", "sent"),
    "failed": Sentence.within("state", "failed"),
    "unknown": Sentence("outcome not known"),
    "handed": Sentence("handed on, waits for staff"),
    "cancelled": Sentence.within("state", "cancelled"),
    "expired": Sentence.within("state", "expired"),
    "skipped": Sentence("skipped"),
}
"""What became of timelines and of touches."""
_HAS = {"seen": Sentence("{what} has happened"), "touched": Sentence("a touch of {what} was received")}
_ALREADY = {
    "silent": Sentence("{number} customers have been silent that long now"),
    "date": Sentence("{number} customers have such a date"),
}
_SO_ALREADY = Sentence(
    "{number} customers are so already; only becoming so triggers it (`existing` decides about them)"
)

REPORT_COLUMN = {
    "step": Sentence("step"),
    "when": Sentence("when"),
    "next": Sentence("to come"),
    "waiting": Sentence.within("column", "waiting"),
    "sent": Sentence.within("column", "sent"),
    "skipped": Sentence("skipped"),
    "expired": Sentence.within("column", "expired"),
    "failed": Sentence.within("column", "failed"),
    "cancelled": Sentence.within("column", "cancelled"),
}
"""Columns, by what they count."""

_ABOUT_VALUES = ("is", "attr", "metric", "event")
"""Kinds of condition that compare a value worth showing beside the customer."""


class SopReportFormatter(ConditionFormatter):
    """Tells about an SOP over a time."""

    def head(self, why: SopReport) -> str:
        """Return which SOP, which version, and which time."""
        return self.say(
            "{title} ({sop} v{version}), {since} to {until}",
            title=why.title,
            sop=why.sop,
            version=why.version,
            since=self.time(why.since),
            until=self.time(why.until),
        )

    def state(self, why: SopReport) -> list[str]:
        """Return since when it is in force, and what keeps it from working as it stands."""
        said = []
        if why.first_in_force and why.in_force_since:
            said.append(
                self.say(
                    "first applied {first}, this version {present}",
                    first=self.time(why.first_in_force),
                    present=self.time(why.in_force_since),
                )
            )
        for each in why.paused:
            kind, _, name = each.partition(" ")
            said.append(self.say(_PAUSED[kind], name=name))
        if not why.accepting:
            said.append(self.say("takes nobody new (accept: false); those inside go on to the end"))
        return said

    def funnel(self, why: SopReport) -> str:
        """Return in one line how many were triggered, started, refused, and are in flight."""
        refused = why.triggered - why.started
        return self.say(
            "triggered {triggered} times: {started} started, {refused} did not. In flight now: {active}",
            triggered=why.triggered,
            started=why.started,
            refused=refused,
            active=why.in_flight,
        )

    def goal(self, why: SopReport) -> str:
        """Return how often the goal was reached, and how many are held out; empty for an SOP without goal and holdout."""
        if not (why.has_goal or why.converted or why.holdout):
            return ""
        return self.say(
            "goal: reached {converted} times in this time; {holdout} of those started are in the holdout group",
            converted=why.converted,
            holdout=why.holdout,
        )

    def variants(self, step: StepReport) -> str:
        """Return how many got which variant."""
        return self.say(
            "variants: {names}", names=self.listed(f"{name} {number}" for name, number in sorted(step.variants.items()))
        )

    def when(self, step: StepReport) -> str:
        """Return when a step comes, as its definition says it."""
        if step.when is None:
            return self.say("(no longer defined)")
        return self.told(step.when)

    def cause(self, cause: OutcomeGroup) -> str:
        """Return a cause without its number: what became of these, why, and of how many a value was not known."""
        reason = _reason(cause)
        why = self.reason(reason, cause.detail) if cause.what != "converted" else ""
        if cause.wanted:
            why = self.say("{said}: {why}", said=self.reason(reason), why=self.wanted(cause.wanted))
        if 0 < cause.unknown < cause.number:
            why = self.joined([why, self.say("of {number} of them it is not known", number=cause.unknown)])
        what = self._what(cause)
        if cause.waited:
            what = self.say("{said} later than due, because of {why}", said=what, why=self.held_by([cause.waited]))
        return self.say("{said}: {why}", said=what, why=why) if what and why else what or why

    def _what(self, cause: OutcomeGroup) -> str:
        if cause.what == "refused" or (cause.what == "skipped" and cause.reason == Reason.EXPIRED):
            return ""
        if cause.what == "planned":
            return self.say(
                "wait for its time, the first {first}", first=self.time(cause.first) if cause.first else "?"
            )
        return self.say(_BECAME[cause.what])

    def wanted(self, conditions: Iterable[Wanted]) -> str:
        """Return conditions that decided for many: what was wanted, and where it stands."""
        return self.joined(
            self.say("{said} ({path})", said=self._one_wanted(each), path=each.path) for each in conditions
        )

    def _one_wanted(self, one: Wanted) -> str:
        if one.kind in ("tag", "in_sop"):
            return self.say(TAG_OR_SOP[one.kind, one.negated], names=self.listed(one.wanted))
        if one.kind in ("seen", "touched"):
            what = event_type(one.wanted) if one.kind == "seen" else one.wanted
            return self.say((_HAS if one.negated else NEVER)[one.kind], what=what, since="")
        if one.kind == "silent":
            values = one.wanted if isinstance(one.wanted, dict) else {}
            pattern = (
                Sentence("silent for {days} days or more on the clock {clock}")
                if one.negated
                else Sentence("silent for less than {days} days on the clock {clock}")
            )
            return self.say(pattern, clock=values.get("clock"), days=values.get("days"))
        pattern = Sentence("{name} wanted anything but {wanted}") if one.negated else Sentence("{name} wanted {wanted}")
        return self.say(pattern, name=one.name or one.kind, wanted=self._wanted(_asked(one)))

    def samples(self, cause: OutcomeGroup) -> str:
        """Return some of the customers, each with what was found there; empty where none is known."""
        return (
            self.say("e.g. {names}", names=self.listed(self._sample(each, cause) for each in cause.samples))
            if cause.samples
            else ""
        )

    def _sample(self, sample: Sample, cause: OutcomeGroup) -> str:
        found = [
            self.say("not set") if actual is None else self._value(actual)
            for one, actual in zip(cause.wanted, sample.actual, strict=False)
            if one.kind in _ABOUT_VALUES
        ]
        if not cause.wanted and sample.detail and not cause.detail and cause.what != "sent":
            found = [self._stored(sample.detail)]
        shown = self.joined(_short(each) for each in found)
        return self.say("{said} ({detail})", said=sample.customer, detail=shown) if shown else sample.customer

    # ── an SOP nobody triggered ──────────────────────────────────────────────────────────────────────────────

    def awaited(self, awaited: UntriggeredTrigger) -> str:
        """Return a trigger nobody hit, and where it stands."""
        return self.say("{said} ({path})", said=awaited.trigger, path=awaited.path)

    def sightings(self, awaited: UntriggeredTrigger) -> list[str]:
        """Return what came in of it and near it, and who meets it from before, a line for each."""
        lines = [self._came(each) for each in awaited.seen]
        if not awaited.seen and not awaited.path.endswith(("silent", "date", "schedule")):
            near = self.listed(
                self.say(
                    "{name} × {number} (e.g. {eg})", name=each.name, number=each.number, eg=self.listed(each.samples)
                )
                for each in awaited.near
            )
            never = self.say("never came in")
            lines.append(self.joined([never, self.say("most alike: {names}", names=near)]) if near else never)
        kind = awaited.path.rpartition("/")[2]
        if awaited.already is not None and (awaited.already or kind in ("silent", "date")):
            lines.append(self.say(_ALREADY.get(kind, _SO_ALREADY), number=awaited.already))
        return lines

    def _came(self, one: SeenEvent) -> str:
        said = [
            self.say(
                "{name} came in {number} times, last {last}",
                name=one.name,
                number=one.number,
                last=self.time(one.last) if one.last else "?",
            )
        ]
        if one.idle:
            said.append(self.say("{number} of them changed nothing, so they trigger nothing", number=one.idle))
        if one.samples:
            said.append(self.say("e.g. {names}", names=self.listed(one.samples)))
        return self.joined(said)


def _reason(cause: OutcomeGroup) -> str | None:
    """Return the reason's code: of a condition that failed only because a value was not known, that."""
    unknown = cause.reason == Reason.CONDITION and 0 < cause.number <= cause.unknown
    return Reason.UNKNOWN if unknown else cause.reason


def _asked(one: Wanted) -> Evaluation:
    return Evaluation(one.path, one.kind, one.name, one.wanted, None, one.negated, None)


def _short(text: Any) -> str:
    shown = str(text)
    return shown if len(shown) <= _MOST else shown[: _MOST - 1] + "…"
