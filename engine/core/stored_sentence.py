"""Sentences in text columns: stored with pattern and values, so that whoever reads them later is told in their language.

A plain text is stored as it is, and so is a sentence that this form cannot carry; what merely looks like the form comes back as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any, get_args, overload

from engine.core.sentence import By, Listed, Sentence

_BEGINNING = '{"say":'
_MARKS = frozenset({"say", "context", "many", "values"})
_FORMAT = re.compile(r",?(\.\d{1,2}f)?")
"""What may follow a value's name: a stored text is no way to have a value written a million characters wide."""
_BY = frozenset(get_args(By))
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL refuses: whoever stores such a text escapes it, which would spoil the form."""

MOST_OF_DETAIL = 300
"""Characters kept of why a touch was held back or skipped."""


def packed(text: str, most: int | None = None) -> str:
    """Return a text as it is stored.

    Parameters:
        text: a sentence, or any other text.
        most: characters kept; a sentence that is longer in English is cut and stored as plain text.
    """
    text = text if most is None else shortened(text, most)
    if not isinstance(text, Sentence) or not text or _UNSTORABLE.search(text):
        return str(text)
    form = json.dumps(_form(text), ensure_ascii=False, separators=(",", ":"))
    return form if not text.values or unpacked(form) == text else str(text)


def stored(text: str | None) -> str | None:
    """Return a text as it is stored, None where there is none."""
    return None if text is None else packed(text)


def shortened(text: str, most: int = MOST_OF_DETAIL) -> str:
    """Return a text, its beginning where it is longer; only a whole sentence can be said in other languages."""
    return text if len(text) <= most else str(text)[:most]


@overload
def unpacked(text: str) -> str: ...
@overload
def unpacked(text: None) -> None: ...
def unpacked(text: str | None) -> str | None:
    """Return what was stored: the sentence, or the plain text that it is."""
    if text is None or not text.startswith(_BEGINNING):
        return text
    try:
        return _sentence(json.loads(text))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return text


def packed_outcome(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return what came of an event as it is stored."""
    return _each_text(outcome, packed)


def unpacked_outcome(outcome: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what came of an event from what was stored."""
    return None if outcome is None else _each_text(outcome, unpacked)


_DECISIONS = ("started", "refused", "exits")


def _each_text(outcome: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Return an outcome with what it says in words changed: what was dropped, an error, the details of decisions."""
    changed: dict[str, Any] = {}
    if "dropped" in outcome:
        changed["dropped"] = [change(each) for each in outcome["dropped"]]
    if "error" in outcome:
        changed["error"] = change(outcome["error"])
    for name in _DECISIONS:
        if name in outcome:
            changed[name] = [
                {**each, "detail": change(each["detail"])} if isinstance(each.get("detail"), str) else each
                for each in outcome[name]
            ]
    return {**outcome, **changed} if changed else outcome


def _form(value: object) -> Any:
    """Return a value of a sentence as JSON holds it; what JSON does not know becomes the text it is said as."""
    if isinstance(value, Sentence):
        form: dict[str, Any] = {"say": value.msgid}
        if value.context is not None:
            form["context"] = value.context
        if value.many is not None:
            form["many"] = value.many
        if value.values:
            form["values"] = {name: _form(each) for name, each in value.values.items()}
        return form
    if isinstance(value, (list, tuple)):
        return [_form(each) for each in value]
    if isinstance(value, Listed):
        return {"list": [_form(each) for each in value.items], "by": value.by}
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    return str(value)


def _value(form: Any) -> object:
    if isinstance(form, list):
        return [_value(each) for each in form]
    if not isinstance(form, dict):
        return form
    if "say" in form:
        return _sentence(form)
    items, by = form["list"], form["by"]
    if by not in _BY:
        raise ValueError(by)
    return Listed(tuple(_value(each) for each in items), by)


def _sentence(form: Mapping[str, Any]) -> Sentence:
    """Return the sentence of a form. Raises ValueError, LookupError, TypeError or AttributeError for what is none."""
    pattern, context, many = form["say"], form.get("context"), form.get("many")
    values = {name: _value(each) for name, each in form.get("values", {}).items()}
    marks = (context, many)
    if form.keys() - _MARKS or not isinstance(pattern, str) or not all(isinstance(each, str | None) for each in marks):
        raise ValueError(form)
    if values:
        _check(pattern, values)
    if many is None:
        return Sentence(pattern, **values) if context is None else Sentence.within(context, pattern, **values)
    _check(many, values)
    number = values.pop("number")
    return Sentence.counted(pattern, many, number, **values)  # type: ignore[arg-type]  # another than a number is said, too


def _check(pattern: str, values: Mapping[str, object]) -> None:
    """Raise ValueError for a pattern that reaches into its values, or names others than it has."""
    for _, name, form, conversion in Formatter().parse(pattern):
        if name is not None and (name not in values or conversion is not None or not _FORMAT.fullmatch(form or "")):
            raise ValueError(pattern)
