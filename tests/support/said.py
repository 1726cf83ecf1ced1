"""Whether what was said in English can be said in Chinese, by whoever reads it."""

from __future__ import annotations

import re

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
