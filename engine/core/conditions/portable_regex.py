"""A regular expression of Python's as one of PostgreSQL's that finds the same: literal characters, `.`, sets, `\\d \\s \\w`, groups,
alternatives, repeats, and the anchors `^ $ \\A \\Z`. What else there is (look-arounds, `\\b`, flags) has no counterpart that agrees.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from engine.core.sentence import Sentence

_parser: Any = re._parser  # type: ignore[attr-defined]  # Python's own reading of a pattern; reading it a second time would differ

_MOST_REPEATS = 255
_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdecimal,
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_WORD": lambda each: each.isalnum() or each == "_",
}


class NotPortable(ValueError):
    """The pattern uses something that PostgreSQL reads differently or not at all."""


@lru_cache(maxsize=1024)
def as_postgresql(pattern: str) -> str:
    """Return the pattern as PostgreSQL writes it. Raises NotPortable, naming what has no counterpart."""
    parsed = _parser.parse(pattern)
    if parsed.state.flags & ~re.UNICODE:
        raise NotPortable(Sentence("flags such as (?i)"))
    return _sequence(parsed)


def _sequence(items: Any) -> str:
    return "".join(_item(str(kind), value) for kind, value in items)


def _item(kind: str, value: Any) -> str:
    if kind == "LITERAL":
        return _character(value)
    if kind == "NOT_LITERAL":
        return f"[^{_character(value)}]"
    if kind == "ANY":
        return r"[^\n]"
    if kind == "IN":
        return _set(value)
    if kind == "BRANCH":
        return f"(?:{'|'.join(map(_sequence, value[1]))})"
    if kind == "SUBPATTERN" and not (value[1] or value[2]):
        return f"(?:{_sequence(value[3])})"
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        return _repeat(*value)
    if kind == "AT":
        return _anchor(str(value))
    raise NotPortable(Sentence.joined((f"`{kind.lower()}`",)))


def _character(code: int) -> str:
    return f"\\U{code:08x}"


def _repeat(low: int, high: Any, inner: Any) -> str:
    endless = high is _parser.MAXREPEAT
    if low > _MOST_REPEATS or (not endless and high > _MOST_REPEATS):
        raise NotPortable(Sentence("repeats of more than {number}", number=_MOST_REPEATS))
    return f"(?:{_sequence(inner)}){{{low},{'' if endless else high}}}"


def _anchor(name: str) -> str:
    anchors = {"AT_BEGINNING": r"\A", "AT_BEGINNING_STRING": r"\A", "AT_END": r"(?=\n?\Z)", "AT_END_STRING": r"\Z"}
    if name not in anchors:
        raise NotPortable(Sentence("`\\b` or `\\B`"))
    return anchors[name]


def _set(parts: Any) -> str:
    negated = str(parts[0][0]) == "NEGATE"
    inside = "".join(_part(str(kind), value) for kind, value in parts[negated:])
    return f"[{'^' if negated else ''}{inside}]"


def _part(kind: str, value: Any) -> str:
    if kind == "LITERAL":
        return _character(value)
    if kind == "RANGE":
        return f"{_character(value[0])}-{_character(value[1])}"
    if kind == "CATEGORY" and str(value) in _CATEGORIES:
        return _members(str(value))
    if kind == "CATEGORY" and (name := str(value).replace("_NOT_", "_")) in _CATEGORIES:
        return _members(name, without=True)
    raise NotPortable(Sentence("`{part}` in a set", part=kind.lower()))


@lru_cache(maxsize=8)
def _members(category: str, *, without: bool = False) -> str:
    """Return all characters of a category, as Python tells them, as ranges."""
    belongs = _CATEGORIES[category]
    ranges: list[list[int]] = []
    for code in range(1, sys.maxunicode + 1):
        if 0xD800 <= code <= 0xDFFF or belongs(chr(code)) is without:
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{_character(low)}-{_character(high)}" if low != high else _character(low) for low, high in ranges)
