"""The names that SOPs wait for: event types, tags, values of dimensions. What nobody ever posted is most often a typing error."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from engine.core.definitions import Action, Condition, Moment, Sop
from engine.core.definitions.catalog import Definitions, conditions_of
from engine.core.errors import nearest
from engine.core.events.parse import KNOWN_TYPES
from engine.core.matching.triggers import type_of

Named = tuple[str, str]
"""Kind (`event`, `tag`, or a dimension's name) and name."""


@dataclass(frozen=True, slots=True)
class NeverSeen:
    """A name SOPs wait for that no event ever brought."""

    kind: str
    name: str
    starts: list[str] = field(default_factory=list)
    """SOPs that start on it."""
    exits: list[str] = field(default_factory=list)
    """SOPs that end on it."""
    asks: list[str] = field(default_factory=list)
    """SOPs with a condition about it."""
    nearest: str | None = None
    """The seen name most like it that nothing defines."""


def never_seen(definitions: Definitions, seen: Mapping[str, Collection[str]]) -> list[NeverSeen]:
    """Return the names in the definitions that were never seen, those that SOPs start on first.

    Parameters:
        seen: the names that came in, by kind. What SOPs set themselves counts as seen.
    """
    unseen: dict[Named, NeverSeen] = {}
    strangers = _strangers(definitions, seen)
    made = {named for each in definitions.sops.values() for named in _made(each.sop)} | _computed(definitions)
    for sop_id, defined in sorted(definitions.sops.items()):
        for (kind, name), role in _named(defined.sop):
            if name in seen.get(kind, ()) or (kind, name) in made:
                continue
            entry = unseen.setdefault(
                (kind, name), NeverSeen(kind, name, nearest=nearest(name, strangers.get(kind, ())))
            )
            sops = getattr(entry, role)
            if sop_id not in sops:
                sops.append(sop_id)
    return sorted(unseen.values(), key=lambda each: (not each.starts, not each.exits, each.kind, each.name))


def _computed(definitions: Definitions) -> set[Named]:
    """Return the values that the engine works out itself: nobody need be in one for it to be right."""
    computed = {name: dimension.names for name, dimension in definitions.segments.dimensions.items()}
    clocked = {
        name: values
        for name, values in definitions.engine.all_dimensions.items()
        if name not in definitions.engine.dimensions
    }
    return {(name, value) for name, values in (computed | clocked).items() for value in values}


def _strangers(definitions: Definitions, seen: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """Return the seen names that nothing defines: only those can be another's misspelling."""
    known = {each for defined in definitions.sops.values() for each, _ in _named(defined.sop)}
    known |= {("event", kind) for kind in KNOWN_TYPES}
    known |= {(name, value) for name, dimension in definitions.engine.dimensions.items() for value in dimension.values}
    return {kind: {name for name in names if (kind, name) not in known} for kind, names in seen.items()}


def _named(sop: Sop) -> Iterator[tuple[Named, str]]:
    for moment in sop.trigger:
        yield from ((named, "starts") for named in _of_moment(moment))
    for way_out in sop.exit:
        yield from ((named, "exits") for named in _of_moment(way_out))
    for condition in conditions_of(sop):
        yield from ((named, "asks") for named in _of_condition(condition))


def _of_moment(moment: Moment) -> Iterator[Named]:
    change = moment.entered or moment.left
    if change:
        yield from ((change.dimension, value) for value in change.values)
    elif moment.names:
        yield from (("tag", tag) for tag in moment.names)
    elif kind := type_of(moment):  # others come from the calendar and from clocks
        yield "event", kind


def _of_condition(condition: Condition) -> Iterator[Named]:
    yield from (("tag", tag) for tag in condition.tag or ())
    yield from ((dimension, value) for dimension, values in (condition.is_ or {}).items() for value in values)
    if condition.seen:
        yield "event", condition.seen.type


def _made(sop: Sop) -> Iterator[Named]:
    for actions in (*(step.do for step in sop.steps), *(way_out.do for way_out in sop.exit)):
        for action in actions or ():
            yield from _of_action(action)


def _of_action(action: Action) -> Iterator[Named]:
    yield from (("tag", tag) for tag in action.add_tag or ())
    yield from (action.set or {}).items()
