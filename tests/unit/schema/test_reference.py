"""The reference is what the models say, and every key of the language stands in it, in every language."""

from __future__ import annotations

import re
from html import unescape

import pytest

from engine.core.definitions import Moment
from engine.messages.languages import LANGUAGES, speech, tell
from engine.schema import reference
from engine.schema.reference_pages import EDITIONS, GROUPS, LANGUAGE, TITLES, group_of
from engine.wiring import CHANNEL_TYPES
from tests.support.chinese import english_words
from tests.support.places import DOCS

FOLDER = DOCS / "reference"
PAGES = {language: reference.pages(CHANNEL_TYPES, language, speech(language)) for language in LANGUAGES}
ALL = [(language, name) for language, pages in PAGES.items() for name in sorted(pages)]
MODELS = reference.models()
KEYS = [key for model in MODELS.values() for key in reference.keys(model)]


def committed(name: str, language: str = "en") -> str:
    return (FOLDER / EDITIONS[language].folder / name).read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    """Return what stands under a heading of a page."""
    return page.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(("language", "name"), ALL)
def test_the_committed_page_is_what_the_models_say_now(language: str, name: str) -> None:
    assert committed(name, language) == PAGES[language][name], "run: sop reference --write docs/reference"


def test_no_other_page_is_committed() -> None:
    found = {path.relative_to(FOLDER) for path in FOLDER.rglob("*") if path.is_file()}
    assert found == {(FOLDER / EDITIONS[language].folder / name).relative_to(FOLDER) for language, name in ALL}


@pytest.mark.parametrize(("language", "name"), ALL)
def test_a_page_leads_to_the_same_one_in_the_other_language(language: str, name: str) -> None:
    edition = EDITIONS[language]
    assert f"[{edition.other}]({edition.to_other}/{name})" in PAGES[language][name]


@pytest.mark.parametrize(("language", "name"), ALL)
def test_no_heading_stands_twice_on_a_page_so_that_each_has_an_address(language: str, name: str) -> None:
    headings = re.findall(r"^#+ (.+)$", PAGES[language][name], re.MULTILINE)
    assert len(headings) == len({heading.lower() for heading in headings})


def test_every_model_of_the_language_stands_on_exactly_one_page() -> None:
    placed = [name for group in GROUPS for name in group.models]
    assert sorted(placed) == sorted(MODELS) == sorted(TITLES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.owner}.{key.name}")
def test_every_key_is_described_on_its_page_and_leads_to_the_page_that_explains_it(
    key: reference.Key, language: str
) -> None:
    inherited = key.owner in ("Exit", "Goal") and key.name in Moment.keys()  # noqa: SIM118 - the model's own method
    owner = "Moment" if inherited else key.owner
    page = committed(f"{group_of(owner)}.md", language)
    lines = section(page, tell(TITLES[owner], language)).splitlines()
    rows = [line for line in lines if line.startswith(f"| `{key.name}` |")]
    assert len(rows) == 1
    assert key.description
    assert f"({EDITIONS[language].docs}/language/{key.page}.md)" in rows[0]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.owner}.{key.name}")
def test_the_page_that_explains_a_key_names_it(key: reference.Key) -> None:
    text = (FOLDER.parent / "language" / f"{key.page}.md").read_text(encoding="utf-8")
    assert re.search(rf"(?<![\w]){re.escape(key.name)}(?![\w])", text), f"{key.page}.md never names `{key.name}`"


def test_pages_are_named_for_keys_there_are() -> None:
    known = set(MODELS) | {f"{key.owner}.{key.name}" for key in KEYS}
    assert sorted(set(LANGUAGE) - known) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_of_a_channel_is_described(language: str) -> None:
    page = committed("channels.md", language)
    for kind, model in CHANNEL_TYPES.items():
        described = section(page, kind)
        for name, info in model.model_fields.items():
            assert f"| `{info.alias or name}` |" in described


# ── languages ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", sorted(PAGES["zh"]))
def test_a_chinese_page_has_no_english_word(name: str) -> None:
    text = PAGES["zh"][name].replace(f"[{EDITIONS['zh'].other}]", "")
    assert english_words(_link_texts(text)) == []


def _link_texts(page: str) -> str:
    """Return a page with what links say in their place, but for those that are named after a file."""
    bare = re.sub(r"\[([a-z-]+)\]\([^)]*\)", "", unescape(page))
    return re.sub(r"\[([^\]\[]*)\]\([^)]*\)", r"\1", bare)


@pytest.mark.parametrize("name", sorted(PAGES["en"]))
def test_an_english_page_has_no_chinese_but_in_examples(name: str) -> None:
    text = PAGES["en"][name].replace(f"[{EDITIONS['en'].other}]", "")
    bare = re.sub(r"\{[^{}]*\}|企业微信|渠道活码", "", text)
    assert re.findall(r"[\u4e00-\u9fff]+", bare) == []


def test_pages_of_all_languages_have_the_same_rows() -> None:
    for name, page in PAGES["en"].items():
        assert [_keys(PAGES[language][name]) for language in LANGUAGES] == [_keys(page)] * len(LANGUAGES)


def _keys(page: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
