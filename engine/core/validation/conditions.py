"""Checks of what conditions and moments compare."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from engine.core.definitions import AttributeType, Comparison
from engine.core.foreign_texts import REGEX
from engine.core.problems import Loc, Problem
from engine.core.sentence import Sentence, codes
from engine.core.validation.files import DefinitionFile, SopFile


def comparisons_fit(subject: DefinitionFile) -> Iterator[Problem]:
    """A comparison of an attribute is one that makes sense of its type, with a value of that type."""
    for loc, name, comparison in subject.comparisons():
        declared = subject.engine.attributes.get(name) if name is not None else None
        if name is not None and declared is not None:
            yield from _misfits(subject, loc, name, comparison, declared.type)
    for loc, condition in subject.conditions():
        for metric, comparison in (condition.metric or {}).items():
            yield from _misfits(subject, (*loc, "metric", metric), metric, comparison, "number")


def _misfits(
    subject: DefinitionFile, loc: Loc, name: str, comparison: Comparison, kind: AttributeType
) -> Iterator[Problem]:
    for operator, limit in written(comparison):
        allowed = OPERATORS[kind]
        if operator not in allowed:
            message = Sentence(
                "`{operator}` does not fit `{name}`, which is declared as {kind}; write one of: {names}",
                operator=operator, name=name, kind=KINDS[kind], names=codes(allowed),
            )  # fmt: skip
            yield subject.error((*loc, operator), message, key=True)
        elif operator not in ("exists", "contains", "matches"):
            values = limit if operator == "in" else (limit,)
            wrong = next((each for each in values if not fits(each, kind)), None)
            if wrong is not None:
                message = Sentence(
                    "`{name}` is declared as {kind} and is compared with `{value}`; write {wanted}",
                    name=name, kind=KINDS[kind], value=str(wrong), wanted=wanted(kind),
                )  # fmt: skip
                yield subject.error((*loc, operator), message)


def written(comparison: Comparison) -> list[tuple[str, Any]]:
    """Return the comparisons that are written, as in the YAML, with what is compared with."""
    return [(field.rstrip("_"), getattr(comparison, field)) for field in sorted(comparison.model_fields_set)]


def patterns_safe(subject: DefinitionFile) -> Iterator[Problem]:
    """A regular expression compiles and cannot run for ever."""
    for loc, _, comparison in subject.comparisons():
        if comparison.matches is None:
            continue
        try:
            re.compile(comparison.matches)
            message = danger(comparison.matches)
        except (re.error, OverflowError, RecursionError) as error:
            message = Sentence(
                "`{pattern}` is no regular expression ({reason}); a text is found as it stands with `contains`",
                pattern=comparison.matches, reason=REGEX.said(str(error)),
            )  # fmt: skip
        if message:
            yield subject.error((*loc, "matches"), message)


def start_is_known(subject: SopFile) -> Iterator[Problem]:
    """`since: start` stands only where there is a start: not in the SOP's own `when`."""
    for loc, condition in subject.conditions():
        since = next((each.since for each in (condition.seen, condition.touched) if each), None)
        if loc[0] == "when" and since == "start":
            message = Sentence(
                "`since: start` has no meaning before the start; write a duration such as 7d, or leave it out"
            )
            yield subject.error((*loc, condition.kind, "since"), message)


KINDS: dict[AttributeType, Sentence] = {
    "text": Sentence.within("type", "text"),
    "number": Sentence.within("type", "number"),
    "bool": Sentence.within("type", "bool"),
    "date": Sentence.within("type", "date"),
    "datetime": Sentence.within("type", "datetime"),
    "list": Sentence.within("type", "list"),
}
"""The types of attributes, as they are declared."""
_WANTED: dict[AttributeType, Sentence] = {
    "text": Sentence("a text (in quotes)"),
    "number": Sentence("a number"),
    "bool": Sentence("true or false"),
    "date": Sentence("a date such as 2026-01-31"),
    "datetime": Sentence("a moment such as 2026-01-31T10:00:00+08:00, or a date"),
    "list": Sentence("a list"),
}
_ORDER = ("eq", "in", "gt", "gte", "lt", "lte", "exists")
OPERATORS: dict[AttributeType, tuple[str, ...]] = {
    "text": ("eq", "in", "contains", "matches", "exists"),
    "number": _ORDER,
    "bool": ("eq", "in", "exists"),
    "date": _ORDER,
    "datetime": _ORDER,
    "list": ("contains", "exists"),
}
"""The comparisons that make sense of each type."""


def wanted(kind: AttributeType) -> Sentence:
    """Return what a value of a type looks like."""
    return _WANTED[kind]


def fits(value: Any, kind: AttributeType) -> bool:
    """Return whether a value is of a type."""
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "date":
        return isinstance(value, date) and not isinstance(value, datetime)
    if kind == "list":
        return isinstance(value, (list, tuple))
    kinds: dict[str, type] = {"text": str, "bool": bool, "datetime": date}
    return isinstance(value, kinds[kind])


TEXT_LIMIT = 2_000
"""Characters of a text that a pattern is looked for in."""
MAX_WORK = 20_000_000
"""Ways of matching to be tried at most: well under a second."""

_TOKEN = re.compile(
    r"(?P<escape>\\.)|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|(?P<open>\((?:\?(?:[aiLmsux-]*:|P<\w+>|[=!]|<[=!]|>))?)|(?P<close>\))"
    r"|(?P<repeat>[*+?]|\{\d*,?\d*\})[?+]?|(?P<other>.)",
    re.DOTALL,
)


def danger(pattern: str) -> Sentence | None:
    """Return why a pattern that compiles is refused, None where it is harmless.

    Refused are repeats of groups that repeat or choose inside, as `(a+)+` and `(a|b)*`, references to groups, and
    repeats that multiply to more than MAX_WORK ways of matching a text of TEXT_LIMIT characters.
    """
    if re.search(r"\\[1-9]|\(\?P=|\(\?\(", pattern):
        return Sentence("`{pattern}` refers to a group, which can run for ever; write it without", pattern=pattern)
    if _repeats_loose_group(pattern):
        return Sentence(
            "`{pattern}` repeats a group that repeats or chooses inside, which can run for ever; repeat only one of both",
            pattern=pattern,
        )
    if _work(pattern) > MAX_WORK:
        return Sentence(
            "`{pattern}` can take too long on a long text; bound its repeats, e.g. `.{{0,20}}`, or begin it with `^`",
            pattern=pattern,
        )
    return None


def _repeats_loose_group(pattern: str) -> bool:
    groups, loose_before = [False], False
    for token in _TOKEN.finditer(pattern):
        kind = token.lastgroup
        if kind == "repeat" and loose_before:
            return True
        loose_before = False
        if kind == "open":
            groups.append(False)
        elif kind == "close" and len(groups) > 1:
            loose_before = groups.pop()
            groups[-1] = groups[-1] or loose_before
        elif (kind == "repeat" and _ways(token["repeat"]) > 1) or token["other"] == "|":
            groups[-1] = True
    return False


def _work(pattern: str) -> int:
    """Return how many ways there are to begin and to repeat."""
    work = 1 if pattern.startswith(("^", r"\A")) and "|" not in pattern else TEXT_LIMIT
    for token in _TOKEN.finditer(pattern):
        work *= _ways(token["repeat"]) if token.lastgroup == "repeat" else 1
    return work


def _ways(repeat: str) -> int:
    """Return how many lengths a repeat can have: 1 for {3}, 2 for ?, TEXT_LIMIT for * and +."""
    if repeat in "*+?":
        return 2 if repeat == "?" else TEXT_LIMIT
    low, comma, high = repeat.strip("{}").partition(",")
    if not comma:
        return 1
    return int(high) - int(low or 0) + 1 if high else TEXT_LIMIT
