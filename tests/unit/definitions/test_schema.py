"""The JSON Schema accepts what people write and refuses what the loader refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.core.schema import engine_schema, sop_schema
from engine.definitions_yaml.reading import read
from tests.unit.definitions.examples import CHANNEL_TYPES, ENGINE, NEW_FRIEND, STAGES, TWO_TAGS

SOP = Draft202012Validator(sop_schema())
CONFIG = Draft202012Validator(engine_schema(CHANNEL_TYPES))


def document(text: str) -> Any:
    """Return a YAML text as editors see it: dates are texts."""
    root, problems = read(text, "x.yaml")
    assert root is not None and not problems
    return _as_json(root.plain)


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def described(schema: Any) -> Iterator[tuple[str, bool]]:
    """Yield every property of a schema and whether it has a hover text."""
    if isinstance(schema, list):
        for each in schema:
            yield from described(each)
    if isinstance(schema, dict):
        properties = schema.get("properties")
        for key, value in (properties if isinstance(properties, dict) else {}).items():
            yield key, bool(isinstance(value, dict) and value.get("description"))
        for each in schema.values():
            yield from described(each)


def test_they_are_schemas_of_2020_12() -> None:
    for schema in (sop_schema(), engine_schema(), engine_schema(CHANNEL_TYPES)):
        Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("schema", [sop_schema(), engine_schema(CHANNEL_TYPES)], ids=["sop", "engine"])
def test_every_key_has_a_hover_text(schema: dict[str, Any]) -> None:
    assert [key for key, has in described(schema) if not has] == []


@pytest.mark.parametrize("text", [TWO_TAGS, STAGES, NEW_FRIEND], ids=["two tags", "stages", "new friend"])
def test_examples_are_accepted(text: str) -> None:
    assert [error.message for error in SOP.iter_errors(document(text))] == []


@pytest.mark.parametrize(
    "part",
    [
        "reentry: restart",
        "when: [{attr: {name: 王, budget: [1, 2], birthday: {gt: 2026-01-31}}}]",
        "exit: [replied, {replied: }, {friend_removed: {}, as: gone}]",
        "while: [{not: {all: [{tag: A}, {tag: [B, C]}]}}, {seen: {type: purchase, since: start}}]",
    ],
)
def test_short_forms_are_accepted(part: str) -> None:
    assert [error.message for error in SOP.iter_errors(document(f"{NEW_FRIEND}{part}\n"))] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("priority: 50", "priorty: 50"),
        ("priority: 50", "priority: high"),
        ("day: 1\n", "day: one\n"),
        ("day: 1\n", "day: 1\n    after: 2h\n"),
        ("at: \"10:00\"", "at: ten"),
        ("mode: after_end", "mode: sometimes"),
        ("title: 装修意向客户培育\n", ""),
        ("- not: {tag: 已成交}", "- {not: {tag: 已成交}, tag: x}"),
        ("- not: {tag: 已成交}", "- tga: 已成交"),
        ("- not: {tag: 已成交}", "- not: {tag: 5}"),
        ("- tag_added: {all: [楼盘A, 装修意向]}", "- tag_added"),
        ("{gte: 100000}", "{}"),
        ("task: {to: owner,", "message: {text: x}, task: {to: owner,"),
        ("do: [{add_tag: 培育完成}", "do: [{ad_tag: 培育完成}"),
    ],
)  # fmt: skip
def test_wrong_ones_are_refused(old: str, new: str) -> None:
    assert old in TWO_TAGS
    assert list(SOP.iter_errors(document(TWO_TAGS.replace(old, new, 1))))


def test_engine_yaml_is_accepted() -> None:
    assert [error.message for error in CONFIG.iter_errors(document(ENGINE))] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("timezone: Asia/Shanghai", "time_zone: Asia/Shanghai"),
        ("budget: number", "budget: nummer"),
        ("type: post, address: here", "type: pst, address: here"),
        ("address: here", "adress: here"),
        ("values: [新加好友", "value: [新加好友"),
    ],
)
def test_a_wrong_engine_yaml_is_refused(old: str, new: str) -> None:
    assert old in ENGINE
    assert list(CONFIG.iter_errors(document(ENGINE.replace(old, new, 1))))
