"""What is allowed but probably not meant: warnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import time
from typing import Any

from engine.core.definitions import LIFECYCLE, Action, Moment, Sop, Step
from engine.core.definitions.catalog import index_keys
from engine.core.problems import Loc, Problem
from engine.core.sentence import Sentence
from engine.core.validation.files import SopFile

_EARLY = time(12, 0)


def past_on_arrival(subject: SopFile) -> Iterator[Problem]:
    """A clock time on the day of the start is past for those who come later that day; days begin at midnight, and what comes with them."""
    if all(_at_midnight(moment) for moment in subject.sop.trigger):
        return
    for index, step in enumerate(subject.sop.steps):
        window = subject.sop.window_of(step)
        clock = window[0] if window else step.at or subject.sop.defaults.at
        if step.day == 0 and step.from_ is None and clock is not None and clock < _EARLY:
            message = Sentence(
                "step `{step}` is skipped (before_start) for customers who come after {time} that day; "
                "use `after: 1m`, a later `at`, or `day: 1`",
                step=step.id, time=f"{clock:%H:%M}",
            )  # fmt: skip
            yield subject.warning(("steps", index, "day"), message)


def _at_midnight(moment: Moment) -> bool:
    """Return whether this happens as the day begins (nearly: activity leads back to a lifecycle's first value at any time)."""
    change = moment.entered or moment.left
    return bool(moment.silent or moment.date or moment.schedule or (change and change.dimension == LIFECYCLE))


def before_the_anchor(subject: SopFile) -> Iterator[Problem]:
    """A negative day counted from the start itself is always past, unless the start is a day that can be foreseen."""
    if any(moment.date for moment in subject.sop.trigger):
        return
    for index, step in enumerate(subject.sop.steps):
        if step.day is not None and step.day < 0 and step.from_ is None:
            message = Sentence(
                "step `{step}` lies before the start and is always skipped; count from another date by `from`",
                step=step.id,
            )
            yield subject.warning(("steps", index, "day"), message)


def at_the_same_time(subject: SopFile) -> Iterator[Problem]:
    """Two touches at one moment: the customer gets both at once."""
    first: dict[tuple[Any, ...], Step] = {}
    for index, step in enumerate(subject.sop.steps):
        if step.kind == "do" or step.when or any(each.when for each in step.variants or ()):
            continue
        clock: Any = subject.sop.window_of(step) or step.at or subject.sop.defaults.at if step.day is not None else None
        moment = (step.day, clock, step.after, step.from_, step.kind)
        if moment in first:
            message = Sentence(
                "step `{step}` is due at the same time as step `{other}`; both go out at once",
                step=step.id, other=first[moment].id,
            )  # fmt: skip
            yield subject.warning(("steps", index), message)
        first.setdefault(moment, step)


def circles(sops: Mapping[str, Sop]) -> Iterator[Problem]:
    """SOPs that set each other off in a circle go on until they are cut, unless reentry stops them."""
    started_by = _started_by(sops.values())
    starts = {sop.sop: dict(_starts(sop, started_by)) for sop in sops.values()}
    files = {sop.sop: file for file, sop in sops.items()}
    told: set[frozenset[str]] = set()
    for sop_id in starts:
        circle = _circle(sop_id, starts)
        if circle and frozenset(circle) not in told:
            told.add(frozenset(circle))
            way = " → ".join((*circle, sop_id))
            message = Sentence(
                "these SOPs set each other off in a circle: {way}; end it, or limit it by `reentry`", way=way
            )
            loc = starts[sop_id][circle[1] if len(circle) > 1 else sop_id]
            yield Problem(message, "/".join(map(str, loc)), files[sop_id], level="warning", extra={"loc": loc})


def starts_without_key(sops: Mapping[str, Sop]) -> Iterator[Problem]:
    """What `do: start` begins has no event data, so an SOP with a `key` refuses it."""
    keyed = {sop.sop: sop.key for sop in sops.values() if sop.key is not None}
    for file, sop in sops.items():
        for name, loc in _starts(sop, {}):
            if name in keyed:
                message = Sentence(
                    "`{name}` has `key: {key}`, and what `start` begins has no such data: it is always refused "
                    "(no_key); let a tag or an event start it, or remove its `key`",
                    name=name, key=keyed[name],
                )  # fmt: skip
                yield Problem(message, "/".join(map(str, loc)), file, level="warning", extra={"loc": loc})


def _started_by(sops: Iterable[Sop]) -> dict[tuple[str, str | None], list[str]]:
    """Return the SOPs that a tag set or removed, or a value entered, may start."""
    table: dict[tuple[str, str | None], list[str]] = {}
    for sop in sops:
        for moment in sop.trigger:
            for key in index_keys(moment):
                table.setdefault(key, []).append(sop.sop)
    return table


def _starts(sop: Sop, started_by: Mapping[tuple[str, str | None], list[str]]) -> Iterator[tuple[str, Loc]]:
    """Yield the SOPs that an SOP's actions start, by name or by what they set, each with the way to the action."""
    owners: list[tuple[Loc, Any]] = [(("steps", index, "do"), step.do) for index, step in enumerate(sop.steps)]
    owners += [(("exit", index, "do"), each.do) for index, each in enumerate(sop.exit)]
    for loc, actions in owners:
        for index, action in enumerate(actions or ()):
            if action.start:
                yield action.start, (*loc, index, "start")
            for key in _sets(action):
                yield from ((each, (*loc, index, action.kind)) for each in started_by.get(key, ()))


def _sets(action: Action) -> list[tuple[str, str | None]]:
    """Return what an action makes happen, as triggers are indexed."""
    tags = [("tag_added", tag) for tag in action.add_tag or ()] + [
        ("tag_removed", tag) for tag in action.remove_tag or ()
    ]
    return [*tags, *(("entered", f"{name}={value}") for name, value in (action.set or {}).items())]


def _circle(begin: str, starts: Mapping[str, Mapping[str, Loc]]) -> list[str] | None:
    """Return the shortest way from an SOP back to itself, without its end."""
    ways, seen = [[begin]], {begin}
    while ways:
        way = ways.pop(0)
        for following in starts.get(way[-1], ()):
            if following == begin:
                return way
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return None
