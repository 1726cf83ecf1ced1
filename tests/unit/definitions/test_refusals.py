"""Each refusal says its place, what is wrong, what is allowed and what to do; and no check, rule or trap goes without a case."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from engine.adapters import holidays
from engine.core import validation
from engine.core.validation import names, warnings
from engine.definitions_yaml import load_sources
from tests.support.chinese import english_left
from tests.support.examples import CHANNEL_TYPES
from tests.support.places import ROOT
from tests.support.refused import FOLDER, Refusal

TABLES = ("ENGINE_CHECKS", "SOP_CHECKS", "SEGMENTS_CHECKS")
BESIDE = {
    "names.ids_once": (names, "ids_once"), "warnings.circles": (warnings, "circles"),
    "warnings.starts_without_key": (warnings, "starts_without_key"), "holidays.check": (holidays, "check"),
}  # fmt: skip
"""Checks that are called by name."""


def refusals() -> dict[str, list[Refusal]]:
    """The table, by the check that says it; `form` and `reading` are what models and reader say."""
    table = YAML(typ="safe", pure=True).load(Path(__file__).with_name("refusals.yaml"))
    return {
        name: [Refusal(each["file"], each["old"], each["new"], tuple(each["said"])) for each in group]
        for name, group in table.items()
    }


TEST_WORDS = ("where", "to", "am", "days")
"""English that only the folder of this test has: what its channel's key is for, and times as they are not written."""
REFUSALS = refusals()
ALL = [pytest.param(name, each, id=f"{name}-{each.new[:30]}") for name, group in REFUSALS.items() for each in group]
CHECKED = [pytest.param(*each.values, id=each.id) for each in ALL if each.values[0] not in ("form", "reading")]


def said(folder: dict[str, str]) -> list[str]:
    return [str(each) for each in load_sources(folder, CHANNEL_TYPES).problems]


def test_the_folder_is_right() -> None:
    assert said(FOLDER) == []


@pytest.mark.parametrize(("name", "refusal"), ALL)
def test_what_is_said_of_a_mistake(name: str, refusal: Refusal) -> None:
    assert said(refusal.folder) == list(refusal.said)


@pytest.mark.parametrize(("name", "refusal"), ALL)
def test_it_is_said_in_chinese_too(name: str, refusal: Refusal) -> None:
    for each in load_sources(refusal.folder, CHANNEL_TYPES).problems:
        assert english_left(each.said(), *TEST_WORDS) == []


@pytest.mark.parametrize(("name", "refusal"), ALL)
def test_it_begins_with_file_line_column_and_level(name: str, refusal: Refusal) -> None:
    assert all(re.match(r"[\w/.-]+\.yaml:[1-9]\d*:[1-9]\d*: (error|warning): \S", each) for each in refusal.said)


# ── completeness: checks ─────────────────────────────────────────────────────────────────────────────────────


def named(check: Any) -> str:
    return f"{check.__module__.rpartition('.')[2]}.{check.__name__}"


def test_every_check_has_a_case_and_no_case_is_of_a_check_there_is_not() -> None:
    listed = {named(check) for table in TABLES for check in getattr(validation, table)}
    assert set(REFUSALS) - {"form", "reading"} == listed | set(BESIDE)


@pytest.mark.parametrize(("name", "refusal"), CHECKED)
def test_it_is_that_check_that_says_it(name: str, refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left out, nobody says it."""
    if name in BESIDE:
        monkeypatch.setattr(*BESIDE[name], lambda *_: [])
    for table in TABLES:
        monkeypatch.setattr(
            validation, table, tuple(each for each in getattr(validation, table) if named(each) != name)
        )
    assert set(refusal.said) - set(said(refusal.folder))


# ── completeness: models, reader, traps ──────────────────────────────────────────────────────────────────────

FORM_SOURCES = ["engine/core/time/arithmetic.py", "engine/core/time/cron.py"] + [
    path.relative_to(ROOT).as_posix()
    for path in sorted((ROOT / "engine/core/definitions").glob("*.py"))
    if path.stem not in ("lookup", "words")  # names asked for at run time: test_lookup; words: no messages
]
READING_SOURCES = [f"engine/definitions_yaml/{name}.py" for name in ("reading", "scalars", "traps", "keys", "loading")]

ELSEWHERE = (
    "the file is over",  # test_loading: a file over a mebibyte, bytes, a folder in place of a file
    "the text is over",
    "is not UTF-8; save the file",
    "the file cannot be read",
    "engine.yaml is missing",
    "the line is over",  # test_loading: dangers
    "the file holds over",
    "nested deeper than",
    "compare with the examples",  # test_loading: any text gives problems
    "where it lies: https",  # what keys of attachments are for
    "instead of `url`",
    "part of the language but",  # joined from two texts: `notify` under form
)
"""Messages that need more than a change of one text, and where they are tested."""


def messages(source: str) -> Iterator[tuple[str, str]]:
    """Yield every message that a module can give, with a pattern for it: its sentences of several words."""
    tree = ast.parse((ROOT / source).read_text("utf-8"))
    described = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "AttachmentKind"
        for inner in ast.walk(node)
    }  # what a key is for, not what is wrong with it
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and id(node) not in described and ast.unparse(node.func).startswith("Sentence"):
            text = node.args[0]
            if not isinstance(text, ast.Constant):
                continue  # a description of the model's, or sentences joined
            pattern = re.sub(r"\\\{\w+(:[^{}]*)?\\\}", ".*", re.escape(str(text.value)))
            if node.keywords:
                pattern = pattern.replace(r"\{\{", r"\{").replace(r"\}\}", r"\}")
            if len(re.findall(r"[a-z]{2,}", pattern)) > 2:
                yield str(text.value), pattern


@pytest.mark.parametrize("source", [*FORM_SOURCES, *READING_SOURCES])
def test_every_message_of_models_reader_and_traps_has_a_case(source: str) -> None:
    every = "\n".join(line for group in REFUSALS.values() for each in group for line in each.said)
    missed = [
        shown
        for shown, pattern in messages(source)
        if not re.search(pattern, every) and not any(known in shown for known in ELSEWHERE)
    ]
    assert missed == []


def test_messages_are_found_where_there_are_some() -> None:
    assert sum(len(list(messages(source))) for source in FORM_SOURCES) > 25
    assert sum(len(list(messages(source))) for source in READING_SOURCES) > 25
