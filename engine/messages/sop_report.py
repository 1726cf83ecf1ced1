"""What an SOP did over a time, in the words operators read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from engine.core.conditions.deciding import Evaluation
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
from engine.messages.conditions import ConditionFormatter

_MOST = 40
"""Characters shown of what was found with one customer."""

_ABOUT_VALUES = ("is", "attr", "metric", "event")
"""Kinds of condition that compare a value worth showing beside the customer."""


class SopReportFormatter(ConditionFormatter):
    """Tells about an SOP over a time."""

    def head(self, why: SopReport) -> str:
        """Return which SOP, which version, and which time."""
        return self.say(
            "why_head",
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
                self.say("in_force", first=self.time(why.first_in_force), present=self.time(why.in_force_since))
            )
        for each in why.paused:
            kind, _, name = each.partition(" ")
            said.append(self.say(f"paused_{kind}", name=name))
        if not why.accepting:
            said.append(self.say("accepts_nobody"))
        return said

    def funnel(self, why: SopReport) -> str:
        """Return in one line how many were triggered, started, refused, and are in flight."""
        refused = why.triggered - why.started
        return self.say("funnel", triggered=why.triggered, started=why.started, refused=refused, active=why.in_flight)

    def goal(self, why: SopReport) -> str:
        """Return how often the goal was reached, and how many are held out; empty for an SOP without goal and holdout."""
        if not (why.has_goal or why.converted or why.holdout):
            return ""
        return self.say("funnel_goal", converted=why.converted, holdout=why.holdout)

    def variants(self, step: StepReport) -> str:
        """Return how many got which variant."""
        return self.say(
            "variants", names=self.listed(f"{name} {number}" for name, number in sorted(step.variants.items()))
        )

    def when(self, step: StepReport) -> str:
        """Return when a step comes, as its definition says it."""
        if step.when is None:
            return self.say("gone_step")
        if self.language == "en":
            return step.when
        if step.when.startswith("notice of "):
            return self.say("notice_of", place=step.when.removeprefix("notice of "))
        shown = re.sub(r"^day (-?\d+)", r"第 \1 天", step.when)
        return re.sub(r"^after (.+)", r"\1 之后", re.sub(r" from (.+)", r"（自 \1）", shown))

    def cause(self, cause: OutcomeGroup) -> str:
        """Return a cause without its number: what became of these, why, and of how many a value was not known."""
        why = self.reason(cause.reason, cause.detail) if cause.what != "converted" else ""
        if cause.wanted:
            why = self.say("because", said=self.reason(cause.reason), why=self.wanted(cause.wanted))
        if cause.unknown and cause.unknown < cause.number:
            why = self.say("semicolon").join([why, self.say("not_known_of", number=cause.unknown)])
        elif cause.unknown:
            why = why.replace(self.reason(Reason.CONDITION), self.reason(Reason.UNKNOWN), 1)
        what = self._what(cause)
        if cause.waited:
            what = self.say("after_waiting", said=what, why=self.held_by([cause.waited]))
        return self.say("because", said=what, why=why) if what and why else what or why

    def _what(self, cause: OutcomeGroup) -> str:
        if cause.what == "refused" or (cause.what == "skipped" and cause.reason == Reason.EXPIRED):
            return ""
        if cause.what == "planned":
            return self.say("is_planned", first=self.time(cause.first) if cause.first else "?")
        ended = cause.what in ("completed", "converted", "exited")
        return self.say(f"end_{cause.what}" if ended else f"is_{cause.what}")

    def wanted(self, conditions: Iterable[Wanted]) -> str:
        """Return conditions that decided for many: what was wanted, and where it stands."""
        return self.say("semicolon").join(
            self.say("at_path", said=self._one_wanted(each), path=each.path) for each in conditions
        )

    def _one_wanted(self, one: Wanted) -> str:
        if one.kind in ("tag", "in_sop"):
            return self.say(f"{one.kind}_{'has' if one.negated else 'lacks'}", names=self.listed(one.wanted))
        if one.kind in ("seen", "touched"):
            return self.say(f"{one.kind}_{'has' if one.negated else 'not'}", what=one.wanted, since="")
        if one.kind == "silent":
            values = one.wanted if isinstance(one.wanted, dict) else {}
            phrase = "silent_long" if one.negated else "silent_short"
            return self.say(phrase, clock=values.get("clock"), days=values.get("days"))
        return self.say(
            "want_other" if one.negated else "want", name=one.name or one.kind, wanted=self._wanted(_asked(one))
        )

    def samples(self, cause: OutcomeGroup) -> str:
        """Return some of the customers, each with what was found there; empty where none is known."""
        return (
            self.say("eg", names=self.listed(self._sample(each, cause) for each in cause.samples))
            if cause.samples
            else ""
        )

    def _sample(self, sample: Sample, cause: OutcomeGroup) -> str:
        found = [
            self.say("no_value") if actual is None else self._value(actual)
            for one, actual in zip(cause.wanted, sample.actual, strict=False)
            if one.kind in _ABOUT_VALUES
        ]
        if not cause.wanted and sample.detail and not cause.detail and cause.what != "sent":
            found = [self._detail(sample.detail)]
        shown = self.say("semicolon").join(_short(each) for each in found)
        return self.say("with_detail", said=sample.customer, detail=shown) if shown else sample.customer

    # ── an SOP nobody triggered ──────────────────────────────────────────────────────────────────────────────

    def awaited(self, awaited: UntriggeredTrigger) -> str:
        """Return a trigger nobody hit, and where it stands."""
        return self.say("at_path", said=awaited.trigger, path=awaited.path)

    def sightings(self, awaited: UntriggeredTrigger) -> list[str]:
        """Return what came in of it and near it, and who meets it from before, a line for each."""
        lines = [self._came(each) for each in awaited.seen]
        if not awaited.seen and not awaited.path.endswith(("silent", "date", "schedule")):
            near = self.listed(
                self.say("times", name=each.name, number=each.number, eg=self.listed(each.samples))
                for each in awaited.near
            )
            never = self.say("came_never")
            lines.append(self.say("semicolon").join([never, self.say("came_near", names=near)]) if near else never)
        kind = awaited.path.rpartition("/")[2]
        if awaited.already is not None and (awaited.already or kind in ("silent", "date")):
            phrase = f"already_{kind}" if kind in ("silent", "date") else "already"
            lines.append(self.say(phrase, number=awaited.already))
        return lines

    def _came(self, one: SeenEvent) -> str:
        said = [self.say("came", name=one.name, number=one.number, last=self.time(one.last) if one.last else "?")]
        if one.idle:
            said.append(self.say("came_idle", number=one.idle))
        if one.samples:
            said.append(self.say("eg", names=self.listed(one.samples)))
        return self.say("semicolon").join(said)


def _asked(one: Wanted) -> Evaluation:
    return Evaluation(one.path, one.kind, one.name, one.wanted, None, one.negated, None)


def _short(text: Any) -> str:
    shown = str(text)
    return shown if len(shown) <= _MOST else shown[: _MOST - 1] + "…"
