"""Reading a whole folder of definitions, from disk or from the texts stored in the database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from engine.adapters import holidays
from engine.core import validation
from engine.core.definitions import EngineConfig, Model, SegmentsConfig, Sop
from engine.core.errors import did_you_mean
from engine.core.foreign_texts import SYSTEM
from engine.core.problems import Loc, Problem
from engine.core.sentence import Sentence, codes
from engine.definitions_yaml import traps
from engine.definitions_yaml.nodes import Node
from engine.definitions_yaml.placing import placed
from engine.definitions_yaml.reading import MAX_BYTES, Refused, decode, read
from engine.definitions_yaml.validating import validate

ENGINE_FILE = "engine.yaml"
SEGMENTS_FILE = "segments.yaml"
_SHARED = (ENGINE_FILE, SEGMENTS_FILE)
_ID_LINE = re.compile(r"^sop\s*[:：]\s*[\"']?([a-z0-9][a-z0-9-]{0,63})\b", re.MULTILINE)
M = TypeVar("M", bound=Model)
ChannelTypes = Mapping[str, type[BaseModel]]


@dataclass(frozen=True)
class Loaded:
    """What a definitions folder holds: what is good, what is wrong, and the texts it was read from."""

    engine: EngineConfig | None
    """None where engine.yaml is missing or wrong."""
    sops: dict[str, Sop]
    """By SOP id: those without an error."""
    sources: dict[str, str]
    """By file name relative to the folder: every text that was read and is used."""
    problems: list[Problem]
    broken: dict[str, str | None] = field(default_factory=dict)
    """Files with an error, each with the SOP id that stands in it, None where that cannot be read."""
    files: dict[str, str] = field(default_factory=dict)
    """By SOP id: the file it stands in."""
    segments: SegmentsConfig | None = field(default_factory=SegmentsConfig)
    """Empty where there is no segments.yaml, None where it is wrong."""

    @property
    def errors(self) -> list[Problem]:
        """The problems that keep a definition from being used."""
        return [each for each in self.problems if each.level == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """The problems a person should know of."""
        return [each for each in self.problems if each.level == "warning"]


def load(folder: Path, channel_types: ChannelTypes) -> Loaded:
    """Return what engine.yaml, segments.yaml and sops/*.yaml in a folder define, with every problem; reads nothing else.

    Parameters:
        channel_types: config model of each channel type, which validates the sections under `channels`.
    """
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    remains: dict[str, str] = {}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            sources[name] = decode(data)
        except Refused as error:
            remains[name] = data.decode("utf-8", "replace")
            problems.append(Problem(error.message, file=name, line=error.line, column=error.column))
        except OSError as error:
            said = Sentence(
                "the file cannot be read: {reason}", reason=SYSTEM.said(error.strerror or type(error).__name__)
            )
            problems.append(Problem(said, file=name, line=1, column=1))
    return _load(sources, channel_types, problems, remains)


def load_sources(sources: Mapping[str, str], channel_types: ChannelTypes) -> Loaded:
    """Return what texts by relative file name define: the same as `load`, for definitions kept in the database."""
    return _load(dict(sorted(sources.items())), channel_types, [], {})


def render_problems(problems: Iterable[Problem]) -> Sentence:
    """Return the problems as plain lines: `sops/x.yaml:7:17: error: …`."""
    return Sentence.joined((problem.said() for problem in problems), by="\n")


def _files(folder: Path) -> list[Path]:
    shared = [folder / name for name in _SHARED if (folder / name).is_file()]
    sops = folder / "sops"
    return shared + sorted(path for path in (sops.iterdir() if sops.is_dir() else ()) if _is_definition(path.name))


def _is_definition(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) and not name.startswith(".")


def _load(
    sources: dict[str, str], channel_types: ChannelTypes, problems: list[Problem], remains: dict[str, str]
) -> Loaded:
    """Load texts; `remains` is what can be told of files that are no proper text, for their SOP's id."""
    unread = {problem.file for problem in problems}
    loading = _Loading(sources, channel_types, problems, remains)
    engine = loading.engine() if ENGINE_FILE not in unread else None
    segments = loading.segments() if SEGMENTS_FILE not in unread else None
    sops = {name: loading.sop(name) for name in sources if name not in _SHARED}
    return loading.finished(engine, segments, {name: sop for name, sop in sops.items() if sop})


class _Loading:
    """One pass over a folder's texts."""

    def __init__(
        self, sources: dict[str, str], channel_types: ChannelTypes, problems: list[Problem], remains: dict[str, str]
    ) -> None:
        self._sources = sources
        self._channel_types = channel_types
        self._problems = problems
        self._remains = remains
        self._roots: dict[str, Node] = {}

    def engine(self) -> EngineConfig | None:
        """Return engine.yaml as a model, its channels checked by their types."""
        if ENGINE_FILE not in self._sources:
            message = Sentence(
                "engine.yaml is missing; run `sop init` to get a commented one, or name the folder that holds it"
            )
            self._problems.append(Problem(message, file=ENGINE_FILE, line=1, column=1))
            return None
        root = self._shared_root(ENGINE_FILE)
        if root is None:
            return None
        engine, problems = validate(EngineConfig, root, ENGINE_FILE)
        channels = _channel_problems(root, self._channel_types)
        self._problems += problems + channels
        return None if channels else engine

    def segments(self) -> SegmentsConfig | None:
        """Return segments.yaml as a model, an empty one where there is no such file, None where its form is wrong."""
        if SEGMENTS_FILE not in self._sources:
            return SegmentsConfig()
        root = self._shared_root(SEGMENTS_FILE)
        if root is None:
            return None
        segments, problems = validate(SegmentsConfig, root, SEGMENTS_FILE)
        self._problems += problems
        return segments

    def _shared_root(self, name: str) -> Node | None:
        root = self._root(name)
        if root is not None and root.kind == "word" and root.value is None:
            root.kind = "map"  # an empty file is all defaults
        return root

    def sop(self, name: str) -> Sop | None:
        """Return one SOP file as a model, None where its form is wrong."""
        root = self._root(name)
        if root is None:
            return None
        sop, problems = validate(Sop, root, name)
        self._problems += problems
        return sop

    def _root(self, name: str) -> Node | None:
        root, problems = read(self._sources[name], name)
        if root is not None:
            self._roots[name] = root
            problems += traps.find(root, self._sources[name], name)
        self._problems += problems
        return root

    def finished(self, engine: EngineConfig | None, segments: SegmentsConfig | None, sops: dict[str, Sop]) -> Loaded:
        """Check what spans files and return everything."""
        names = {*self._sources, *(each.file for each in self._problems)} - {*_SHARED}
        ids = {name: self._id(name) for name in names}
        if engine is not None and segments is not None:
            known = frozenset(each for each in ids.values() if each)
            calendar = holidays.check(engine.calendar) if engine.calendar is not None else []
            for problem in (*validation.check(engine, sops, known_sops=known, segments_config=segments), *calendar):
                root, text = self._roots.get(problem.file), self._sources.get(problem.file, "")
                self._problems.append(placed(problem, root, text))
        problems = _sorted(self._problems)
        wrong = {each.file for each in problems if each.level == "error"}
        good = {sop.sop: sop for name, sop in sops.items() if name not in wrong}
        files = {sop.sop: name for name, sop in sops.items() if name not in wrong}
        broken = {name: ids.get(name) for name in sorted(wrong)}
        return Loaded(
            _unless(engine, ENGINE_FILE in wrong),
            good,
            self._sources,
            problems,
            broken,
            files,
            _unless(segments, SEGMENTS_FILE in wrong),
        )

    def _id(self, name: str) -> str | None:
        """Return the SOP id in a file, even of one that is not YAML as long as the line can be told."""
        root = self._roots.get(name)
        node = root.child("sop") if root else None
        if node:
            return node.value if isinstance(node.value, str) else None
        line = _ID_LINE.search(self._sources.get(name) or self._remains.get(name, ""))
        return line[1] if line else None


def _unless(model: M | None, wrong: bool) -> M | None:
    return None if wrong else model


def _sorted(problems: list[Problem]) -> list[Problem]:
    """What is shared first, then by place; of several errors at one place the first said stays."""
    kept: dict[tuple[str, int, int, str], Problem] = {}
    for each in problems:
        kept.setdefault((each.file, each.line, each.column, each.level), each)
    return sorted(kept.values(), key=lambda each: (each.file not in _SHARED, each.file, each.line, each.column))


def _channel_problems(root: Node, types: ChannelTypes) -> list[Problem]:
    section = root.child("channels")
    if section is None or section.kind != "map":
        return []
    return [problem for name, node in section.members.items() for problem in _channel(name, node, types)]


def _channel(name: str, node: Node, types: ChannelTypes) -> list[Problem]:
    prefix: Loc = ("channels", name)
    if node.kind != "map":
        return []  # said by EngineConfig
    kind = node.child("type")
    wanted: Any = kind.value if kind else None
    if isinstance(wanted, str) and wanted in types:
        model = types[wanted]
        shown = node if "type" in model.model_fields else _without(node, "type")
        return validate(model, shown, ENGINE_FILE, prefix)[1]
    place = (kind.line, kind.column) if kind else (node.line, node.column)
    known = codes(sorted(types))
    if kind:
        message = Sentence(
            "unknown channel type `{type}`; this version has: {names}.{hint}",
            type=str(wanted), names=known, hint=did_you_mean(str(wanted), types),
        )  # fmt: skip
    else:
        message = Sentence("channel `{name}` needs its `type`; this version has: {names}.", name=name, names=known)
    return [Problem(message, f"channels/{name}/type", ENGINE_FILE, *place)]


def _without(node: Node, key: str) -> Node:
    members = {name: member for name, member in node.members.items() if name != key}
    return Node("map", node.line, node.column, members=members, keys=node.keys)
