"""Checks of names: do the channels, dimensions, attributes, roles and SOPs exist that a definition names?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from engine.core.definitions import LIFECYCLE, PREFERRED, Change, EngineConfig, Sop, Task
from engine.core.delivery.channels import PREFERRED_ATTRIBUTE
from engine.core.problems import Loc, Problem
from engine.core.sentence import Sentence, codes
from engine.core.validation import unknown_names
from engine.core.validation.conditions import KINDS, fits, wanted
from engine.core.validation.files import DefinitionFile, SopFile, problem
from engine.core.validation.unknown_names import Kind


def ids_once(sops: Mapping[str, Sop]) -> Iterator[Problem]:
    """No two files define the same SOP."""
    first: dict[str, str] = {}
    for file, sop in sops.items():
        if sop.sop in first:
            message = Sentence(
                "the SOP `{sop}` is already defined in {file}; give one another id or remove it",
                sop=sop.sop, file=first[sop.sop],
            )  # fmt: skip
            yield problem(file, ("sop",), message)
        first.setdefault(sop.sop, file)


def _unknown(
    subject: DefinitionFile, kind: Kind, known: Collection[str], name: str, loc: Loc, *, key: bool = False
) -> Iterator[Problem]:
    if name not in known:
        yield subject.error(loc, kind.said(name, known), key=key)


def channels_exist(subject: SopFile) -> Iterator[Problem]:
    """A channel named by a step, a notice or the defaults is configured in engine.yaml; `preferred` comes first."""
    places: list[tuple[Loc, tuple[str, ...] | None]] = [(("defaults", "channel"), subject.sop.defaults.channel)]
    places += [(("steps", index, "channel"), step.channel) for index, step in enumerate(subject.sop.steps)]
    places += [
        ((*loc, "notify", "channel"), each.notify.channel) for loc, each in subject.actions() if each.notify is not None
    ]
    for loc, channels in places:
        for index, name in enumerate(channels or ()):
            if name == PREFERRED:
                yield from _preferred(subject, (*loc, index), index, channels or ())
                continue
            yield from _unknown(subject, unknown_names.CHANNEL, subject.engine.channels, name, (*loc, index))


def _preferred(subject: SopFile, loc: Loc, index: int, channels: tuple[str, ...]) -> Iterator[Problem]:
    if index:
        message = Sentence("`{preferred}` comes first in a channel list; write [{preferred}, …]", preferred=PREFERRED)
        yield subject.error(loc, message)
    if len(channels) == 1:
        message = Sentence(
            "`{preferred}` alone leaves customers without `{attribute}` unreached; "
            "name another channel after it, e.g. [{preferred}, {other}]",
            preferred=PREFERRED, attribute=PREFERRED_ATTRIBUTE, other=next(iter(subject.engine.channels), "wecom"),
        )  # fmt: skip
        yield subject.error(loc, message)


def caps_exist(engine: EngineConfig) -> Iterator[Problem]:
    """A channel that a cap counts is configured."""
    for index, cap in enumerate(engine.caps):
        if cap.channel is not None and cap.channel not in engine.channels:
            message = unknown_names.CHANNEL_HERE.said(cap.channel, engine.channels)
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
            message = _computed(subject, name)
            if message:
                yield subject.error((*loc, "set", name), message, key=True)


def _computed(subject: DefinitionFile, name: str) -> Sentence | None:
    """Return that a dimension is computed and cannot be set, None of one that is set."""
    if name in subject.segments.dimensions:
        return Sentence("`{name}` is computed by segments.yaml and cannot be set; remove it", name=name)
    if name != LIFECYCLE or subject.engine.lifecycle is None:
        return None
    clock = subject.engine.lifecycle[0]
    return Sentence(
        "`{name}` is computed from the clock `{clock}` and cannot be set; remove it", name=name, clock=clock
    )


def _change(subject: DefinitionFile, change: Change, loc: Loc) -> Iterator[Problem]:
    yield from _dimension(subject, change.dimension, change.values, (*loc, change.dimension))
    if change.dimension in subject.dimensions:
        for key, values in (("from", change.from_), ("to", change.to)):
            yield from _dimension(subject, change.dimension, values or (), (*loc, key))


def _dimension(subject: DefinitionFile, name: str, values: tuple[str, ...], loc: Loc) -> Iterator[Problem]:
    known = subject.dimensions
    yield from _unknown(subject, unknown_names.DIMENSION, known, name, loc, key=True)
    file = "segments.yaml" if name in subject.segments.dimensions else "engine.yaml"
    for index, value in enumerate(values if name in known else ()):
        if value not in known[name]:
            message = unknown_names.VALUE.said(value, known[name], dimension=name, file=file)
            yield subject.error((*loc, index), message)


def numbers_exist(subject: DefinitionFile) -> Iterator[Problem]:
    """A metric or segment that a condition names stands in segments.yaml."""
    metrics = subject.segments.numbers
    for loc, condition in subject.conditions():
        for name in condition.metric or {}:
            if (parts := _rfm_parts(subject, name)) is not None:
                message = Sentence(
                    "`{name}` is an rfm, which consists of several numbers; name one of {names}",
                    name=name, names=codes(parts),
                )  # fmt: skip
                yield subject.error((*loc, "metric", name), message, key=True)
                continue
            yield from _unknown(subject, unknown_names.METRIC, metrics, name, (*loc, "metric", name), key=True)
        for index, name in enumerate(condition.segment or ()):
            yield from _unknown(
                subject, unknown_names.SEGMENT, subject.segments.segments, name, (*loc, "segment", index)
            )


def _rfm_parts(subject: DefinitionFile, name: str) -> list[str] | None:
    metric = subject.segments.metrics.get(name)
    return metric.numbers(name) if metric and metric.rfm else None


def clocks_exist(subject: DefinitionFile) -> Iterator[Problem]:
    """A clock whose silence is asked for is defined in engine.yaml."""
    places = [(loc, each.silent) for loc, each in subject.conditions()] + [
        (loc, each.silent) for loc, each in subject.moments()
    ]
    for loc, silent in places:
        if silent is not None:
            yield from _unknown(
                subject, unknown_names.CLOCK, subject.engine.clocks, silent.clock, (*loc, "silent", "clock")
            )


def _attribute(subject: DefinitionFile, name: str, loc: Loc, *, key: bool = False) -> Iterator[Problem]:
    yield from _unknown(subject, unknown_names.ATTRIBUTE, subject.engine.attributes, name, loc, key=key)


def attributes_exist(subject: DefinitionFile) -> Iterator[Problem]:
    """An attribute that is compared is declared in engine.yaml."""
    for loc, name, _ in subject.comparisons():
        if name is not None:
            yield from _attribute(subject, name, loc, key=True)


def attributes_set_exist(subject: SopFile) -> Iterator[Problem]:
    """An attribute that an action sets is declared in engine.yaml, with a value of its type."""
    for loc, action in subject.actions():
        for name, value in (action.attr or {}).items():
            known = subject.engine.attributes
            yield from _attribute(subject, name, (*loc, "attr", name), key=True)
            if name in known and not fits(value, known[name].type):
                kind = known[name].type
                message = Sentence(
                    "`{name}` is declared as {kind} and is set to `{value}`; write {wanted}",
                    name=name, kind=KINDS[kind], value=str(value), wanted=wanted(kind),
                )  # fmt: skip
                yield subject.error((*loc, "attr", name), message)


def dates_exist(subject: SopFile) -> Iterator[Problem]:
    """An attribute that a step counts from is declared in engine.yaml."""
    for index, step in enumerate(subject.sop.steps):
        if step.from_ and step.from_.startswith("attr."):
            name = step.from_.removeprefix("attr.")
            yield from _attribute(subject, name, ("steps", index, "from"))


def roles_exist(subject: SopFile) -> Iterator[Problem]:
    """The role of a task or a notice is one customers' staff can have."""
    places = [((*loc, "to"), each.to) for loc, each in subject.contents() if isinstance(each, Task)]
    places += [((*loc, "notify", "to"), each.notify.to) for loc, each in subject.actions() if each.notify is not None]
    for loc, role in places:
        yield from _unknown(subject, unknown_names.ROLE, subject.engine.staff, role, loc)


def sops_exist(subject: DefinitionFile) -> Iterator[Problem]:
    """An SOP that is started, ended or asked for is defined."""
    known = sorted(subject.known_sops)
    for loc, name in _sops_named(subject):
        yield from _unknown(subject, unknown_names.SOP, known, name, loc)


def _sops_named(subject: DefinitionFile) -> Iterator[tuple[Loc, str]]:
    for loc, action in subject.actions():
        if action.start or action.exit:
            yield (*loc, action.kind), str(action.start or action.exit)
    for loc, condition in subject.conditions():
        if condition.touched is not None:
            yield (*loc, "touched", "sop"), condition.touched.sop
        for index, name in enumerate(condition.in_sop or ()):
            yield (*loc, "in_sop", index), name
