"""Checks of segments.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.core.conditions.portable_regex import NotPortable, as_postgresql
from engine.core.definitions import Condition
from engine.core.problems import Loc, Problem
from engine.core.sentence import Sentence, sentence_of
from engine.core.validation.files import DefinitionFile

SEGMENTS_FILE = "segments.yaml"


@dataclass(frozen=True)
class Segments(DefinitionFile):
    """segments.yaml and what it is checked against."""

    def groups(self) -> Iterator[tuple[Loc, tuple[Condition, ...] | None]]:
        """Yield the conditions of every segment and of every computed value."""
        yield from ((("segments", name), group) for name, group in self.segments.segments.items())
        for name, dimension in self.segments.dimensions.items():
            yield from (
                (("dimensions", name, "values", index, "when"), each.when)
                for index, each in enumerate(dimension.values)
            )


def set_by_one(subject: Segments) -> Iterator[Problem]:
    """A dimension is set by the CRM, follows from a clock, or is computed: one of these."""
    for name in subject.segments.dimensions:
        if name in subject.engine.all_dimensions:
            message = _SET if name in subject.engine.dimensions else _CLOCKED
            yield subject.error(("dimensions", name), message.with_values(name=name), key=True)


_SET = Sentence(
    "the dimension `{name}` is set by the CRM (engine.yaml) and cannot be computed as well; give one another name"
)
_CLOCKED = Sentence(
    "the dimension `{name}` comes from a clock's lifecycle (engine.yaml) and cannot be computed as well; give one another name"
)


def no_circles(subject: Segments) -> Iterator[Problem]:
    """No segment is made of itself."""
    named = {name: dict(_named(subject, name)) for name in subject.segments.segments}
    for name in named:
        way = _way_back(name, named)
        if way and name == min(way):
            message = Sentence(
                "the segment `{name}` is made of itself: {way}; write the conditions out in one of them",
                name=name, way=" → ".join((*way, name)),
            )  # fmt: skip
            yield subject.error(named[name][way[1] if len(way) > 1 else name], message)


def _named(subject: Segments, segment: str) -> Iterator[tuple[str, Loc]]:
    for loc, condition in subject.conditions():
        if loc[:2] == ("segments", segment):
            yield from ((name, (*loc, "segment", index)) for index, name in enumerate(condition.segment or ()))


def _way_back(begin: str, named: dict[str, dict[str, Loc]]) -> list[str] | None:
    """Return the shortest way from a segment back to itself, without its end."""
    ways, seen = [[begin]], {begin}
    while ways:
        way = ways.pop(0)
        for following in named.get(way[-1], ()):
            if following == begin:
                return way
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return None


def about_the_customer(subject: Segments) -> Iterator[Problem]:
    """A segment is about the customer at any time: there is no start and no starting event."""
    for loc, condition in subject.conditions():
        since = next((each.since for each in (condition.seen, condition.touched) if each), None)
        if since == "start":
            message = Sentence(
                "`since: start` has no meaning here: nothing has started; write a duration such as 7d, or leave it out"
            )
            yield subject.error((*loc, condition.kind, "since"), message)
        if condition.event is not None:
            message = Sentence(
                "`event` has no meaning here: there is no starting event; ask for it in the SOP's `when`"
            )
            yield subject.error((*loc, "event"), message, key=True)


def patterns_portable(subject: Segments) -> Iterator[Problem]:
    """The database finds a pattern the way the engine does."""
    for loc, _, comparison in subject.comparisons():
        if comparison.matches is None:
            continue
        try:
            as_postgresql(comparison.matches)
        except NotPortable as error:
            message = Sentence(
                "`{pattern}` uses {part}, which the database cannot look for; write it without, or use `contains`",
                pattern=comparison.matches, part=sentence_of(error),
            )  # fmt: skip
            yield subject.error((*loc, "matches"), message)
        except Exception:  # noqa: S112 - no regular expression at all: said by patterns_safe
            continue


def everybody_somewhere(subject: Segments) -> Iterator[Problem]:
    """A dimension whose last value has conditions leaves some customers where they were."""
    for name, dimension in subject.segments.dimensions.items():
        index = len(dimension.values) - 1
        last = dimension.values[index]
        if last.when is not None:
            message = Sentence(
                "a customer for whom no value of `{name}` holds keeps the one they had; add a last value without `when`",
                name=name,
            )
            yield subject.warning(("dimensions", name, "values", index), message)
