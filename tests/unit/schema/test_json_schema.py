"""The JSON Schema accepts what people write, refuses what the loader's form refuses, and has a hover text for every key."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.core.definitions import EngineConfig, Model, SegmentsConfig, Sop
from engine.definitions_yaml.reading import read
from engine.definitions_yaml.validating import validate
from engine.messages.extract import extracted
from engine.messages.languages import speech
from engine.schema.json_schema import engine_schema, segments_schema, sop_schema
from engine.schema.schema_rules import Schema
from engine.wiring import CHANNEL_TYPES as REAL_TYPES
from tests.support.chinese import english_words
from tests.support.examples import CHANNEL_TYPES, ENGINE, NEW_FRIEND, STAGES, TWO_TAGS
from tests.support.places import ROOT
from tests.support.scenarios import folders
from tests.unit.docs.test_construct_pages import PAGES, blocks, fenced
from tests.unit.schema.instances import instances

SCHEMAS = {
    "sop": sop_schema(),
    "engine": engine_schema(CHANNEL_TYPES),
    "engine, real channels": engine_schema(REAL_TYPES),
    "segments": segments_schema(),
}
MODELS: dict[str, type[Model]] = {"sop": Sop, "engine": EngineConfig, "segments": SegmentsConfig}
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}


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


def refusals(name: str, text: str) -> list[str]:
    """Return what the schema has against a text."""
    return [error.message for error in VALIDATORS[name].iter_errors(document(text))]


def form_problems(name: str, text: str) -> list[str]:
    """Return what the loader has against the form of a text."""
    root, problems = read(text, "x.yaml")
    assert root is not None and not problems
    return [str(each) for each in validate(MODELS[name], root, "x.yaml")[1]]


def schema_of(file: str) -> str:
    return {"engine.yaml": "engine, real channels", "segments.yaml": "segments"}.get(file, "sop")


# ── hover texts ──────────────────────────────────────────────────────────────────────────────────────────────

_RULES = ("if", "then", "not", "allOf", "dependentSchemas", "dependentRequired", "required")
"""Parts of a schema that only restrict: an editor shows nothing of them."""


def described(schema: Any) -> Iterator[tuple[str, bool]]:
    """Yield every property of a schema and whether it has a hover text."""
    if isinstance(schema, list):
        for each in schema:
            yield from described(each)
    if isinstance(schema, dict):
        properties = schema.get("properties")
        for key, value in (properties if isinstance(properties, dict) else {}).items():
            yield key, bool(isinstance(value, dict) and value.get("description"))
        for key, each in schema.items():
            if key not in _RULES:
                yield from described(each)


@pytest.mark.parametrize("name", SCHEMAS)
def test_they_are_schemas_of_2020_12(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_has_a_hover_text(name: str) -> None:
    found = list(described(SCHEMAS[name]))
    assert len(found) > 15
    assert [key for key, has in found if not has] == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_part_of_the_language_has_a_hover_text(name: str) -> None:
    assert SCHEMAS[name]["description"]
    assert [part for part, schema in SCHEMAS[name].get("$defs", {}).items() if not schema.get("description")] == []


# ── in Chinese ───────────────────────────────────────────────────────────────────────────────────────────────

CHINESE = {
    "sop": sop_schema(speech("zh")),
    "engine, real channels": engine_schema(REAL_TYPES, speech("zh")),
    "segments": segments_schema(speech("zh")),
}


def split(schema: Schema) -> tuple[Any, list[str]]:
    """Return a schema without its descriptions, and those."""
    texts: list[str] = []
    return _split(schema, texts, names=False), texts


def _split(value: Any, texts: list[str], *, names: bool) -> Any:
    if isinstance(value, list):
        return [_split(each, texts, names=False) for each in value]
    if not isinstance(value, dict):
        return value
    if not names:
        texts += [value["description"]] if "description" in value else []
        value = {key: each for key, each in value.items() if key != "description"}
    return {key: _split(each, texts, names=key in ("properties", "$defs") and not names) for key, each in value.items()}


@pytest.mark.parametrize("name", CHINESE)
def test_a_schema_in_chinese_differs_in_its_hover_texts_only(name: str) -> None:
    assert split(CHINESE[name])[0] == split(SCHEMAS[name])[0]


@pytest.mark.parametrize("name", CHINESE)
def test_every_hover_text_is_said_in_chinese(name: str) -> None:
    english, chinese = split(SCHEMAS[name])[1], split(CHINESE[name])[1]
    assert [text for text in chinese if english_words(text)] == []
    untold = {text for text, said in zip(english, chinese, strict=True) if said == text and english_words(text)}
    assert untold == set()


def test_only_what_reaches_a_reader_is_collected_for_translation() -> None:
    shown = {text for schema in SCHEMAS.values() for text in split(schema)[1]}
    shown |= {" ".join((model.__doc__ or "").split()) for model in MODELS.values()}  # in the reference
    found = {each.msgid for each in extracted() if each.file.startswith(("core/definitions/", "channels/"))}
    assert (found & _docstrings()) - shown == set()


def _docstrings() -> set[str]:
    """Return the docstrings of all classes in the modules of the models, whether or not anybody sees them."""
    modules = [path for folder in ("core/definitions", "channels") for path in (ROOT / "engine" / folder).glob("*.py")]
    trees = [ast.walk(ast.parse(path.read_text("utf-8"))) for path in modules]
    classes = {ast.get_docstring(node) or "" for tree in trees for node in tree if isinstance(node, ast.ClassDef)}
    return classes - {""}


# ── what is right ────────────────────────────────────────────────────────────────────────────────────────────


def shown_files() -> list[Any]:
    """Every definition that is shipped or shown: the example's, and those of the pages of docs."""
    shipped = sorted((ROOT / "sop_definitions").rglob("*.yaml"))
    found = [pytest.param(path.name, path.read_text("utf-8"), id=str(path.relative_to(ROOT))) for path in shipped]
    pages = {page: blocks(page) for page in PAGES}
    pages |= {path.stem: fenced(path) for path in sorted((ROOT / "docs" / "cookbook").glob("*.md"))}
    for page, shown in pages.items():
        for number, sources in enumerate(folders(shown)):
            found += [pytest.param(name, text, id=f"{page}-{number}-{name}") for name, text in sources.items()]
    return found


@pytest.mark.parametrize(("file", "text"), shown_files())
def test_every_file_shipped_or_shown_is_accepted(file: str, text: str) -> None:
    assert refusals(schema_of(file), text) == []


@pytest.mark.parametrize("text", [TWO_TAGS, STAGES, NEW_FRIEND], ids=["two tags", "stages", "new friend"])
def test_examples_are_accepted(text: str) -> None:
    assert refusals("sop", text) == []


SHORT_FORMS = {
    "sop": (
        NEW_FRIEND,
        "reentry: restart",
        "reentry: {cooldown: 90d}",
        "when: [{attr: {name: 王, budget: [1, 2], birthday: {gt: 2026-01-31}}}]",
        "exit: [replied, {replied: }, {friend_removed: {}, as: gone}]",
        "exit: [{left: {stage: a, to: [b, c]}}, {entered: {stage: [a, b], from: c}}]",
        "while: [{not: {all: [{tag: A}, {tag: [B, C]}]}}, {seen: {type: purchase, since: start}}]",
        "goal: replied",
        "goal: {replied: }",
        "goal: {event: {type: purchase}, within: 30d}",
        "goal: {entered: {stage: 成交客户}}",
        "holdout: 10%",
        'holdout: "2.5 %"',
        "exempt: caps",
        "exempt: [caps, quiet_hours, calendar]",
        "accept: false",
        "arms: sop",
        "existing: join",
        "existing: {start: now, per_day: 500}",
        'defaults: {window: "10:00-11:30", channel: [preferred, wecom], fallback_after: 24h}',
    ),
    "engine": (
        ENGINE,
        'quiet_hours: ["21:00", "09:00"]',
        "caps: [{max: 1, per: 1d}, {max: 4, per: 7d, channel: sms}]",
        "calendar: {country: CN, skip: [public_holiday, weekend], also: [2027-02-11], except: [2027-02-20]}",
        "clocks: {any: {kinds: visit}, purchase: {kinds: [purchase], lifecycle: {活跃期: 0, 沉默期: 64}}}",
    ),
    "segments": (
        "{}\n",
        "metrics: {spend_2y: {spend: 730d}, 消费: {spend: ever}, chats: {count: visit, over: 30d}, r: {rfm: purchase, quantiles: 4}}",
        "segments: {高意向: [{metric: {chats: {gte: 3}}}]}",
        "dimensions: {tier: {values: [{value: 金卡, when: [{tag: a}]}, {value: 普通}]}}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "part"), [(name, part) for name, (_, *parts) in SHORT_FORMS.items() for part in parts]
)
def test_short_forms_are_accepted_by_schema_and_loader(name: str, part: str) -> None:
    base = SHORT_FORMS[name][0]
    text = f"{base}{part}\n" if base != "{}\n" else f"{part}\n"
    assert form_problems(name, text) == []
    assert refusals(name, text) == []


STEPS = [
    '{id: a, day: 1, window: "10:00-11:30", message: {text: x}, exempt: caps, fallback_after: 2h}',
    "{id: a, after: 0s, welcome: true, message: {text: x}}",
    "{id: a, day: 1, variants: [{id: a, weight: 50, message: {text: x}}, {id: b, when: [{tag: A}], message: {text: y}}]}",
    "{id: a, day: 1, welcome: true, variants: [{id: a, message: {text: x}}]}",
    "{id: a, day: 1, variants: [{id: a, task: {to: owner, title: x}}]}",
    "{id: a, after: 1h, do: [{attr: {n: 1, b: true, d: 2026-01-01, t: x}}, {notify: {to: owner, text: x, channel: wecom}}]}",
    "{id: a, day: -1, from: attr.due, task: {to: owner, title: x, text: y, due: 24h}}",
    "{id: a, day: 0, message: {text: x, attachments: [{image: {media_id: x}}, {link: {title: a, url: b, desc: c, picurl: d}}]}}",
]


@pytest.mark.parametrize("step", STEPS)
def test_steps_are_accepted_by_schema_and_loader(step: str) -> None:
    text = f"sop: a\ntitle: a\ntrigger: [friend_added]\nsteps: [{step}]\n"
    assert form_problems("sop", text) == []
    assert refusals("sop", text) == []


# ── what is wrong ────────────────────────────────────────────────────────────────────────────────────────────

WRONG = [
    ("sop", "priority: 50", "priorty: 50"),
    ("sop", "priority: 50", "priority: high"),
    ("sop", "priority: 50", "priority: 1001"),
    ("sop", "sop: renovation-lead", "sop: Renovation Lead"),
    ("sop", "title: 装修意向客户培育\n", ""),
    ("sop", "day: 1\n", "day: one\n"),
    ("sop", "day: 1\n", "day: 1.5\n"),
    ("sop", "day: 1\n", "day: 99999\n"),
    ("sop", "day: 1\n", "day: 1\n    after: 2h\n"),
    ("sop", "day: 1\n", "after: 2h\n    at: '10:00'\n"),
    ("sop", "day: 1\n", "after: 2h\n    window: 10:00-11:00\n"),
    ("sop", "day: 1\n", "after: 2h\n    from: attr.birthday\n"),
    ("sop", "day: 1\n", "day: 1\n    at: '10:00'\n    window: 10:00-11:00\n"),
    ("sop", "day: 1\n", "day: 1\n    window: ten\n"),
    ("sop", "day: 1\n", "day: 1\n    exempt: cap\n"),
    ("sop", "day: 1\n", "day: 1\n    welcome: 是\n"),
    ("sop", 'at: "10:00"', "at: ten"),
    ("sop", 'at: "10:00"', 'at: "24:00"'),
    ("sop", "mode: after_end", "mode: sometimes"),
    ("sop", "cooldown: 90d", "cooldown: 90 days"),
    ("sop", "- not: {tag: 已成交}", "- {not: {tag: 已成交}, tag: x}"),
    ("sop", "- not: {tag: 已成交}", "- tga: 已成交"),
    ("sop", "- not: {tag: 已成交}", "- not: {tag: 5}"),
    ("sop", "- not: {tag: 已成交}", "- not: {tag: [a, a]}"),
    ("sop", "- not: {tag: 已成交}", "- seen: {type: a, since: strt}"),
    ("sop", "- tag_added: {all: [楼盘A, 装修意向]}", "- tag_added"),
    ("sop", "- tag_added: {all: [楼盘A, 装修意向]}", "- entered: {from: a}"),
    ("sop", "- tag_added: {all: [楼盘A, 装修意向]}", "- entered: {stage: a, tier: b}"),
    ("sop", "- tag_added: {all: [楼盘A, 装修意向]}", "- silent: {days: 0}"),
    ("sop", "{gte: 100000}", "{}"),
    ("sop", "{gte: 100000}", "{gte: abc}"),
    ("sop", "{gte: 100000}", "{exists: yes}"),
    ("sop", "as: 预约", "as:"),
    ("sop", "task: {to: owner,", "message: {text: x}, task: {to: owner,"),
    ("sop", "do: [{add_tag: 培育完成}", "do: [{ad_tag: 培育完成}"),
    ("sop", "do: [{add_tag: 培育完成}", "do: [{notify: {to: owner}}"),
    ("sop", "group: 培育", "holdout: 0.1"),
    ("sop", "group: 培育", "holdout: 101%"),
    ("sop", "group: 培育", "accept: 否"),
    ("sop", "group: 培育", "arms: steps"),
    ("sop", "group: 培育", "goal: {within: 30d}"),
    ("sop", "group: 培育", "goal: {event: {type: purchase}, replied: {}}"),
    ("sop", "group: 培育", "existing: joined"),
    ("sop", "group: 培育", "existing: {start: now}"),
    ("sop", "group: 培育", "key: order"),
    ("sop", "message: {text: 您好}", "variants: []"),
    ("sop", "message: {text: 您好}", "variants: [{id: a}]"),
    ("sop", "message: {text: 您好}", "variants: [{id: a, weight: 0, message: {text: x}}]"),
    ("sop", "message: {text: 您好}", "variants: [{id: a, weight: 1, when: [{tag: A}], message: {text: x}}]"),
    ("sop", "message: {text: 您好}", "variants: [{id: a, message: {text: x}}, {id: b, task: {to: a, title: b}}]"),
    ("sop", "message: {text: 您好}", "welcome: true, task: {to: owner, title: x}"),
    ("engine", "timezone: Asia/Shanghai", "time_zone: Asia/Shanghai"),
    ("engine", "timezone: Asia/Shanghai", "timezone: 8"),
    ("engine", "budget: number", "budget: nummer"),
    ("engine", "values: [新加好友", "value: [新加好友"),
    ("engine", "staff: [owner, manager]", "quiet_hours: [21, 9]"),
    ("engine", "staff: [owner, manager]", 'quiet_hours: ["21:00"]'),
    ("engine", "staff: [owner, manager]", 'quiet_hours: "21:00-09:00"'),
    ("engine", "staff: [owner, manager]", "caps: [{max: 0, per: 1d}]"),
    ("engine", "staff: [owner, manager]", "caps: [{max: 1, per: 24h}]"),
    ("engine", "staff: [owner, manager]", "caps: {max: 1, per: 1d}"),
    ("engine", "staff: [owner, manager]", "calendar: {country: CN, skip: [holiday]}"),
    ("engine", "staff: [owner, manager]", "calendar: {country: CN, skip: []}"),
    ("engine", "staff: [owner, manager]", "calendar: {country: CN, skip: [weekend], also: [tomorrow]}"),
    ("engine", "staff: [owner, manager]", "clocks: {any: {kinds: []}}"),
    ("segments", "spend: 730d", "spend: 730"),
    ("segments", "spend: 730d", "spend: 730d, over: 30d"),
    ("segments", "quantiles: 5", "quantiles: 50"),
    ("segments", "rfm: purchase", "count: visit"),
    ("segments", "spend_2y:", "2y:"),
    ("segments", "value: 普通", "valu: 普通"),
]
BASES = {
    "sop": TWO_TAGS,
    "engine": ENGINE,
    "segments": "metrics: {spend_2y: {spend: 730d}, rfm: {rfm: purchase, quantiles: 5}}\ndimensions: {tier: {values: [{value: 普通}]}}\n",
}


@pytest.mark.parametrize(("name", "old", "new"), WRONG)
def test_what_the_loader_refuses_by_form_the_schema_refuses(name: str, old: str, new: str) -> None:
    assert old in BASES[name]
    text = BASES[name].replace(old, new, 1)
    assert form_problems(name, text)
    assert refusals(name, text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("type: post, address: here", "type: pst, address: here"),
        ("address: here", "adress: here"),
        ("copies: 2", "copies: 9"),
    ],
)
def test_a_wrong_channel_is_refused(old: str, new: str) -> None:
    assert old in ENGINE
    assert refusals("engine", ENGINE.replace(old, new, 1))


@pytest.mark.parametrize(
    "attachment", ["{link: {title: a}}", "{link: {title: a, url: b, x: c}}", "{image: {}}", "{link: a}", "image"]
)
def test_an_attachment_lacks_nothing_and_has_nothing_unknown(attachment: str) -> None:
    text = TWO_TAGS.replace("message: {text: 您好}", f"message: {{text: 您好, attachments: [{attachment}]}}")
    assert refusals("sop", text)


# ── agreement ────────────────────────────────────────────────────────────────────────────────────────────────

BEYOND = (
    "ends before it begins",  # a window
    "twice",  # ids of variants, names, dates
    "begin with 0 days and rise",  # a lifecycle
    "stands under `also` and under `except`",
    "begin and end at",  # quiet hours
    "so those after it are never reached",  # values of a computed dimension
    "is not a date",  # 2026-02-31
    "is not a cron expression",
    "is not a time zone",
)
"""What a schema cannot say; the loader does."""
NO_SUCH_DAY = re.compile(
    r"found the text `[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?`; wanted a number or a date such as "
)
"""Nor this: a text shaped like a date, of a day or an hour there is not."""


@pytest.mark.parametrize("limit", ["0000-00-00", "2026-02-31", "2026-13-01T10:00", "2026-01-31 25:00"])
def test_a_date_that_never_comes_is_refused_by_the_loader_alone(limit: str) -> None:
    text = TWO_TAGS.replace("{gte: 100000}", f'{{gte: "{limit}"}}', 1)
    (problem,) = form_problems("sop", text)
    assert NO_SUCH_DAY.search(problem)
    assert refusals("sop", text) == []


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_the_schema_accepts_the_loader_accepts(name: str, data: st.DataObject) -> None:
    whole = engine_schema() if name == "engine" else SCHEMAS[name]
    instance = data.draw(instances(whole))
    text = json.dumps(instance, ensure_ascii=False)
    assert not list(Draft202012Validator(whole).iter_errors(instance))
    problems = [each for each in form_problems(name, text) if not any(known in each for known in BEYOND)]
    assert [each for each in problems if not NO_SUCH_DAY.search(each)] == [], text
