"""What the models say in Python, said again for editors: short forms, and which keys go together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from engine.core.definitions import OneOf
from engine.core.definitions.steps import ATTACHMENTS, AttachmentKind

Schema = dict[str, Any]

BARE_MOMENTS = ("customer_created", "friend_added", "friend_removed", "replied")
"""Moments that need no detail and may stand as the bare word."""
SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_LETTER = r"[^\s!-/:-@\[-^`{-~]"
r"""What a name consists of: in an editor's regular expressions `\w` would leave out Chinese."""
_NO_DETAIL: Schema = {"type": "null"}


def exactly_one(schema: Schema, part: type[OneOf]) -> None:
    """Demand exactly one of the part's keys, whatever stands beside it; moments without detail may be left empty."""
    schema["oneOf"] = _each_needed(part.keys())
    for name in BARE_MOMENTS:
        if name in schema["properties"]:
            detail = schema["properties"][name]
            description = detail.pop("description", "")
            schema["properties"][name] = {"anyOf": [detail, _NO_DETAIL], "description": description}


def _each_needed(names: Iterable[str]) -> list[Schema]:
    return [{"required": [name]} for name in names]


def _not_both(*names: str) -> Schema:
    return {"not": {"required": list(names)}}


def _either(schema: Schema, *short: Schema) -> Schema:
    return {"anyOf": [schema, *short], "description": schema["description"]}


# ── short forms ──────────────────────────────────────────────────────────────────────────────────────────────


def _or_bare_moment(schema: Schema) -> Schema:
    return _either(schema, {"type": "string", "enum": list(BARE_MOMENTS)})


def _or_mode(schema: Schema) -> Schema:
    return _either(schema, schema["properties"]["mode"])


def _or_type(schema: Schema) -> Schema:
    schema["properties"]["default"] |= {"anyOf": [SCALAR, {"type": "array"}]}
    return _either(schema, schema["properties"]["type"])


def _or_value(schema: Schema) -> Schema:
    return _either({**schema, "minProperties": 1}, SCALAR, {"type": "array", "items": SCALAR})


# ── what goes together ───────────────────────────────────────────────────────────────────────────────────────


def _one_deed(schema: Schema) -> Schema:
    """A step does one thing at one time; what says the time of day goes with a day."""
    variants = {"properties": {"variants": {"items": {"required": ["message"]}}}, "required": ["variants"]}
    message: Schema = {"anyOf": [{"required": ["message"]}, variants]}
    rules: list[Schema] = [
        {"oneOf": _each_needed(("message", "task", "variants", "do"))},
        {"oneOf": _each_needed(("day", "after"))},
        _not_both("at", "window"),
        {"if": {"properties": {"welcome": {"const": True}}, "required": ["welcome"]}, "then": message},
    ]
    return {**schema, "allOf": rules, "dependentRequired": {name: ["day"] for name in ("at", "window", "from")}}


def _variants_alike(schema: Schema) -> Schema:
    """The variants of a step are all messages or all tasks."""
    variants = schema["properties"]["variants"]
    variants["oneOf"] = [{"items": {"required": [kind]}} for kind in ("message", "task")]
    return _one_deed(schema)


def _one_content(schema: Schema) -> Schema:
    return {**schema, "oneOf": _each_needed(("message", "task")), **_not_both("when", "weight")}


def _one_dimension(schema: Schema) -> Schema:
    """Exactly one key beside `from` and `to`."""
    return {**schema, "oneOf": [_beside_one(*has) for has in ((), ("from",), ("to",), ("from", "to"))]}


def _beside_one(*has: str) -> Schema:
    absent = [name for name in ("from", "to") if name not in has]
    number = 1 + len(has)
    counted: Schema = {"minProperties": number, "maxProperties": number, "required": list(has)}
    return {**counted, "not": {"anyOf": _each_needed(absent)}} if absent else counted


def _window_beside(schema: Schema) -> Schema:
    """`over` stands beside what counts or ranks, `quantiles` beside what ranks."""
    return {
        **schema,
        "dependentRequired": {"quantiles": ["rfm"]},
        "dependentSchemas": {"over": {"anyOf": _each_needed(("count", "rfm"))}},
    }


def _attachment_keys(schema: Schema) -> Schema:
    for name, kind in ATTACHMENTS.items():
        schema["properties"][name] |= _attachment(kind)
    return schema


def _attachment(kind: AttachmentKind) -> Schema:
    return {
        "additionalProperties": False,
        "properties": {name: {"type": "string", "description": said} for name, said in kind.keys.items()},
        "allOf": [{"anyOf": _each_needed(group)} for group in kind.needed],
    }


def _named_metrics(schema: Schema) -> Schema:
    """Metrics have names that templates can use."""
    schema["properties"]["metrics"]["propertyNames"] = {"pattern": rf"^(?![0-9]){_LETTER}{{1,64}}$"}
    return schema


RULES: dict[str, Callable[[Schema], Schema]] = {
    "Attachment": _attachment_keys,
    "Attribute": _or_type,
    "Change": _one_dimension,
    "Comparison": _or_value,
    "Exit": _or_bare_moment,
    "Goal": _or_bare_moment,
    "Metric": _window_beside,
    "Moment": _or_bare_moment,
    "Reentry": _or_mode,
    "SegmentsConfig": _named_metrics,
    "Step": _variants_alike,
    "Variant": _one_content,
}
"""By the name of the model: its schema to the schema that editors get."""
