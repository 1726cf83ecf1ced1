"""The reference of the definition language as Markdown, made from the models: every key, what it may hold, what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from engine.core import definitions
from engine.core.definitions import Moment
from engine.schema.json_schema import engine_schema, segments_schema, sop_schema
from engine.schema.reference_pages import GROUPS, LANGUAGE, TITLES, Group
from engine.schema.schema_rules import Schema

ChannelTypes = Mapping[str, type[BaseModel]]
_ROOTS = {"Sop": sop_schema, "SegmentsConfig": segments_schema, "EngineConfig": engine_schema}
_KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "array": "list"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the language."""

    owner: str
    """The name of its model."""
    name: str
    description: str
    value: Schema
    default: Any
    needed: bool

    @property
    def page(self) -> str | None:
        """The page of docs/language that explains it, without its ending."""
        return LANGUAGE.get(f"{self.owner}.{self.name}", LANGUAGE.get(self.owner))


def pages(channel_types: ChannelTypes) -> dict[str, str]:
    """Return every page of the reference by its file name.

    Parameters:
        channel_types: config model of each channel type.
    """
    made = {f"{group.file}.md": _page(group) for group in GROUPS}
    made["channels.md"] = _channels(channel_types)
    return {"README.md": _index(), **made}


def keys(model: type[BaseModel]) -> Iterator[Key]:
    """Yield the keys of a model of the language, in their order; none of one that is written as a pair."""
    if _is_pair(model):
        return
    properties = _properties(_schemas()[model.__name__])
    for field, info in model.model_fields.items():
        name = info.alias or field
        yield Key(
            model.__name__, name, info.description or "", properties[name], info.get_default(call_default_factory=True),
            info.is_required(),
        )  # fmt: skip


def models() -> dict[str, type[BaseModel]]:
    """Return every model of the language that has something to fill in, by its name."""
    named = {name: getattr(definitions, name) for name in _schemas()}
    return {name: model for name, model in named.items() if model.model_fields}


def _is_pair(model: type[BaseModel]) -> bool:
    """Return whether a model is written as a pair, without keys."""
    return "prefixItems" in _schemas()[model.__name__]


@cache
def _schemas() -> dict[str, Schema]:
    """Return the schema of every model, by its name."""
    found: dict[str, Schema] = {}
    for name, make in _ROOTS.items():
        whole = make()
        found |= {**whole.pop("$defs"), name: whole}
    return found


def _properties(schema: Schema) -> dict[str, Schema]:
    """Return the properties of a schema, of the long form where there are short ones."""
    forms = schema.get("anyOf", [schema])
    return dict(next((each["properties"] for each in forms if "properties" in each), {}))


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────

_MADE = (
    "Made from the models by `sop reference --write docs/reference`; a test compares. "
    "Explained with examples in [the language](../language/README.md)."
)


def _index() -> str:
    rows = [f"| [{group.title}]({group.file}.md) | {group.zh} |" for group in GROUPS]
    rows.append("| [Channels](channels.md) | 渠道：`channels` 里每种类型的设置 |")
    return "\n".join(
        (
            "# Reference",
            "",
            "每个键、它的取值、默认值和含义。",
            "",
            _MADE,
            "",
            "| page | 内容 |",
            "| --- | --- |",
            *rows,
            "",
        )
    )


def _page(group: Group) -> str:
    parts = [f"# {group.title}", "", f"{group.zh}。", "", _MADE, ""]
    for name in group.models:
        model = models().get(name)
        if model is not None:
            parts += _section(model)
    return "\n".join(parts)


def _section(model: type[BaseModel]) -> list[str]:
    name = model.__name__
    lines = [f"## {TITLES[name]}", "", " ".join((model.__doc__ or "").split()), ""]
    shorts = _short_forms(_schemas()[name])
    if shorts:
        lines += [f"Short form: {shorts}.", ""]
    if _is_pair(model):
        return [
            *lines,
            *(f"- {info.description}" for info in model.model_fields.values()),
            "",
            _see(LANGUAGE[name]),
            "",
        ]
    inherited = Moment.model_fields if issubclass(model, Moment) and model is not Moment else {}
    if inherited:
        lines += [f"Any {_linked('Moment', group_of(name)).replace('[a ', '[')}, and beside it:", ""]
    rows = [_row(key, group_of(name)) for key in keys(model) if key.name not in inherited]
    return [*lines, *_table(rows), ""]


def _see(page: str) -> str:
    return f"[{page}](../language/{page}.md)"


def group_of(name: str) -> str:
    """Return the page on which a model stands, without its ending."""
    return next(group.file for group in GROUPS if name in group.models)


def _table(rows: list[str]) -> list[str]:
    return ["| key | value | default | meaning | more |", "| --- | --- | --- | --- | --- |", *rows]


def _row(key: Key, page: str) -> str:
    default = "needed" if key.needed else _default(key.default)
    more = _see(key.page) if key.page else ""
    return _cells(f"`{key.name}`", _value(key.value, page), default, key.description, more)


def _cells(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"


def _channels(channel_types: ChannelTypes) -> str:
    lines = [
        "# Channels",
        "",
        "渠道：`channels` 里每种类型的设置。",
        "",
        _MADE,
        "",
        "How each behaves: [channels](../channels.md).",
        "",
    ]
    schema = engine_schema(channel_types)
    for each in schema["properties"]["channels"]["additionalProperties"]["oneOf"]:
        kind = each["properties"]["type"]["const"]
        model = channel_types[kind]
        lines += [f"## {kind}", "", " ".join((model.__doc__ or "").split()), ""]
        lines += [*_table(list(_settings(each, model))), ""]
    return "\n".join(lines)


def _settings(schema: Schema, model: type[BaseModel]) -> Iterator[str]:
    defaults = {info.alias or name: info for name, info in model.model_fields.items()}
    for name, value in schema["properties"].items():
        info = defaults.get(name)
        needed = name in schema["required"]
        default = "needed" if needed or info is None else _default(info.get_default(call_default_factory=True))
        yield _cells(f"`{name}`", _value(value, "channels"), default, value.get("description", ""), "")


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────


def _short_forms(schema: Schema) -> str:
    forms = [each for each in schema.get("anyOf", ()) if "properties" not in each]
    return " or ".join(dict.fromkeys(_value(each, "") for each in forms))


def _value(schema: Schema, page: str) -> str:
    """Return what a key may hold, in words; `page` is where that will stand."""
    if "$ref" in schema:
        return _linked(schema["$ref"].rsplit("/", 1)[-1], page)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "type" not in schema and ("anyOf" in schema or "oneOf" in schema):
        forms = schema.get("anyOf") or schema["oneOf"]
        options = [_value(each, page) for each in forms if each != {"type": "null"}]
        return " or ".join(dict.fromkeys(options))
    if isinstance(schema.get("type"), list):
        return ", ".join(_KINDS[each] for each in schema["type"])
    return _plain(schema, page)


def _linked(name: str, page: str) -> str:
    if name not in TITLES:
        return "nothing more"
    home = group_of(name)
    anchor = TITLES[name].lower().replace(" ", "-").replace(".", "").replace("`", "")
    return f"[{TITLES[name]}]({'' if home == page else f'{home}.md'}#{anchor})"


def _plain(schema: Schema, page: str) -> str:
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return "a pair of times of day"
        return f"list of {_value(schema['items'], page)}" if "items" in schema else "list"
    if kind == "object":
        inner = schema.get("additionalProperties")
        if isinstance(inner, dict) and inner:
            return f"name: {_value(inner, page)}"
        return f"{{{', '.join(schema['properties'])}}}" if schema.get("properties") else "`key: value` pairs"
    if kind == "integer" and "maximum" in schema:
        return f"whole number, {schema['minimum']} to {schema['maximum']}"
    if kind == "string" and "examples" in schema and "pattern" in schema:
        return " or ".join(f"`{each}`" for each in schema["examples"])
    return _KINDS.get(str(kind), "any value")


def _default(value: Any) -> str:
    if value is None or value is PydanticUndefined or (not value and not isinstance(value, bool)):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, timedelta):
        return f"`{_duration(value)}`"
    if isinstance(value, time):
        return f"`{value:%H:%M}`"
    if isinstance(value, BaseModel):
        written = value.model_dump(exclude_none=True)
        first = next(iter(written.values()), "")
        return f"`{first}`" if isinstance(first, str) and first else ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{_listed(value)}`"


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _duration(value: timedelta) -> str:
    hours = int(value.total_seconds()) // 3600
    return f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"
