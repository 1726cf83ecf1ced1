"""Which keys a place allows: for unknown and missing keys."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from engine.core.definitions import EngineConfig
from engine.core.errors import did_you_mean
from engine.core.problems import Loc, show
from engine.definitions_yaml.scalars import short
from engine.definitions_yaml.traps import full_width_hint

LATER = frozenset(("notify",))
"""Keys of the language that this version does not run yet: `notify` of engine.yaml."""

NOT_YET = "is part of the language but this version does not run it yet; remove it"


def models_at(annotation: Any, loc: Loc) -> list[type[BaseModel]]:
    """Return the models that may stand at the end of a way, beginning at an annotation."""
    annotations = _members(annotation)
    for part in loc:
        annotations = [member for each in annotations for inner in _below(each, part) for member in _members(inner)]
    return [each for each in annotations if isinstance(each, type) and issubclass(each, BaseModel)]


def _members(annotation: Any) -> list[Any]:
    """Return what an annotation may be: a union's members, without Annotated."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for each in get_args(annotation) for member in _members(each)]
    return [annotation]


def _below(annotation: Any, part: str | int) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return [info.annotation for name, info in fields if part == (info.alias or name)]
    if get_origin(annotation) is tuple and isinstance(part, int):
        return [get_args(annotation)[0]]
    return [get_args(annotation)[1]] if get_origin(annotation) is dict else []


def allowed_at(root: Any, loc: Loc) -> list[str]:
    """Return the keys that the models at a place know."""
    fields = (item for model in models_at(root, loc) for item in model.model_fields.items())
    return list(dict.fromkeys(info.alias or name for name, info in fields))


def unknown(root: Any, loc: Loc, prefix: Loc = ()) -> str:
    """Return what to say of the unknown key at the end of a way; `prefix` leads from the file to `root`."""
    key, owner = str(loc[-1]), loc[:-1]
    where = f" in {show((*prefix, *owner))}" if prefix or owner else ""
    if key in LATER and root is EngineConfig and not owner:
        return f"`{key}`{where} {NOT_YET}"
    allowed = allowed_at(root, owner)
    listed = f"; allowed: {', '.join(allowed)}" if allowed else ""
    return f"unknown key `{short(key)}`{where}{listed}{full_width_hint(key)}.{did_you_mean(key, allowed)}"


def missing(root: Any, loc: Loc, prefix: Loc = ()) -> str:
    """Return what to say of a required key that is not there; `prefix` leads from the file to `root`."""
    where = show((*prefix, *loc[:-1])) or "the file"
    described = [
        info.description
        for model in models_at(root, loc[:-1])
        for name, info in model.model_fields.items()
        if (info.alias or name) == loc[-1] and info.description
    ]
    return f"{where} needs the key `{loc[-1]}`" + (f": {described[0]}" if described else "")
