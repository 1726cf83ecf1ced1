"""Every page of the cookbook is complete, in both languages, and does what it says."""

from __future__ import annotations

import re

import pytest

from tests.support import scenarios
from tests.support.places import DOCS

FOLDER = DOCS / "cookbook"
PAGES = sorted(path.name for path in FOLDER.glob("[0-9]*.md"))
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(page: str) -> str:
    return (FOLDER / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[tuple[str, str]]:
    return [(found[1], found[2]) for found in _FENCE.finditer(text_of(page))]


def test_there_are_the_twelve_and_the_index_names_them() -> None:
    index = text_of("README.md")
    assert len(PAGES) == 12
    assert all(f"({page})" in index for page in PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_it_does_what_it_says(page: str) -> None:
    """The definitions load without a problem or warning, and every line comes out as written, no more and no fewer."""
    (scenario,) = [text for language, text in blocks(page) if language == "scenario"]
    expected, came = scenarios.played(scenario, blocks(page))
    assert came == expected
    assert len(expected) > 4


@pytest.mark.parametrize("page", PAGES)
def test_it_is_told_in_both_languages(page: str) -> None:
    prose = _FENCE.sub("", text_of(page))
    assert re.search(r"^\*\*中文\*\* .{40,}", prose, re.MULTILINE)
    assert re.search(r"^\*\*English\*\* .{80,}", prose, re.MULTILINE)
