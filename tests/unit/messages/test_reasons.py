"""Reasons are one closed table, each with a Chinese and an English sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import engine
from engine.core.reasons import Reason
from engine.messages.languages import tell
from engine.messages.reasons import REASON_TEXT, sentence

SOURCES = [path.read_text() for path in Path(next(iter(engine.__path__))).rglob("*.py") if path.name != "reasons.py"]
HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_in_both_languages(reason: Reason) -> None:
    assert HAN.search(tell(REASON_TEXT[reason], "zh"))
    assert tell(REASON_TEXT[reason], "en").strip()
    assert not HAN.search(tell(REASON_TEXT[reason], "en"))


def test_no_two_reasons_say_the_same() -> None:
    for language in ("zh", "en"):
        sentences = [tell(each, language) for each in REASON_TEXT.values()]
        assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_given_somewhere(reason: Reason) -> None:
    named = re.compile(rf"Reason\.{reason.name}\b|'{reason.value}'|\"{reason.value}\"")
    assert any(named.search(source) for source in SOURCES)


def test_a_sentence_by_its_code() -> None:
    assert sentence("opted_out") == "the customer has opted out"
    assert tell(sentence("opted_out"), "zh") == "客户已退订"
    assert sentence("something_newer") == "something_newer"
