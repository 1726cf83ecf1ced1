"""Finding what an operator names in the definitions; a name that leads nowhere is answered with the nearest one."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from engine.core.definitions import Sop, Step
from engine.core.definitions.catalog import DefinedSop, Definitions
from engine.core.errors import NotFound, SopError, did_you_mean
from engine.core.sentence import Sentence, codes

_MOST_LISTED = 20


def defined_sop(definitions: Definitions, sop_id: str) -> DefinedSop:
    """Return the SOP of this id. Raises NotFound where none is in force, SopError where its file cannot be read."""
    defined = definitions.sops.get(sop_id)
    if defined is not None:
        return defined
    if sop_id in definitions.broken:
        raise SopError(
            Sentence(
                "SOP `{sop}` cannot be read by this version of the engine; correct its file and apply again", sop=sop_id
            )
        )
    raise unknown_sop(sop_id, definitions.sops)


def unknown_sop(sop_id: str, known: Iterable[str]) -> NotFound:
    """Return the error for an SOP that is not defined."""
    names = sorted(known)
    there = Sentence("The SOPs are: {names}", names=_some(names)) if names else Sentence("There are no SOPs")
    return NotFound(
        Sentence("no SOP `{sop}` is in force.{near} {there}", sop=sop_id, near=did_you_mean(sop_id, names), there=there)
    )


def step_of(sop: Sop, step_id: str) -> Step:
    """Return a step by its id. Raises NotFound."""
    for step in sop.steps:
        if step.id == step_id:
            return step
    raise unknown_step(sop.sop, step_id, [step.id for step in sop.steps])


def unknown_step(sop_id: str, step_id: str, known: Collection[str]) -> NotFound:
    """Return the error for a step that the SOP does not have."""
    there = Sentence("The steps are: {names}", names=_some(known)) if known else Sentence("There are no steps")
    return NotFound(
        Sentence(
            "SOP `{sop}` has no step `{step}`.{near} {there}",
            sop=sop_id,
            step=step_id,
            near=did_you_mean(step_id, known),
            there=there,
        )
    )


def check_channel(definitions: Definitions, name: str) -> None:
    """Raise NotFound for a channel that engine.yaml does not define."""
    known = sorted(definitions.engine.channels)
    if name in known:
        return
    there = Sentence("The channels are: {names}", names=_some(known)) if known else Sentence("There are no channels")
    raise NotFound(
        Sentence(
            "no channel `{channel}` is defined.{near} {there}",
            channel=name,
            near=did_you_mean(name, known),
            there=there,
        )
    )


def check_pausable(kind: str, name: str, definitions: Definitions) -> None:
    """Raise NotFound where a pause's `kind` (sop, channel, all) and `name` point at nothing that is in force."""
    if kind == "channel":
        check_channel(definitions, name)
    elif kind == "sop" and name not in {*definitions.sops, *definitions.broken}:
        raise unknown_sop(name, {*definitions.sops, *definitions.broken})


def _some(names: Collection[str]) -> object:
    """Return the first of many names, with a sign that there are more."""
    listed = codes(list(names)[:_MOST_LISTED])
    return Sentence("{names} …", names=listed) if len(names) > _MOST_LISTED else listed
