"""JSON Schema (2020-12) of the definition files, for editors: completion, hover texts, red underlines.

It is the models' own schema, brought into the form people write: bare words for moments, a single value where a list
may stand, a plain value for a comparison, and never `null`, which the loader refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from engine.core.definitions import EngineConfig, OneOf, SegmentsConfig, Sop

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_BARE_MOMENTS = ["customer_created", "friend_added", "friend_removed", "replied"]
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_NAMES: Schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
_NO_DETAIL: Schema = {"type": "null"}


def sop_schema() -> Schema:
    """Return the schema of one file in sops/."""
    return _finished(Sop, "One SOP: what starts it, what must hold, and its steps.")


def segments_schema() -> Schema:
    """Return the schema of segments.yaml."""
    return _finished(SegmentsConfig, "Numbers about customers, names for conditions, dimensions that follow from them.")


def engine_schema(channel_types: Mapping[str, type[BaseModel]] | None = None) -> Schema:
    """Return the schema of engine.yaml.

    Parameters:
        channel_types: config model of each channel type; without them the sections under `channels` are not checked.
    """
    schema = _finished(EngineConfig, "What all SOPs share: zone, attributes, dimensions, staff, channels.")
    if channel_types:
        schema["properties"]["channels"]["additionalProperties"] = {
            "oneOf": [_channel(name, model, schema) for name, model in sorted(channel_types.items())]
        }
    return schema


def _finished(model: type[BaseModel], description: str) -> Schema:
    schema = _tidy(model.model_json_schema(by_alias=True, mode="validation"))
    definitions = schema.get("$defs", {})
    for part in _one_of_parts(OneOf):
        if part.__name__ in definitions:
            _exactly_one(definitions[part.__name__], part)
    for name, widen in _WIDEN.items():
        if name in definitions:
            definitions[name] = widen(definitions[name])
    return {"$schema": DIALECT, **schema, "description": description}


def _one_of_parts(base: type[OneOf]) -> list[type[OneOf]]:
    return [part for each in base.__subclasses__() for part in (each, *_one_of_parts(each))]


def _tidy(value: Any, *, names: bool = False) -> Any:
    """Drop titles, nulls and defaults (pydantic writes 36h as PT36H); in `names` keys are the language's own."""
    if isinstance(value, list):
        return [_tidy(each) for each in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _tidy(each, names=key in ("properties", "$defs") and not names) for key, each in value.items()}
    if names:
        return inner
    inner = {key: each for key, each in inner.items() if key not in ("title", "default")}
    return _without_null(inner)


def _without_null(schema: Schema) -> Schema:
    options = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(options) == 1:
        return {**options[0], **{key: each for key, each in schema.items() if key != "anyOf"}}
    return {**schema, "anyOf": options} if options else schema


def _exactly_one(schema: Schema, part: type[OneOf]) -> None:
    """Demand exactly one of the part's keys, whatever stands beside it."""
    schema["oneOf"] = [{"required": [key]} for key in part.keys()]  # noqa: SIM118 - the part's own method, no mapping's
    for name in _BARE_MOMENTS:
        if name in schema["properties"]:
            detail = schema["properties"][name]
            description = detail.pop("description", "")
            schema["properties"][name] = {"anyOf": [detail, _NO_DETAIL], "description": description}


def _or_bare_moment(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "string", "enum": _BARE_MOMENTS}], "description": schema["description"]}


def _or_mode(schema: Schema) -> Schema:
    return {"anyOf": [schema, schema["properties"]["mode"]], "description": schema["description"]}


def _or_type(schema: Schema) -> Schema:
    return {"anyOf": [schema, schema["properties"]["type"]], "description": schema["description"]}


def _or_value(schema: Schema) -> Schema:
    options = [{**schema, "minProperties": 1}, _SCALAR, {"type": "array", "items": _SCALAR}]
    return {"anyOf": options, "description": schema["description"]}


def _one_deed(schema: Schema) -> Schema:
    deeds = [{"required": [name]} for name in ("message", "task", "do")]
    times = [{"required": [name]} for name in ("day", "after")]
    return {**schema, "allOf": [{"oneOf": deeds}, {"oneOf": times}]}


def _one_dimension(schema: Schema) -> Schema:
    return {**schema, "additionalProperties": _NAMES, "minProperties": 1}


_WIDEN: dict[str, Callable[[Schema], Schema]] = {
    "Moment": _or_bare_moment,
    "Exit": _or_bare_moment,
    "Comparison": _or_value,
    "Reentry": _or_mode,
    "Attribute": _or_type,
    "Change": _one_dimension,
    "Step": _one_deed,
}


def _channel(name: str, model: type[BaseModel], whole: Schema) -> Schema:
    schema: Schema = _tidy(model.model_json_schema(by_alias=True, mode="validation"))
    whole.setdefault("$defs", {}).update(schema.pop("$defs", {}))
    properties = schema.setdefault("properties", {})
    described = properties.get("type", {}).get("description", "the channel's type")
    properties["type"] = {"const": name, "description": described}
    schema["required"] = sorted({*schema.get("required", []), "type"})
    return schema
