"""Differences between definitions, as operators read them: in Chinese or English, with the language's own keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.core.rollout.diff import Change, Difference, Path
from engine.messages.catalog import PHRASES
from engine.messages.story import StoryFormatter

_SHOWN = 32
"""Characters of a text shown on either side of a change."""
_MOST = 100
"""Characters of any other value."""
_TEXTS = ("text", "title", "desc")
_SYMBOLS = {"added": "+", "removed": "-", "changed": "~", "text": "·", "unreadable": "!"}


def summary(difference: Difference, words: StoryFormatter) -> str:
    """Return the headline of one definition: `~ lead 培育: changed`."""
    name = difference.name if not difference.title else f"{difference.name} {difference.title}"
    return f"{_SYMBOLS[difference.kind]} " + words.say("because", said=name, why=words.say(f"diff_{difference.kind}"))


def lines(changes: Iterable[Change], words: StoryFormatter) -> list[str]:
    """Return one line a change: `step d3: day 3 → 4`."""
    return [line(each, words) for each in changes]


def line(change: Change, words: StoryFormatter) -> str:
    """Return one change in words."""
    if change.kind == "moved":
        return words.say("part_moved", where=_named(change.path, words), before=change.before, after=change.after)
    if change.kind != "changed":
        where = _named(change.path, words)
        return words.say(f"part_{change.kind}", where=where, before=flow(change.before), after=flow(change.after))
    if isinstance(change.before, str) and isinstance(change.after, str) and _is_text(change):
        before, after = around(change.before, change.after)
        return words.say("part_text", where=_named(change.path, words), before=before, after=after)
    before, after = flow(change.before), flow(change.after)
    return words.say("part_changed", where=_named(change.path, words), before=before, after=after)


def _is_text(change: Change) -> bool:
    return change.path[-1] in _TEXTS or max(len(change.before), len(change.after)) > _SHOWN


def _named(path: Path, words: StoryFormatter) -> str:
    """Return where a change is: list parts by noun and name, then the keys inside, joined by dots."""
    said: list[str] = []
    keys: list[str] = []
    for each in path:
        if isinstance(each, str) and type(each) is str:
            keys.append(each)
            continue
        *inside, noun = keys
        said += [".".join(inside)] if inside else []
        said.append(_part(noun, each, words))
        keys = []
    place = words.say("part_between").join(said)
    if not keys:
        return place + " "
    return (place + words.say("part_end") if place else "") + ".".join(keys) + " "


def _part(noun: str, name: str | int, words: StoryFormatter) -> str:
    phrase = f"noun_{noun}"
    return words.say(phrase, name=name) if phrase in PHRASES else words.say("noun_other", key=noun, name=name)


def flow(value: Any) -> str:
    """Return a plain value in one line as YAML's flow style has it, without the outermost braces; shortened if it is long."""
    said = (
        ", ".join(f"{key}: {_flow(each)}" for key, each in value.items())
        if isinstance(value, Mapping)
        else _flow(value)
    )
    return said if len(said) <= _MOST else said[: _MOST - 1] + "…"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return _flow(value[0]) if len(value) == 1 else "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else " ".join(str(value).split())


def around(before: str, after: str) -> tuple[str, str]:
    """Return both texts cut to where they begin to differ, a few words before it included."""
    old, new = " ".join(before.split()), " ".join(after.split())
    first = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    begin = max(0, first - _SHOWN // 3)
    return _cut(old, begin), _cut(new, begin)


def _cut(text: str, begin: int) -> str:
    end = begin + _SHOWN
    return ("…" if begin else "") + text[begin:end] + ("…" if len(text) > end else "")
