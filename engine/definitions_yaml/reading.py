"""Text to nodes, by ruamel.yaml's events: nothing is constructed, so nothing can be made to run or to grow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from engine.core.problems import Problem
from engine.core.sentence import Sentence, sentence_of
from engine.definitions_yaml import traps, yaml_texts
from engine.definitions_yaml.nodes import Node
from engine.definitions_yaml.scalars import read_plain, short

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 50
MAX_VALUES = 20_000
"""Values in one file: several times what the largest SOP can hold; each costs time to read."""
MAX_LINE = 100_000
_STARTS = (ScalarEvent, MappingStartEvent, SequenceStartEvent)


class Refused(Exception):
    """Reading cannot go on from here."""

    def __init__(self, message: Sentence, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


def decode(data: bytes) -> str:
    """Return the text of a file. Raises Refused for a file too large or not in UTF-8."""
    if len(data) > MAX_BYTES:
        said = Sentence("the file is over {limit:,} bytes (1 MiB); split it into several files", limit=MAX_BYTES)
        raise Refused(said)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rsplit(b"\n", 1)[-1].decode("utf-8", "replace")) + 1
        byte = f"0x{data[error.start]:02X}"
        said = Sentence("byte {byte} is not UTF-8; save the file as UTF-8 (it may be GBK)", byte=byte)
        raise Refused(said, line, column) from None


def read(text: str, file: str) -> tuple[Node | None, list[Problem]]:
    """Return the file's one document as nodes, None where it cannot be read, and what was refused.

    What it raises inside becomes one of the problems.
    """
    problems: list[Problem] = []
    try:
        if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise Refused(
                Sentence("the text is over {limit:,} bytes (1 MiB); split it into several files", limit=MAX_BYTES)
            )
        _refuse_lines(text)
        return _Reading(file, problems).document(text), problems
    except Refused as error:
        problems.append(Problem(error.message, file=file, line=error.line, column=error.column))
    except ReaderError as error:
        problems.append(_unreadable(text, file, error))
    except MarkedYAMLError as error:
        problems.append(_syntax(text, file, error))
    except (ValueError, IndexError, RecursionError, AssertionError, TypeError, AttributeError) as error:
        # ruamel.yaml's scanner answers some broken directives and escapes with plain Python errors.
        message = Sentence("this is not YAML ({name}); compare with the examples", name=type(error).__name__)
        problems.append(Problem(message, file=file, line=1, column=1))
    return None, problems


def _refuse_lines(text: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        if "\t" in indent and line.strip():
            said = Sentence("a tab indents this line; write spaces instead")
            raise Refused(said, number, indent.index("\t") + 1)
        if len(line) > MAX_LINE:
            raise Refused(Sentence("the line is over {limit:,} characters; break it up", limit=MAX_LINE), number)


def _unreadable(text: str, file: str, error: ReaderError) -> Problem:
    before = text[: error.position]
    line, column = before.count("\n") + 1, len(before.rsplit("\n", 1)[-1]) + 1
    code = ord(error.character) if isinstance(error.character, str) else int(error.character)
    message = Sentence("the character U+{code} is not allowed in YAML; delete it", code=f"{code:04X}")
    return Problem(message, file=file, line=line, column=column)


def _syntax(text: str, file: str, error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    reason = yaml_texts.said(error.context, error.problem)
    begun = error.context_mark.line + 1 if error.context_mark else line
    hint = traps.syntax_hint(text, line, begun)
    message = Sentence("this is not YAML: {reason}{hint}", reason=reason, hint=hint)
    return Problem(message, file=file, line=line, column=column)


class _Reading:
    """One pass over a file's events."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self._values = 0

    def document(self, text: str) -> Node:
        events = iter(YAML(typ="safe", pure=True).parse(text))
        root: Node | None = None
        for event in events:
            if isinstance(event, DocumentStartEvent) and root is not None:
                said = Sentence("a second document begins here (`---`); write one document a file")
                raise Refused(said, *_place(event))
            if isinstance(event, (*_STARTS, AliasEvent)):
                root = self._node(event, events, 1)
        return root or Node("word", 1, 1)

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        line, column = _place(event)
        self._refuse(event, depth)
        if isinstance(event, ScalarEvent):
            return self._word(event)
        node = Node("map" if isinstance(event, MappingStartEvent) else "list", line, column)
        for inner in events:
            if isinstance(inner, (SequenceEndEvent, MappingEndEvent)):
                return node
            if node.kind == "list":
                node.items.append(self._node(inner, events, depth + 1))
            else:
                self._member(node, inner, events, depth + 1)
        return node

    def _member(self, owner: Node, event: Any, events: Iterator[Any], depth: int) -> None:
        place = _place(event)
        if not isinstance(event, ScalarEvent):
            self._refuse(event, depth)
            raise Refused(traps.mapping_as_key(event), *place)
        key = event.value
        if key == "<<" and not event.style:
            raise Refused(Sentence("merge keys (`<<`) are not allowed; write the keys out"), *place)
        self._refuse(event, depth)
        member = self._node(next(events), events, depth)
        if member.kind == "word" and not (member.raw or member.style):
            member.line, member.column = place  # an empty value's own mark lies at the next word
        if key in owner.members:
            said = Sentence(
                "the key `{key}` stands here twice (first in line {line}); remove one",
                key=short(key), line=owner.keys[key][0],
            )  # fmt: skip
            self._say(said, place)
            return
        owner.members[key] = member
        owner.keys[key] = place

    def _refuse(self, event: Any, depth: int) -> None:
        place = _place(event)
        refused = _unsafe(event)
        if refused:
            raise Refused(refused, *place)
        self._values += 1
        if self._values > MAX_VALUES:
            said = Sentence("the file holds over {limit:,} values; split it into several files", limit=MAX_VALUES)
            raise Refused(said, *place)
        if depth > MAX_DEPTH:
            raise Refused(Sentence("nested deeper than {limit} levels; make it flatter", limit=MAX_DEPTH), *place)

    def _word(self, event: Any) -> Node:
        line, column = _place(event)
        style = event.style or ""
        node = Node("word", line, column, event.value, style, event.value)
        if not style:
            try:
                node.value = read_plain(event.value)
            except ValueError as error:
                self._say(sentence_of(error), (line, column))
        return node

    def _say(self, message: Sentence, place: tuple[int, int]) -> None:
        self._problems.append(Problem(message, file=self._file, line=place[0], column=place[1]))


def _unsafe(event: Any) -> Sentence | None:
    """Return why a part of YAML that could make values out of others, or objects, is refused; None for any other."""
    if isinstance(event, AliasEvent):
        return Sentence(
            "aliases (`*{name}`) are not allowed; write it out, or quote a text with *", name=short(event.anchor)
        )
    if event.anchor:
        return Sentence(
            "anchors (`&{name}`) are not allowed; remove it, or quote a text with &", name=short(event.anchor)
        )
    if event.tag is not None and not (isinstance(event, ScalarEvent) and event.tag == "!" and event.style):
        return Sentence("tags (`{name}`) are not allowed; remove it, or quote a text with !", name=short(event.tag))
    return None


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
