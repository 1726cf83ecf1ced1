"""Checks of names: do the channels, dimensions, attributes, roles and SOPs exist that a definition names?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from engine.core.checks.subject import Subject, problem
from engine.core.definitions import Change, Sop
from engine.core.errors import did_you_mean
from engine.core.problems import Loc, Problem


def ids_once(sops: Mapping[str, Sop]) -> Iterator[Problem]:
    """No two files define the same SOP."""
    first: dict[str, str] = {}
    for file, sop in sops.items():
        if sop.sop in first:
            message = f"the SOP `{sop.sop}` is already defined in {first[sop.sop]}; give one another id or remove it"
            yield problem(file, ("sop",), message)
        first.setdefault(sop.sop, file)


def _unknown(
    subject: Subject, what: str, name: str, known: Iterable[str], loc: Loc, remedy: str, *, key: bool = False
) -> Iterator[Problem]:
    names = list(known)
    if name not in names:
        listed = ", ".join(names) or "none"
        message = f"unknown {what} `{name}`; known: {listed}.{did_you_mean(name, names) or f' {remedy}'}"
        yield subject.error(loc, message, key=key)


def channels_exist(subject: Subject) -> Iterator[Problem]:
    """A channel named by a step or the defaults is configured in engine.yaml."""
    places: list[tuple[Loc, tuple[str, ...] | None]] = [(("defaults", "channel"), subject.sop.defaults.channel)]
    places += [(("steps", index, "channel"), step.channel) for index, step in enumerate(subject.sop.steps)]
    for loc, channels in places:
        for index, name in enumerate(channels or ()):
            if name == "preferred":
                message = "`preferred` is part of the language but this version does not run it yet; name a channel"
                yield subject.error((*loc, index), message)
                continue
            remedy = "Add it under `channels` in engine.yaml."
            yield from _unknown(subject, "channel", name, subject.engine.channels, (*loc, index), remedy)


def dimensions_exist(subject: Subject) -> Iterator[Problem]:
    """A dimension and its values are declared in engine.yaml."""
    for loc, condition in subject.conditions():
        for name, values in (condition.is_ or {}).items():
            yield from _dimension(subject, name, values, (*loc, "is", name))
    for loc, moment in subject.moments():
        for change in (moment.entered, moment.left):
            if change is not None:
                yield from _change(subject, change, (*loc, moment.kind))
    for loc, action in subject.actions():
        for name, value in (action.set or {}).items():
            yield from _dimension(subject, name, (value,), (*loc, "set", name))


def _change(subject: Subject, change: Change, loc: Loc) -> Iterator[Problem]:
    yield from _dimension(subject, change.dimension, change.values, (*loc, change.dimension))
    if change.dimension in subject.engine.dimensions:
        for key, values in (("from", change.from_), ("to", change.to)):
            yield from _dimension(subject, change.dimension, values or (), (*loc, key))


def _dimension(subject: Subject, name: str, values: tuple[str, ...], loc: Loc) -> Iterator[Problem]:
    declared, remedy = subject.engine.dimensions, "Declare it under `dimensions` in engine.yaml."
    yield from _unknown(subject, "dimension", name, declared, loc, remedy, key=True)
    for index, value in enumerate(values if name in declared else ()):
        remedy = f"Add it to the values of `{name}` in engine.yaml."
        yield from _unknown(subject, f"value of {name}", value, declared[name].values, (*loc, index), remedy)


def attributes_exist(subject: Subject) -> Iterator[Problem]:
    """An attribute that is compared or that a step counts from is declared in engine.yaml."""
    remedy = "Declare it under `attributes` in engine.yaml."
    declared = subject.engine.attributes
    for loc, name, _ in subject.comparisons():
        if name is not None:
            yield from _unknown(subject, "attribute", name, declared, loc, remedy, key=True)
    for index, step in enumerate(subject.sop.steps):
        if step.from_ and step.from_.startswith("attr."):
            name = step.from_.removeprefix("attr.")
            yield from _unknown(subject, "attribute", name, declared, ("steps", index, "from"), remedy)


def roles_exist(subject: Subject) -> Iterator[Problem]:
    """A task's role is one customers' staff can have."""
    for index, step in enumerate(subject.sop.steps):
        if step.task is not None:
            loc = ("steps", index, "task", "to")
            remedy = "Add it under `staff` in engine.yaml."
            yield from _unknown(subject, "role", step.task.to, subject.engine.staff, loc, remedy)


def sops_exist(subject: Subject) -> Iterator[Problem]:
    """An SOP that is started, ended or asked for is defined."""
    for loc, name in _sops_named(subject):
        yield from _unknown(subject, "SOP", name, sorted(subject.known_sops), loc, "Define it in a file of its own.")


def _sops_named(subject: Subject) -> Iterator[tuple[Loc, str]]:
    for loc, action in subject.actions():
        if action.start or action.exit:
            yield (*loc, action.kind), str(action.start or action.exit)
    for loc, condition in subject.conditions():
        if condition.touched is not None:
            yield (*loc, "touched", "sop"), condition.touched.sop
        for index, name in enumerate(condition.in_sop or ()):
            yield (*loc, "in_sop", index), name
