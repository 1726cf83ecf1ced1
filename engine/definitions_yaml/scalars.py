"""What an unquoted word in YAML means: YAML 1.2, plus dates. No tags, no surprises."""

from __future__ import annotations

import re
from datetime import date, datetime

from engine.core.sentence import Sentence

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?\s?(Z|[+-]\d{2}:\d{2})?")
_DIGITS = 18

Plain = bool | int | float | date | datetime | str | None


def read_plain(text: str) -> Plain:
    """Return the value of an unquoted word.

    Raises ValueError, with the remedy, for what would be read differently than it is meant.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _DECIMAL.fullmatch(text):
        return _decimal(text)
    if _NOT_FINITE.fullmatch(text) or _OTHER_BASE.fullmatch(text):
        raise ValueError(
            Sentence('`{text}` is no number this language knows; write "{text}" in quotes if it is a text', text=text)
        )
    return _calendar(text)


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits.startswith("0"):
        raise ValueError(_leading_zero(text, digits))
    if len(digits) > _DIGITS:
        raise ValueError(
            Sentence(
                "the number `{text}` has {number} digits, at most {limit} are allowed; write it in quotes if it is a text",
                text=short(text),
                number=len(digits),
                limit=_DIGITS,
            )
        )
    return int(text)


def _leading_zero(text: str, digits: str) -> Sentence:
    return Sentence(
        "`{text}` begins with 0 and YAML reads it as the number {number}; "
        'write "{text}" in quotes for a text, or the number without the 0',
        text=short(text), number=short(digits.lstrip("0") or "0"),
    )  # fmt: skip


def _decimal(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(
            Sentence("the number `{text}` is too large; write it in quotes if it is a text", text=short(text))
        )
    return value


def _calendar(text: str) -> date | datetime | str:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        return datetime.fromisoformat(text.upper()) if _MOMENT.fullmatch(text) else text
    except ValueError:
        return text


def short(text: str, limit: int = 40) -> str:
    """Return a text cut to what a message can hold."""
    return text if len(text) <= limit else f"{text[:limit]}…"
