"""Whether what was said in English can be said in Chinese, by whoever reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from engine.core.errors import SopError
from engine.core.sentence import Sentence
from engine.messages.languages import tell
from tests.support.chinese import english_words

_SHOWN = re.compile(r"'[^']*['…]|NaN")
"""Values as they are shown, perhaps shortened."""


def untranslated(text: object) -> list[str]:
    """Return the English words of a text in Chinese; values in single quotes stand for themselves. A plain text is not told at all."""
    if not isinstance(text, Sentence):
        return [f"no sentence: {text}"]
    return english_words(_SHOWN.sub(" ", tell(text, "zh")))


def refusals(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Sentence]]:
    """Collect what every error of a test says, and see at its end that all of it can be said in Chinese. For a fixture."""
    said: list[Sentence] = []
    begin = SopError.__init__

    def remember(error: SopError, *arguments: Any, **more: Any) -> None:
        begin(error, *arguments, **more)
        if "failure" not in getattr(error.message, "values", {"failure"}):  # what other errors say is not ours
            said.append(error.message)

    monkeypatch.setattr(SopError, "__init__", remember)
    yield said
    assert {each: words for each in said if (words := untranslated(each))} == {}
