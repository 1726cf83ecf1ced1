"""Finding what an operator names in the definitions; a name that leads nowhere is answered with the nearest one."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from engine.core.definitions import Sop, Step
from engine.core.definitions.catalog import DefinedSop, Definitions
from engine.core.errors import NotFound, SopError, did_you_mean

_MOST_LISTED = 20


def defined_sop(definitions: Definitions, sop_id: str) -> DefinedSop:
    """Return the SOP of this id. Raises NotFound where none is in force, SopError where its file cannot be read."""
    defined = definitions.sops.get(sop_id)
    if defined is not None:
        return defined
    if sop_id in definitions.broken:
        raise SopError(f"SOP `{sop_id}` cannot be read by this version of the engine; correct its file and apply again")
    raise unknown_sop(sop_id, definitions.sops)


def unknown_sop(sop_id: str, known: Iterable[str]) -> NotFound:
    """Return the error for an SOP that is not defined."""
    names = sorted(known)
    return NotFound(f"no SOP `{sop_id}` is in force.{did_you_mean(sop_id, names)} {_there_are('SOPs', names)}")


def step_of(sop: Sop, step_id: str) -> Step:
    """Return a step by its id. Raises NotFound."""
    for step in sop.steps:
        if step.id == step_id:
            return step
    raise unknown_step(sop.sop, step_id, [step.id for step in sop.steps])


def unknown_step(sop_id: str, step_id: str, known: Collection[str]) -> NotFound:
    """Return the error for a step that the SOP does not have."""
    return NotFound(
        f"SOP `{sop_id}` has no step `{step_id}`.{did_you_mean(step_id, known)} {_there_are('steps', known)}"
    )


def check_channel(definitions: Definitions, name: str) -> None:
    """Raise NotFound for a channel that engine.yaml does not define."""
    known = sorted(definitions.engine.channels)
    if name not in known:
        raise NotFound(f"no channel `{name}` is defined.{did_you_mean(name, known)} {_there_are('channels', known)}")


def check_pausable(kind: str, name: str, definitions: Definitions) -> None:
    """Raise NotFound where a pause's `kind` (sop, channel, all) and `name` point at nothing that is in force."""
    if kind == "channel":
        check_channel(definitions, name)
    elif kind == "sop" and name not in {*definitions.sops, *definitions.broken}:
        raise unknown_sop(name, {*definitions.sops, *definitions.broken})


def _there_are(what: str, names: Collection[str]) -> str:
    if not names:
        return f"There are no {what}"
    listed = ", ".join(list(names)[:_MOST_LISTED])
    return f"The {what} are: {listed}{' …' if len(names) > _MOST_LISTED else ''}"
