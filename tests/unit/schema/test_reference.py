"""The reference is what the models say, and every key of the language stands in it."""

from __future__ import annotations

import re

import pytest

from engine.core.definitions import Moment
from engine.schema import reference
from engine.schema.reference_pages import GROUPS, LANGUAGE, TITLES
from engine.wiring import CHANNEL_TYPES
from tests.support.places import DOCS

FOLDER = DOCS / "reference"
PAGES = reference.pages(CHANNEL_TYPES)
MODELS = reference.models()
KEYS = [key for model in MODELS.values() for key in reference.keys(model)]


def committed(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_committed_page_is_what_the_models_say_now(name: str) -> None:
    assert committed(name) == PAGES[name], "run: sop reference --write docs/reference"


def test_no_other_page_is_committed() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_every_model_of_the_language_stands_on_exactly_one_page() -> None:
    placed = [name for group in GROUPS for name in group.models]
    assert sorted(placed) == sorted(MODELS) == sorted(TITLES)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.owner}.{key.name}")
def test_every_key_is_described_on_its_page_and_leads_to_the_page_that_explains_it(key: reference.Key) -> None:
    inherited = key.owner in ("Exit", "Goal") and key.name in Moment.keys()  # noqa: SIM118 - the model's own method
    owner = "Moment" if inherited else key.owner
    page = committed(f"{reference.group_of(owner)}.md")
    section = page.split(f"\n## {TITLES[owner]}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith(f"| `{key.name}` |")]
    assert len(rows) == 1
    assert key.description
    assert f"(../language/{key.page}.md)" in rows[0]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.owner}.{key.name}")
def test_the_page_that_explains_a_key_names_it(key: reference.Key) -> None:
    text = (FOLDER.parent / "language" / f"{key.page}.md").read_text(encoding="utf-8")
    assert re.search(rf"(?<![\w]){re.escape(key.name)}(?![\w])", text), f"{key.page}.md never names `{key.name}`"


def test_pages_are_named_for_keys_there_are() -> None:
    known = set(MODELS) | {f"{key.owner}.{key.name}" for key in KEYS}
    assert sorted(set(LANGUAGE) - known) == []


def test_every_setting_of_a_channel_is_described() -> None:
    page = committed("channels.md")
    for kind, model in CHANNEL_TYPES.items():
        section = page.split(f"\n## {kind}\n")[1].split("\n## ")[0]
        for name, info in model.model_fields.items():
            assert f"| `{info.alias or name}` |" in section
