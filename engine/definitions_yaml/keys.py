"""Which keys a place allows: for unknown and missing keys."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from engine.core.definitions import EngineConfig
from engine.core.errors import did_you_mean
from engine.core.problems import Loc, show
from engine.core.sentence import Sentence, codes
from engine.definitions_yaml.scalars import short
from engine.definitions_yaml.traps import full_width_hint

LATER = frozenset(("notify",))
"""Keys of the language that this version does not run yet: `notify` of engine.yaml."""

THE_FILE = Sentence("the file")
"""What is wrong at the top of a file is wrong of this."""


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


def unknown(root: Any, loc: Loc, prefix: Loc = ()) -> Sentence:
    """Return what to say of the unknown key at the end of a way; `prefix` leads from the file to `root`."""
    key, owner = str(loc[-1]), loc[:-1]
    place = show((*prefix, *owner))
    if key in LATER and root is EngineConfig and not owner:
        return Sentence("`{key}` is part of the language but this version does not run it yet; remove it", key=key)
    allowed = allowed_at(root, owner)
    said = _unknown(short(key), place, allowed) + full_width_hint(key)
    return Sentence("{said}.{hint}", said=said, hint=did_you_mean(key, allowed))


def _unknown(key: str, place: str, allowed: list[str]) -> Sentence:
    if not allowed:
        return Sentence("unknown key `{key}` in {place}", key=key, place=place)
    if not place:
        return Sentence("unknown key `{key}`; allowed: {names}", key=key, names=codes(allowed))
    return Sentence("unknown key `{key}` in {place}; allowed: {names}", key=key, place=place, names=codes(allowed))


def missing(root: Any, loc: Loc, prefix: Loc = ()) -> Sentence:
    """Return what to say of a required key that is not there; `prefix` leads from the file to `root`."""
    place = show((*prefix, *loc[:-1]))
    described = [
        info.description
        for model in models_at(root, loc[:-1])
        for name, info in model.model_fields.items()
        if (info.alias or name) == loc[-1] and info.description
    ]
    said = Sentence("the file needs the key `{key}`", key=loc[-1])
    if place:
        said = Sentence("{place} needs the key `{key}`", place=place, key=loc[-1])
    return Sentence("{said}: {described}", said=said, described=Sentence(described[0])) if described else said
