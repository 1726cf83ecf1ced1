"""What YAML reads differently than it was meant: full-width signs, an unquoted `{{` or `#`, lists read as one text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from ruamel.yaml.events import MappingStartEvent

from engine.core import definitions
from engine.core.problems import Level, Loc, Problem
from engine.core.sentence import Sentence
from engine.definitions_yaml.nodes import Node
from engine.definitions_yaml.scalars import short

FULL_WIDTH = dict(zip("：，［］【】｛｝“”‘’＃－％\u3000", ":,[][]{}\"\"''#-% ", strict=True))
"""Half-width signs by the full-width ones that input methods put in their place."""
_IN_KEYS = re.compile("[" + "".join(FULL_WIDTH) + "]")
_UNQUOTED_TEMPLATE = re.compile(r"(?:^|[:\-,\[]\s*)\{[{%]|[{,]\s*\w+:\s+[^\s\"'{},\[][^\"'{},]*\{[{%]")
_ANY_COLON = re.compile("^(?:- )?([a-z][a-z_]*)：")
_CUT = re.compile(r"\s(#[^\s#!].*)$")
_SEPARATORS = re.compile("[，,、;；]")
_NAME_LISTS = frozenset(
    (
        "tag_added",
        "tag_removed",
        "tag",
        "add_tag",
        "remove_tag",
        "channel",
        "values",
        "staff",
        "in_sop",
        "state",
        "from",
        "to",
        "all",
        "kinds",
        "segment",
        "exempt",
        "skip",
    )
)
_DIMENSION_PARENTS = frozenset(("is", "entered", "left"))


def _language_keys() -> frozenset[str]:
    models = (each for each in vars(definitions).values() if isinstance(each, type) and issubclass(each, BaseModel))
    return frozenset(info.alias or name for model in models for name, info in model.model_fields.items())


_COLON = re.compile(rf"^(?:- )?({'|'.join(sorted(_language_keys(), key=len, reverse=True))})：", re.MULTILINE)


def full_width_hint(text: str) -> Sentence:
    """Return a hint where a text holds a full-width sign that stands for a half-width one, else nothing."""
    sign = next((sign for sign in FULL_WIDTH if sign in text), None)
    if sign is None:
        return Sentence("")
    return Sentence("; it holds the full-width `{sign}`: write `{meant}`", sign=sign, meant=FULL_WIDTH[sign])


def mapping_as_key(event: Any) -> Sentence:
    """Return what to say of a mapping or list that stands where a key is wanted."""
    if event.flow_style and isinstance(event, MappingStartEvent):
        return Sentence(
            "unquoted `{{`: YAML reads it as a mapping; write the text in quotes, or on its own lines after `|`"
        )
    return Sentence("a key must be one word here, not a list or a mapping")


def syntax_hint(text: str, line: int, begun: int) -> Sentence:
    """Return a hint about the line at which YAML gave up, the one before it, or the one at which it began the part; if one is known."""
    lines = text.split("\n")
    looked_at = {number: lines[number - 1].strip() for number in (line, line - 1, begun) if 0 < number <= len(lines)}
    for number, content in looked_at.items():
        hint = _of_line(number, content)
        if hint:
            return hint
    for number, content in looked_at.items():
        written = content.partition(" #")[0]
        if written.count(": ") > 1 and "{" not in written:
            return Sentence(" (line {line}: a text that holds `: ` needs quotes)", line=number)
    return Sentence("")


def _of_line(number: int, content: str) -> Sentence | None:
    """Return what in a line is known to stop YAML."""
    if _UNQUOTED_TEMPLATE.search(content):
        return Sentence(
            " (line {line}: unquoted `{{{{` or `{{%`; write the text in quotes, or on its own lines after `|`)",
            line=number,
        )
    match = _ANY_COLON.search(content)
    if match:
        return Sentence(" (line {line}: `{key}：` has a full-width colon; write `{key}: `)", line=number, key=match[1])
    sign = next((sign for sign in "［］【】｛｝“”‘’" if sign in content), None)
    if sign:
        return Sentence(
            " (line {line}: `{sign}` is full-width; write `{meant}`)", line=number, sign=sign, meant=FULL_WIDTH[sign]
        )
    if re.search(r"[:\-]\s+[@`%*&!]", content):
        return Sentence(" (line {line}: a text that begins with @, `, %, *, & or ! needs quotes)", line=number)
    return None


def find(root: Node, text: str, file: str) -> Iterator[Problem]:
    """Yield the traps of a file that could be read."""
    lines = text.split("\n")
    for loc, node in root.walk():
        for key, member in node.members.items():
            yield from _key(key, member, node.keys[key], file)
        if node.kind == "word" and not node.style:
            yield from _word(loc, node, lines, file)


def _key(key: str, member: Node, place: tuple[int, int], file: str) -> Iterator[Problem]:
    name, colon, _ = key.partition("：")
    if colon and member.kind == "word" and not (member.raw or member.style):
        message = Sentence("`{key}` has a full-width colon; write `{name}: `", key=key, name=name)
        yield _problem(message, place, file)
        return
    sign = _IN_KEYS.search(key)
    if sign and key[: sign.start()] in _language_keys():
        message = Sentence(
            "`{key}` holds the full-width `{sign}`; write `{meant}` (with a space after `:`)",
            key=key, sign=sign[0], meant=FULL_WIDTH[sign[0]],
        )  # fmt: skip
        yield _problem(message, place, file)


def _word(loc: Loc, node: Node, lines: list[str], file: str) -> Iterator[Problem]:
    colon, place = _swallowed(node, lines)
    if colon:
        message = Sentence(
            "`{written}` has a full-width colon, so YAML reads the line as part of a text; write `{key}: `",
            written=colon[0], key=colon[1],
        )  # fmt: skip
        yield _problem(message, place, file)
    elif node.raw[:1] in ("［", "【") and _wants_names(loc):
        message = Sentence("`{text}` is read as one text; write [ , ] half-width for a list", text=short(node.raw))
        yield _problem(message, place, file)
    elif isinstance(node.value, str) and _wants_names(loc) and _SEPARATORS.search(node.raw):
        yield _problem(_one_text(node.raw), place, file)
    yield from _cut(node, lines, file)


def _swallowed(node: Node, lines: list[str]) -> tuple[re.Match[str] | None, tuple[int, int]]:
    """Return a key with a full-width colon that an unquoted text holds at its beginning, or on a line that it goes on over."""
    colon = _COLON.search(node.raw)
    if colon or not isinstance(node.value, str):
        return colon, (node.line, node.column)
    for number in range(node.line, len(lines)):
        content = lines[number].strip()
        if not content or content not in node.raw:
            break
        colon = _COLON.search(content)
        if colon:
            return colon, (number + 1, lines[number].index(content) + 1)
    return None, (node.line, node.column)


def _one_text(raw: str) -> Sentence:
    raw = short(raw, 200)
    parts = ", ".join(part.strip() for part in _SEPARATORS.split(raw) if part.strip())
    return Sentence(
        '`{text}` is read as one text; write [{parts}] for a list, or "{text}" in quotes if it is one name',
        text=raw, parts=parts,
    )  # fmt: skip


def _wants_names(loc: Loc) -> bool:
    names = [part for part in loc if isinstance(part, str)]
    if not names:
        return False
    if names[-1] in _NAME_LISTS or names[-2:] == ["replied", "contains"]:
        return True
    return len(names) > 1 and names[-2] in _DIMENSION_PARENTS


def _cut(node: Node, lines: list[str], file: str) -> Iterator[Problem]:
    """A comment right after an unquoted text, with no space after its `#`, was probably meant as text."""
    if not isinstance(node.value, str) or not node.raw or node.line > len(lines):
        return
    rest = lines[node.line - 1][node.column - 1 :]
    match = _CUT.match(rest[len(node.raw) :]) if rest.startswith(node.raw) else None
    if match:
        message = Sentence(
            "all from `{text}` on is cut off as a comment; write the text in quotes if `#` belongs to it",
            text=match[1][:20],
        )
        yield _problem(message, (node.line, node.column), file, "warning")


def _problem(message: Sentence, place: tuple[int, int], file: str, level: Level = "error") -> Problem:
    return Problem(message, file=file, line=place[0], column=place[1], level=level)
