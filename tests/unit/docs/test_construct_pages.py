"""Every page of the language holds an example that loads without a problem and does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.schema.reference_pages import LANGUAGE
from tests.support import scenarios
from tests.support.places import DOCS

FOLDER = DOCS / "language"
PAGES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def text_of(page: str) -> str:
    return (FOLDER / f"{page}.md").read_text(encoding="utf-8")


def blocks(page: str) -> list[tuple[str, str]]:
    return fenced(FOLDER / f"{page}.md")


def fenced(path: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text, in order."""
    return [(found[1], found[2]) for found in _FENCE.finditer(path.read_text(encoding="utf-8"))]


def shown() -> list[tuple[str, int]]:
    """Every scenario: its page and number."""
    return [
        (page, number)
        for page in PAGES
        for number in range(sum(language == "scenario" for language, _ in blocks(page)))
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_begins_with_its_title_in_both_languages_and_a_sentence_in_chinese(page: str) -> None:
    title, _, sentence, blank = text_of(page).split("\n")[:4]
    assert re.fullmatch(r"# [^\u4e00-\u9fff]+ · .*[\u4e00-\u9fff].*", title)
    assert sentence.endswith("。") and len(_CHINESE.findall(sentence)) > 5
    assert blank == ""


@pytest.mark.parametrize("page", PAGES)
def test_its_definitions_have_no_problem_and_there_is_a_scenario(page: str) -> None:
    folders = scenarios.folders(blocks(page))
    for sources in folders:
        assert "engine.yaml" in sources
        found = scenarios.loaded(sources)
        assert [str(each) for each in found.problems] == []
    assert any(name.startswith("sops/") for name in folders[-1])
    assert any(language == "scenario" for language, _ in blocks(page))


@pytest.mark.parametrize(("page", "number"), shown())
def test_its_scenario_comes_out_as_written(page: str, number: int) -> None:
    scenario = [text for language, text in blocks(page) if language == "scenario"][number]
    expected, came = scenarios.played(scenario, blocks(page))
    assert came == expected, "\n".join(("what came out:", *(f"→ {line}" for line in came)))


def test_every_block_of_yaml_says_which_file_it_is() -> None:
    unnamed = [
        page for page in PAGES for language, text in blocks(page) if language == "yaml" and not text.startswith("# ")
    ]
    assert unnamed == []


def test_every_page_is_in_the_index_and_every_key_has_its_page() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [page for page in PAGES if f"({page}.md)" not in index] == []
    assert sorted(set(LANGUAGE.values()) - set(PAGES)) == []
