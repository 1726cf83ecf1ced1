"""Differences between definitions, as operators read them, with the language's own keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.core.definitions.words import key_word
from engine.core.rollout.diff import Change, Difference, Path
from engine.core.sentence import Sentence
from engine.messages.story import StoryFormatter

_SHOWN = 32
"""Characters of a text shown on either side of a change."""
_MOST = 100
"""Characters of any other value."""
_TEXTS = ("text", "title", "desc")
_DIFFERENCE = {
    "added": Sentence.within("definition", "new"),
    "removed": Sentence("removed"),
    "changed": Sentence("changed"),
    "text": Sentence("text only (comments, layout); it does the same"),
    "unreadable": Sentence("the version in force cannot be read by this engine; replaced as a whole"),
}
_NOUNS = {
    "steps": Sentence("step {name}"),
    "variants": Sentence.within("definition", "variant {name}"),
    "values": Sentence("value {name}"),
    "trigger": Sentence("trigger {name}"),
    "exit": Sentence("exit {name}"),
    "do": Sentence("action {name}"),
    "attachments": Sentence("attachment {name}"),
    "caps": Sentence("cap {name}"),
}
"""What a part of a list is called, by the list's key."""
_OTHER = Sentence("{key} {name}")
_SYMBOLS = {"added": "+", "removed": "-", "changed": "~", "text": "·", "unreadable": "!"}


def summary(difference: Difference, words: StoryFormatter) -> str:
    """Return the headline of one definition: `~ lead 培育: changed`."""
    name = difference.name if not difference.title else f"{difference.name} {difference.title}"
    return f"{_SYMBOLS[difference.kind]} " + words.say("{said}: {why}", said=name, why=_DIFFERENCE[difference.kind])


def lines(changes: Iterable[Change], words: StoryFormatter) -> list[str]:
    """Return one line a change: `step d3: day 3 → 4`."""
    return [line(each, words) for each in changes]


def line(change: Change, words: StoryFormatter) -> str:
    """Return one change in words."""
    if change.kind == "moved":
        return words.say(
            "{where}moved: number {before} → {after}",
            where=_named(change.path, words),
            before=change.before,
            after=change.after,
        )
    if change.kind != "changed":
        where = _named(change.path, words)
        pattern = (
            Sentence("{where}added: {after}") if change.kind == "added" else Sentence("{where}removed (was {before})")
        )
        return words.say(pattern, where=where, before=flow(change.before), after=flow(change.after))
    if isinstance(change.before, str) and isinstance(change.after, str) and _is_text(change):
        before, after = around(change.before, change.after)
        return words.say(
            "{where}changed: “{before}” → “{after}”", where=_named(change.path, words), before=before, after=after
        )
    before, after = flow(change.before), flow(change.after)
    return words.say("{where}{before} → {after}", where=_named(change.path, words), before=before, after=after)


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
    place = words.say(Sentence.within("place", ", ")).join(said)
    key = key_word(keys[0]) if len(keys) == 1 else ".".join(keys)
    if not place or not keys:
        return words.say("{place} ", place=place or key)
    return words.say(Sentence.within("place", "{place}: {key} "), place=place, key=key)


def _part(noun: str, name: str | int, words: StoryFormatter) -> str:
    return words.say(_NOUNS.get(noun, _OTHER), key=key_word(noun), name=name)


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
