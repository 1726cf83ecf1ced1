"""One SOP under check, and its parts with the way to each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.core.definitions import (
    Action,
    Comparison,
    Condition,
    EngineConfig,
    Message,
    Moment,
    SegmentsConfig,
    Sop,
    Task,
)
from engine.core.problems import Level, Loc, Problem
from engine.core.sentence import Sentence


def problem(file: str, loc: Loc, message: Sentence, level: Level = "error", **extra: Any) -> Problem:
    """Return a problem at the end of a way.

    Parameters:
        loc: the way from the root of the file, keys and indices.
        extra: `key=True` places it at the key, not at its value.
    """
    return Problem(message, "/".join(map(str, loc)), file, level=level, extra={"loc": loc, **extra})


@dataclass(frozen=True)
class DefinitionFile:
    """One file under check, and what it is checked against."""

    file: str
    engine: EngineConfig
    segments: SegmentsConfig
    known_sops: frozenset[str]

    def error(self, loc: Loc, message: Sentence, **extra: Any) -> Problem:
        """Return an error at the end of a way in this file."""
        return problem(self.file, loc, message, **extra)

    def warning(self, loc: Loc, message: Sentence, **extra: Any) -> Problem:
        """Return a warning at the end of a way in this file."""
        return problem(self.file, loc, message, "warning", **extra)

    @property
    def dimensions(self) -> dict[str, tuple[str, ...]]:
        """The values of every dimension: declared, the lifecycle, computed."""
        computed = {name: each.names for name, each in self.segments.dimensions.items()}
        return self.engine.all_dimensions | computed

    def conditions(self) -> Iterator[tuple[Loc, Condition]]:
        """Yield every condition with its way, nested ones too."""
        for loc, group in self.groups():
            for index, condition in enumerate(group or ()):
                yield from _with_nested((*loc, index), condition)

    def groups(self) -> Iterator[tuple[Loc, tuple[Condition, ...] | None]]:
        """Yield every list of conditions with its way.

        Raises NotImplementedError in the base class.
        """
        raise NotImplementedError

    def moments(self) -> Iterator[tuple[Loc, Moment]]:
        """Yield every moment with its way."""
        yield from ()

    def actions(self) -> Iterator[tuple[Loc, Action]]:
        """Yield every action with its way."""
        yield from ()

    def comparisons(self) -> Iterator[tuple[Loc, str | None, Comparison]]:
        """Yield every comparison with its way and, where it is one of an attribute's, that attribute."""
        for loc, condition in self.conditions():
            for name, wanted in (condition.attr or {}).items():
                yield (*loc, "attr", name), name, wanted
            for name, wanted in (condition.event or {}).items():
                yield (*loc, "event", name), None, wanted
        for loc, moment in self.moments():
            for name, wanted in (moment.event.where if moment.event else {}).items():
                yield (*loc, "event", "where", name), None, wanted


@dataclass(frozen=True)
class SopFile(DefinitionFile):
    """One SOP and what it is checked against."""

    sop: Sop

    def moments(self) -> Iterator[tuple[Loc, Moment]]:
        """Yield every trigger and exit, and the goal, with its way."""
        yield from ((("trigger", index), each) for index, each in enumerate(self.sop.trigger))
        yield from ((("exit", index), each) for index, each in enumerate(self.sop.exit))
        if self.sop.goal is not None:
            yield ("goal",), self.sop.goal

    def groups(self) -> Iterator[tuple[Loc, tuple[Condition, ...] | None]]:
        """Yield when, while, each step's when and its variants'."""
        yield from [(("when",), self.sop.when), (("while",), self.sop.while_)]
        for index, step in enumerate(self.sop.steps):
            yield ("steps", index, "when"), step.when
            for number, variant in enumerate(step.variants or ()):
                yield ("steps", index, "variants", number, "when"), variant.when

    def contents(self) -> Iterator[tuple[Loc, Message | Task]]:
        """Yield every message and task with its way."""
        for index, step in enumerate(self.sop.steps):
            for way, content in step.contents:
                yield ("steps", index, *way), content

    def actions(self) -> Iterator[tuple[Loc, Action]]:
        """Yield every action of steps and exits with its way."""
        owners: list[tuple[Loc, tuple[Action, ...] | None]] = [
            (("steps", index, "do"), step.do) for index, step in enumerate(self.sop.steps)
        ]
        owners += [(("exit", index, "do"), each.do) for index, each in enumerate(self.sop.exit)]
        for loc, group in owners:
            yield from (((*loc, index), action) for index, action in enumerate(group or ()))


def _with_nested(loc: Loc, condition: Condition) -> Iterator[tuple[Loc, Condition]]:
    yield loc, condition
    for kind, nested in (("all", condition.all), ("any", condition.any)):
        for index, each in enumerate(nested or ()):
            yield from _with_nested((*loc, kind, index), each)
    if condition.not_ is not None:
        yield from _with_nested((*loc, "not"), condition.not_)
