"""Conditions, reasons and moments in the words operators read, with times in one zone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from engine.core.conditions.deciding import Evaluation, happening
from engine.core.definitions.words import event_type
from engine.core.delivery.delay_detail import DelayDetail, read_detail
from engine.core.matching.entry_detail import read_entry_detail
from engine.core.reasons import Reason
from engine.core.sentence import By, Listed, Sentence
from engine.core.time.arithmetic import zone
from engine.messages.languages import speech, tell
from engine.messages.reasons import sentence
from engine.messages.spans import span

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d|Z)")
_OPERATORS = {"eq": "=", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤"}
_WORD_OPERATORS = {
    "in": Sentence("one of {limit}"),
    "contains": Sentence("containing {limit}"),
    "matches": Sentence("matching {limit}"),
}
_DELAYS = (Reason.CAP, Reason.QUIET_HOURS, Reason.HOLIDAY)
"""Reasons whose detail is written by the gates."""

HELD_BY = {
    "quiet_hours": Sentence("quiet hours"),
    "holiday": Sentence("days off"),
    "cap": Sentence("the cap"),
    "paused": Sentence("a pause"),
    "missing_value": Sentence("a missing value"),
    "template_error": Sentence("a template error"),
}
"""What holds a touch back, in a word or two."""

TAG_OR_SOP = {
    ("tag", False): Sentence("lacks the tag {names}"),
    ("tag", True): Sentence("has the tag {names}"),
    ("in_sop", False): Sentence("is not in the SOP {names}"),
    ("in_sop", True): Sentence("is in the SOP {names}"),
}
"""By kind and whether it stands under `not`."""

NEVER = {"seen": Sentence("no {what}{since}"), "touched": Sentence("no touch of {what}{since}")}
_LAST = {"seen": Sentence("{what} at {last}"), "touched": Sentence("a touch of {what} at {last}")}


class ConditionFormatter:
    """Says things in one language, with times in one zone."""

    def __init__(self, language: str, zone_name: str | None) -> None:
        """Take `zh` or `en`, and the zone; None shows times with their offset."""
        self.language = "zh" if language == "zh" else "en"
        self._zone = zone_name

    def say(self, pattern: str, /, **values: Any) -> str:
        """Return a sentence in the language: of an English pattern, or of a Sentence that lacks these values."""
        said = pattern if isinstance(pattern, Sentence) else Sentence(pattern)
        return tell(said.with_values(**values), self.language)

    def told(self, text: str) -> str:
        """Return a sentence in the language, any other text as it is."""
        return tell(text, self.language)

    def time(self, moment: datetime) -> str:
        """Return a moment as clocks in the zone show it, to the second where there are seconds."""
        if self._zone is None:
            return moment.isoformat(timespec="seconds")
        local = moment.astimezone(zone(self._zone))
        return f"{local:%Y-%m-%d %H:%M}" if local.second == 0 else f"{local:%Y-%m-%d %H:%M:%S}"

    def listed(self, names: Iterable[Any]) -> str:
        """Return names one after the other."""
        return self.joined(names, ", ")

    def joined(self, said: Iterable[Any], by: By = "; ") -> str:
        """Return several things one after the other."""
        return Listed(tuple(said), by).say(speech(self.language))

    def reason(self, reason: str | None, detail: str | Mapping[str, Any] | None = None) -> str:
        """Return a reason's sentence with its detail, empty where there is none."""
        if reason is None:
            return str(detail or "")
        said, shown = self.told(sentence(reason)), self.detail(reason, detail)
        return self.say("{said} ({detail})", said=said, detail=shown) if shown else said

    def detail(self, reason: str, detail: str | Mapping[str, Any] | None) -> str:
        """Return a reason's detail: of what a gate holds back, of what expired meanwhile, or any other."""
        if not detail:
            return ""
        if isinstance(detail, str) and reason == Reason.EXPIRED:
            return self.say("held by {names}", names=self.held_by(detail.split(", ")))
        if isinstance(detail, str) and reason in _DELAYS:
            return self._delay(read_detail(detail))
        return self._stored(detail)

    def held_by(self, codes: Iterable[str]) -> str:
        """Return in a few words what held something back: quiet hours, the cap."""
        return self.listed(HELD_BY.get(each, each) for each in codes)

    def _delay(self, read: DelayDetail) -> str:
        others, cap = self.held_by(read.others), self._cap(read)
        if others and cap:
            return self.say("first {names}, then {said}", names=others, said=cap)
        return others or cap

    def _cap(self, read: DelayDetail) -> str:
        if read.most is None:
            return ""
        pattern = Sentence("{most} a day at most") if read.days == 1 else Sentence("{most} in {days} days at most")
        said = self.say(pattern, most=read.most, days=read.days)
        if read.channel:
            said = self.say("{said}, over {channel}", said=said, channel=read.channel)
        if read.rival:
            said = self.say("{said}; {sop}, of higher priority, comes first later that day", said=said, sop=read.rival)
        return said

    def _stored(self, detail: str | Mapping[str, Any]) -> str:
        """Return what a check of entering or an error stored, with its moments in the zone."""
        read = read_entry_detail(detail)
        if isinstance(read, str):
            return _MOMENT.sub(lambda found: self.time(datetime.fromisoformat(found[0])), tell(read, self.language))
        if "until" in read:
            return self.say("until {time}", time=self.time(datetime.fromisoformat(read["until"])))
        if "since" in read:
            return self.say(
                Sentence.within("detail", "since {time}"), time=self.time(datetime.fromisoformat(read["since"]))
            )
        age, limit = (self.duration(read[name]) for name in ("age_seconds", "limit_seconds"))
        return self.say("{age} old, at most {limit}", age=age, limit=limit)

    def duration(self, seconds: float) -> str:
        """Return a length of time in the largest units that fit: 3 days, 2 h 30 min."""
        return tell(span(timedelta(seconds=seconds)), self.language)

    # ── conditions ───────────────────────────────────────────────────────────────────────────────────────────

    def conditions(self, evaluations: Iterable[Evaluation]) -> str:
        """Return what the deciding conditions came to: wanted, actual, and where they stand."""
        said = (self.say("{said} ({path})", said=self._condition(each), path=each.path) for each in evaluations)
        return self.joined(said)

    def _condition(self, one: Evaluation) -> str:
        if one.unknown:
            return self.say("{name} is not known; wanted {wanted}", name=one.unknown, wanted=self._wanted(one))
        if one.kind in ("tag", "in_sop"):
            names = self.listed(one.actual if one.negated else one.wanted)
            return self.say(TAG_OR_SOP[one.kind, one.negated], names=names)
        if one.kind in ("seen", "touched"):
            return self._happened(one)
        if one.kind == "silent":
            return self._silent(one)
        pattern = (
            Sentence("{name} is {actual}, wanted anything but {wanted}")
            if one.negated
            else Sentence("{name} is {actual}, wanted {wanted}")
        )
        actual = self.say("not set") if one.actual is None else self._value(one.actual)
        return self.say(pattern, name=one.name or one.kind, actual=actual, wanted=self._wanted(one))

    def _happened(self, one: Evaluation) -> str:
        what, since = happening(one.wanted)
        last = self.time(datetime.fromisoformat(str(one.actual))) if one.actual else None
        begin = self.say(" since {time}", time=self.time(datetime.fromisoformat(since))) if since else ""
        shown = self.told(event_type(what)) if one.kind == "seen" else what
        if one.negated:
            return self.say(_LAST[one.kind], what=shown, last=last or "?")
        never = self.say(NEVER[one.kind], what=shown, since=begin)
        return self.say("{said} ({detail})", said=never, detail=self.say("last {time}", time=last)) if last else never

    def _silent(self, one: Evaluation) -> str:
        """Return for how many days the clock has been silent, and for how many it was (not) wanted to be."""
        wanted = one.wanted if isinstance(one.wanted, dict) else {}
        if one.actual is None:
            pattern = Sentence("the clock {clock} has not started; wanted {days} days of silence")
        elif one.negated:
            pattern = Sentence("silent for {actual} days on the clock {clock}, wanted less than {days}")
        else:
            pattern = Sentence("silent for {actual} days on the clock {clock}, wanted {days} at least")
        return self.say(pattern, clock=wanted.get("clock"), actual=one.actual, days=wanted.get("days"))

    def _wanted(self, one: Evaluation) -> str:
        if isinstance(one.wanted, dict):
            if one.negated and list(one.wanted) == ["eq"]:
                return self._value(one.wanted["eq"])
            return self.say(" and ").join(self._compared(operator, limit) for operator, limit in one.wanted.items())
        return self.say(" or ").join(map(str, one.wanted)) if isinstance(one.wanted, list) else str(one.wanted)

    def _compared(self, operator: str, limit: Any) -> str:
        if operator in _OPERATORS:
            return f"{_OPERATORS[operator]} {self._value(limit)}"
        if operator == "exists":
            return self.say("any value") if limit else self.say("no value")
        return self.say(_WORD_OPERATORS[operator], limit=self._value(limit))

    def _value(self, value: Any) -> str:
        if isinstance(value, bool):
            return self.say("true") if value else self.say("false")
        return self.say(" or ").join(map(self._value, value)) if isinstance(value, list) else str(value)
