"""Checks of names: do the channels, dimensions, attributes, roles and SOPs exist that a definition names?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.core.definitions import LIFECYCLE, PREFERRED, Change, EngineConfig, Sop, Task
from engine.core.delivery.channels import PREFERRED_ATTRIBUTE
from engine.core.errors import did_you_mean
from engine.core.problems import Loc, Problem
from engine.core.validation.conditions import fits, wanted
from engine.core.validation.files import DefinitionFile, SopFile, problem


def ids_once(sops: Mapping[str, Sop]) -> Iterator[Problem]:
    """No two files define the same SOP."""
    first: dict[str, str] = {}
    for file, sop in sops.items():
        if sop.sop in first:
            message = f"the SOP `{sop.sop}` is already defined in {first[sop.sop]}; give one another id or remove it"
            yield problem(file, ("sop",), message)
        first.setdefault(sop.sop, file)


@dataclass(frozen=True, slots=True)
class _Register:
    """Where names of one kind are defined."""

    what: str
    """The kind in words."""
    known: Iterable[str]
    remedy: str
    """What to do about one that is not there."""


def _unknown(
    subject: DefinitionFile, register: _Register, name: str, loc: Loc, *, key: bool = False
) -> Iterator[Problem]:
    names = list(register.known)
    if name not in names:
        listed = ", ".join(names) or "none"
        meant = _or(did_you_mean(name, names), register.remedy)
        yield subject.error(loc, f"unknown {register.what} `{name}`; known: {listed}.{meant}", key=key)


def _or(meant: str, remedy: str) -> str:
    """Return the near miss and what else can be done: names may be like each other by chance."""
    return f"{meant} Or {remedy[0].lower()}{remedy[1:]}" if meant else f" {remedy}"


def channels_exist(subject: SopFile) -> Iterator[Problem]:
    """A channel named by a step, a notice or the defaults is configured in engine.yaml; `preferred` comes first."""
    places: list[tuple[Loc, tuple[str, ...] | None]] = [(("defaults", "channel"), subject.sop.defaults.channel)]
    places += [(("steps", index, "channel"), step.channel) for index, step in enumerate(subject.sop.steps)]
    places += [
        ((*loc, "notify", "channel"), each.notify.channel) for loc, each in subject.actions() if each.notify is not None
    ]
    register = _Register("channel", subject.engine.channels, "Add it under `channels` in engine.yaml.")
    for loc, channels in places:
        for index, name in enumerate(channels or ()):
            if name == PREFERRED:
                yield from _preferred(subject, (*loc, index), index, channels or ())
                continue
            yield from _unknown(subject, register, name, (*loc, index))


def _preferred(subject: SopFile, loc: Loc, index: int, channels: tuple[str, ...]) -> Iterator[Problem]:
    if index:
        yield subject.error(loc, f"`{PREFERRED}` comes first in a channel list; write [{PREFERRED}, …]")
    if len(channels) == 1:
        remedy = f"name another channel after it, e.g. [{PREFERRED}, {next(iter(subject.engine.channels), 'wecom')}]"
        yield subject.error(
            loc, f"`{PREFERRED}` alone leaves customers without `{PREFERRED_ATTRIBUTE}` unreached; {remedy}"
        )


def caps_exist(engine: EngineConfig) -> Iterator[Problem]:
    """A channel that a cap counts is configured."""
    for index, cap in enumerate(engine.caps):
        if cap.channel is not None and cap.channel not in engine.channels:
            known = ", ".join(engine.channels) or "none"
            remedy = _or(did_you_mean(cap.channel, engine.channels), "Add it under `channels`.")
            message = f"unknown channel `{cap.channel}`; known: {known}.{remedy}"
            yield problem("engine.yaml", ("caps", index, "channel"), message)


def dimensions_exist(subject: DefinitionFile) -> Iterator[Problem]:
    """A dimension and its values are declared in engine.yaml, or computed; what is computed is not set."""
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
            if (owner := _computed_by(subject, name)) is not None:
                yield subject.error(
                    (*loc, "set", name), f"`{name}` is computed {owner} and cannot be set; remove it", key=True
                )


def _computed_by(subject: DefinitionFile, name: str) -> str | None:
    """Return in words where a dimension comes from that nobody sets, None for one that is set."""
    if name in subject.segments.dimensions:
        return "by segments.yaml"
    return f"from the clock `{subject.engine.lifecycle[0]}`" if name == LIFECYCLE and subject.engine.lifecycle else None


def _change(subject: DefinitionFile, change: Change, loc: Loc) -> Iterator[Problem]:
    yield from _dimension(subject, change.dimension, change.values, (*loc, change.dimension))
    if change.dimension in subject.dimensions:
        for key, values in (("from", change.from_), ("to", change.to)):
            yield from _dimension(subject, change.dimension, values or (), (*loc, key))


def _dimension(subject: DefinitionFile, name: str, values: tuple[str, ...], loc: Loc) -> Iterator[Problem]:
    known, remedy = subject.dimensions, "Declare it under `dimensions` in engine.yaml, or compute it in segments.yaml."
    yield from _unknown(subject, _Register("dimension", known, remedy), name, loc, key=True)
    file = "segments.yaml" if name in subject.segments.dimensions else "engine.yaml"
    for index, value in enumerate(values if name in known else ()):
        register = _Register(f"value of {name}", known[name], f"Add it to the values of `{name}` in {file}.")
        yield from _unknown(subject, register, value, (*loc, index))


def numbers_exist(subject: DefinitionFile) -> Iterator[Problem]:
    """A metric or segment that a condition names stands in segments.yaml."""
    metrics = _Register("metric", subject.segments.numbers, "Define it under `metrics` in segments.yaml.")
    segments = _Register("segment", subject.segments.segments, "Define it under `segments` in segments.yaml.")
    for loc, condition in subject.conditions():
        for name in condition.metric or {}:
            if (parts := _rfm_parts(subject, name)) is not None:
                message = f"`{name}` is an rfm, which consists of several numbers; name one of {', '.join(parts)}"
                yield subject.error((*loc, "metric", name), message, key=True)
                continue
            yield from _unknown(subject, metrics, name, (*loc, "metric", name), key=True)
        for index, name in enumerate(condition.segment or ()):
            yield from _unknown(subject, segments, name, (*loc, "segment", index))


def _rfm_parts(subject: DefinitionFile, name: str) -> list[str] | None:
    metric = subject.segments.metrics.get(name)
    return metric.numbers(name) if metric and metric.rfm else None


def clocks_exist(subject: DefinitionFile) -> Iterator[Problem]:
    """A clock whose silence is asked for is defined in engine.yaml."""
    clocks = _Register("clock", subject.engine.clocks, "Define it under `clocks` in engine.yaml.")
    places = [(loc, each.silent) for loc, each in subject.conditions()] + [
        (loc, each.silent) for loc, each in subject.moments()
    ]
    for loc, silent in places:
        if silent is not None:
            yield from _unknown(subject, clocks, silent.clock, (*loc, "silent", "clock"))


def _attributes(subject: DefinitionFile) -> _Register:
    return _Register("attribute", subject.engine.attributes, "Declare it under `attributes` in engine.yaml.")


def attributes_exist(subject: DefinitionFile) -> Iterator[Problem]:
    """An attribute that is compared is declared in engine.yaml."""
    for loc, name, _ in subject.comparisons():
        if name is not None:
            yield from _unknown(subject, _attributes(subject), name, loc, key=True)


def attributes_set_exist(subject: SopFile) -> Iterator[Problem]:
    """An attribute that an action sets is declared in engine.yaml, with a value of its type."""
    for loc, action in subject.actions():
        for name, value in (action.attr or {}).items():
            known = subject.engine.attributes
            yield from _unknown(subject, _attributes(subject), name, (*loc, "attr", name), key=True)
            if name in known and not fits(value, known[name].type):
                message = f"`{name}` is declared as {known[name].type} and is set to `{value}`; write {wanted(known[name].type)}"
                yield subject.error((*loc, "attr", name), message)


def dates_exist(subject: SopFile) -> Iterator[Problem]:
    """An attribute that a step counts from is declared in engine.yaml."""
    for index, step in enumerate(subject.sop.steps):
        if step.from_ and step.from_.startswith("attr."):
            name = step.from_.removeprefix("attr.")
            yield from _unknown(subject, _attributes(subject), name, ("steps", index, "from"))


def roles_exist(subject: SopFile) -> Iterator[Problem]:
    """The role of a task or a notice is one customers' staff can have."""
    places = [((*loc, "to"), each.to) for loc, each in subject.contents() if isinstance(each, Task)]
    places += [((*loc, "notify", "to"), each.notify.to) for loc, each in subject.actions() if each.notify is not None]
    roles = _Register("role", subject.engine.staff, "Add it under `staff` in engine.yaml.")
    for loc, role in places:
        yield from _unknown(subject, roles, role, loc)


def sops_exist(subject: DefinitionFile) -> Iterator[Problem]:
    """An SOP that is started, ended or asked for is defined."""
    sops = _Register("SOP", sorted(subject.known_sops), "Define it in a file of its own.")
    for loc, name in _sops_named(subject):
        yield from _unknown(subject, sops, name, loc)


def _sops_named(subject: DefinitionFile) -> Iterator[tuple[Loc, str]]:
    for loc, action in subject.actions():
        if action.start or action.exit:
            yield (*loc, action.kind), str(action.start or action.exit)
    for loc, condition in subject.conditions():
        if condition.touched is not None:
            yield (*loc, "touched", "sop"), condition.touched.sop
        for index, name in enumerate(condition.in_sop or ()):
            yield (*loc, "in_sop", index), name
