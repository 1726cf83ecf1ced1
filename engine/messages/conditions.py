"""Conditions, reasons and moments in the words operators read: Chinese or English, with times in one zone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from engine.core.conditions.deciding import Evaluation
from engine.core.delivery.gates import DelayDetail, read_detail
from engine.core.reasons import Reason
from engine.core.time.arithmetic import zone
from engine.messages.catalog import PHRASES
from engine.messages.reasons import sentence

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d|Z)")
_OPERATORS = {"eq": "=", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤"}
_HOLDING = (Reason.EXPIRED, Reason.CAP, Reason.QUIET_HOURS, Reason.HOLIDAY)
"""Reasons whose detail is written by the gates."""
_DETAILS = [
    (re.compile(r"until (.+)"), "到 {0} 为止"),
    (re.compile(r"since (.+)"), "自 {0} 起"),
    (re.compile(r"(.+) old, at most (.+)"), "已过 {0}，最多 {1}"),
]
"""The details that the engine writes in words, and their Chinese."""


class ConditionFormatter:
    """Says things in one language, with times in one zone."""

    def __init__(self, language: str, zone_name: str | None) -> None:
        """Take `zh` or `en`, and the zone; None shows times with their offset."""
        self.language = "zh" if language == "zh" else "en"
        self._zone = zone_name

    def say(self, phrase: str, **values: Any) -> str:
        """Return a phrase of the table, filled in."""
        found = PHRASES[phrase]
        return (found.zh if self.language == "zh" else found.en).format(**values)

    def time(self, moment: datetime) -> str:
        """Return a moment as clocks in the zone show it, to the second where there are seconds."""
        if self._zone is None:
            return moment.isoformat(timespec="seconds")
        local = moment.astimezone(zone(self._zone))
        return f"{local:%Y-%m-%d %H:%M}" if local.second == 0 else f"{local:%Y-%m-%d %H:%M:%S}"

    def listed(self, names: Iterable[Any]) -> str:
        """Return names one after the other."""
        return ("、" if self.language == "zh" else ", ").join(map(str, names))

    def reason(self, reason: str | None, detail: str | None = None) -> str:
        """Return a reason's sentence with its detail, empty where there is none."""
        if reason is None:
            return detail or ""
        said = sentence(reason, self.language)
        shown = self._held(reason, detail) if reason in _HOLDING else self._detail(detail) if detail else ""
        return self.say("with_detail", said=said, detail=shown) if shown else said

    def held_by(self, codes: Iterable[str]) -> str:
        """Return in a few words what held something back: quiet hours, the cap."""
        known = (f"short_{code}" for code in codes)
        return self.listed(self.say(each) if each in PHRASES else each.removeprefix("short_") for each in known)

    def _held(self, reason: str, detail: str | None) -> str:
        """Return the detail of what a gate holds back, or of what expired meanwhile."""
        if reason == Reason.EXPIRED:
            return self.say("held_by", names=self.held_by(detail.split(", "))) if detail else ""
        read = read_detail(detail)
        said = self._cap(read)
        others = self.held_by(read.others)
        return self.say("after_others", names=others, said=said) if others and said else others or said

    def _cap(self, read: DelayDetail) -> str:
        if read.most is None:
            return ""
        said = self.say("cap_day" if read.days == 1 else "cap_days", most=read.most, days=read.days)
        if read.channel:
            said = self.say("cap_over", said=said, channel=read.channel)
        return self.say("cap_rival", said=said, sop=read.rival) if read.rival else said

    def _detail(self, detail: str) -> str:
        """Return a detail with its moments in the zone; the few the engine writes in words, in the language."""
        shown = _MOMENT.sub(lambda found: self.time(datetime.fromisoformat(found[0])), detail)
        if self.language == "en":
            return shown
        for pattern, written in _DETAILS:
            if (found := pattern.fullmatch(shown)) is not None:
                return written.format(*(re.sub(r" days?", " 天", each) for each in found.groups()))
        return shown

    # ── conditions ───────────────────────────────────────────────────────────────────────────────────────────

    def conditions(self, evaluations: Iterable[Evaluation]) -> str:
        """Return what the deciding conditions came to: wanted, actual, and where they stand."""
        said = (self.say("at_path", said=self._condition(each), path=each.path) for each in evaluations)
        return self.say("semicolon").join(said)

    def _condition(self, one: Evaluation) -> str:
        if one.unknown:
            return self.say("not_known", name=one.unknown, wanted=self._wanted(one))
        if one.kind in ("tag", "in_sop"):
            mode = "has" if one.negated else "lacks"
            return self.say(f"{one.kind}_{mode}", names=self.listed(one.actual if one.negated else one.wanted))
        if one.kind in ("seen", "touched"):
            return self._happened(one)
        if one.kind == "silent":
            return self._silent(one)
        phrase = "excluded" if one.negated else "wanted"
        actual = self.say("no_value") if one.actual is None else self._value(one.actual)
        return self.say(phrase, name=one.name or one.kind, actual=actual, wanted=self._wanted(one))

    def _happened(self, one: Evaluation) -> str:
        what, _, since = str(one.wanted).partition(" since ")
        last = self.time(datetime.fromisoformat(str(one.actual))) if one.actual else None
        begin = self.say("since", time=self.time(datetime.fromisoformat(since))) if since else ""
        if one.negated:
            return self.say(f"{one.kind}_did", what=what, last=last or "?")
        never = self.say(f"{one.kind}_not", what=what, since=begin)
        return self.say("with_detail", said=never, detail=self.say("last_time", time=last)) if last else never

    def _silent(self, one: Evaluation) -> str:
        """Return for how many days the clock has been silent, and for how many it was (not) wanted to be."""
        wanted = one.wanted if isinstance(one.wanted, dict) else {}
        phrase = "silent_never" if one.actual is None else "silent_did" if one.negated else "silent_not"
        return self.say(phrase, clock=wanted.get("clock"), actual=one.actual, days=wanted.get("days"))

    def _wanted(self, one: Evaluation) -> str:
        if isinstance(one.wanted, dict):
            if one.negated and list(one.wanted) == ["eq"]:
                return self._value(one.wanted["eq"])
            return self.say("and").join(self._compared(operator, limit) for operator, limit in one.wanted.items())
        return self.say("or").join(map(str, one.wanted)) if isinstance(one.wanted, list) else str(one.wanted)

    def _compared(self, operator: str, limit: Any) -> str:
        if operator in _OPERATORS:
            return f"{_OPERATORS[operator]} {self._value(limit)}"
        if operator == "exists":
            return self.say("exists" if limit else "exists_not")
        return self.say(f"op_{operator}", limit=self._value(limit))

    def _value(self, value: Any) -> str:
        if isinstance(value, bool):
            return self.say("true" if value else "false")
        return self.say("or").join(map(self._value, value)) if isinstance(value, list) else str(value)
