"""JSON Schema (2020-12) of the definition files, for editors: completion, hover texts, red underlines.

It is the models' own schema, brought into the form people write: bare words for moments, a single value where a list
may stand, a plain value for a comparison, and never `null`, which the loader refuses. What models only say in Python (one
of these keys, this one only beside that one) is said again in `engine.schema.schema_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from gettext import NullTranslations
from typing import Any

from pydantic import BaseModel

from engine.core.definitions import EngineConfig, OneOf, SegmentsConfig, Sop
from engine.core.sentence import Sentence, Speech
from engine.schema.schema_rules import RULES, SCALAR, Schema, exactly_one

DIALECT = "https://json-schema.org/draft/2020-12/schema"

ENGLISH: Speech = NullTranslations()
"""What descriptions are written in."""

_NAMED = ("properties", "$defs")
"""Parts of a schema whose keys are names."""

_DATE = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?$",
    "examples": ["2026-01-31"],
}


def sop_schema(speech: Speech = ENGLISH) -> Schema:
    """Return the schema of one file in sops/.

    Parameters:
        speech: says the descriptions in the reader's language.
    """
    return _told(_finished(Sop, Sentence("One SOP: what starts it, what must hold, and its steps.")), speech)


def segments_schema(speech: Speech = ENGLISH) -> Schema:
    """Return the schema of segments.yaml.

    Parameters:
        speech: says the descriptions in the reader's language.
    """
    about = Sentence("Numbers about customers, names for conditions, dimensions that follow from them.")
    return _told(_finished(SegmentsConfig, about), speech)


def engine_schema(channel_types: Mapping[str, type[BaseModel]] | None = None, speech: Speech = ENGLISH) -> Schema:
    """Return the schema of engine.yaml.

    Parameters:
        channel_types: config model of each channel type; without them the sections under `channels` are not checked.
        speech: says the descriptions in the reader's language.
    """
    about = Sentence("What all SOPs share: zone, attributes, dimensions, staff, channels.")
    schema = _finished(EngineConfig, about)
    if channel_types:
        schema["properties"]["channels"]["additionalProperties"] = {
            "oneOf": [_channel(name, model, schema) for name, model in sorted(channel_types.items())]
        }
    return _told(schema, speech)


def _finished(model: type[BaseModel], description: Sentence) -> Schema:
    schema = _tidy(model.model_json_schema(by_alias=True, mode="validation"))
    definitions = schema.get("$defs", {})
    for part in _one_of_parts(OneOf):
        if part.__name__ in definitions:
            exactly_one(definitions[part.__name__], part)
    for name, rule in RULES.items():
        if name in definitions:
            definitions[name] = rule(definitions[name])
    whole = RULES[model.__name__](schema) if model.__name__ in RULES else schema
    return {"$schema": DIALECT, **whole, "description": description}


def _one_of_parts(base: type[OneOf]) -> list[type[OneOf]]:
    return [part for each in base.__subclasses__() for part in (each, *_one_of_parts(each))]


def _tidy(value: Any, *, names: bool = False) -> Any:
    """Drop titles, nulls and defaults (pydantic writes 36h as PT36H); in `names` keys are the language's own."""
    if isinstance(value, list):
        return [_tidy(each) for each in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _tidy(each, names=key in _NAMED and not names) for key, each in value.items()}
    if names:
        return inner
    inner = {key: each for key, each in inner.items() if key not in ("title", "default")}
    return _simple(_without_null(inner))


def _told(schema: Schema, speech: Speech, *, names: bool = False) -> Schema:
    """Say every description in a language; in `names` keys are the language's own."""
    said: Schema = {}
    for key, each in schema.items():
        if key == "description" and not names:
            said[key] = Sentence(each).say(speech)
        elif isinstance(each, dict):
            said[key] = _told(each, speech, names=key in _NAMED and not names)
        elif isinstance(each, list):
            said[key] = [_told(one, speech) if isinstance(one, dict) else one for one in each]
        else:
            said[key] = each
    return said


def _without_null(schema: Schema) -> Schema:
    options = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(options) == 1:
        return {**options[0], **{key: each for key, each in schema.items() if key != "anyOf"}}
    return {**schema, "anyOf": options} if options else schema


def _simple(schema: Schema) -> Schema:
    """Say in one where pydantic lists every kind of plain value: dates are texts to an editor."""
    formats = [each.get("format") for each in schema.get("anyOf", [])]
    if "date-time" not in formats:
        return schema
    rest = {key: each for key, each in schema.items() if key != "anyOf"}
    if {"type": "string"} in schema["anyOf"]:
        return {**SCALAR, **rest}
    return {"anyOf": [{"type": "number"}, _DATE], **rest}


def _channel(name: str, model: type[BaseModel], whole: Schema) -> Schema:
    schema: Schema = _tidy(model.model_json_schema(by_alias=True, mode="validation"))
    whole.setdefault("$defs", {}).update(schema.pop("$defs", {}))
    properties = schema.setdefault("properties", {})
    described = properties.get("type", {}).get("description", Sentence("the channel's type"))
    properties["type"] = {"const": name, "description": described}
    schema["required"] = sorted({*schema.get("required", []), "type"})
    return schema
