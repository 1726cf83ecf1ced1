"""Sentences in text columns: what comes back is what was said, and what merely looks like one stays a text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.core.sentence import Listed, Sentence, codes
from engine.core.stored_sentence import (
    packed,
    packed_outcome,
    shortened,
    stored,
    unpacked,
    unpacked_outcome,
)
from engine.messages.languages import tell

SENTENCES = [
    Sentence("written to the log"),
    Sentence("no answer: {error}", error="ConnectError (TimeoutError)"),
    Sentence.within("touches", "failed"),
    Sentence.counted("{number:,} SOP", "{number:,} SOPs", 1_200),
    Sentence("{said} and {more}", said=Sentence("none"), more=["a", "b"]),
    Sentence("{names}", names=Listed(("a", Sentence("b {x}", x="c")), "or")),
    Sentence("{names}", names=codes(["vip", "大客户"])),
    Sentence("a") + Sentence(" Did you mean `{near}`?", near="b") + " plain",
    Sentence.joined([Sentence("a"), "b"]),
    Sentence("{{literal}} {x}", x="{braces} %s \\ \" '"),
    Sentence("{share:.2f} of {all}", share=0.5, all=True),
    Sentence("a brace { of its own"),
    Sentence("see {file}", file=Path("/x")),
]


@pytest.mark.parametrize("sentence", SENTENCES, ids=str)
def test_a_stored_sentence_comes_back_with_pattern_and_values(sentence: Sentence) -> None:
    text = packed(sentence)
    assert type(text) is str and text != sentence
    back = unpacked(text)
    assert isinstance(back, Sentence) and back == sentence
    assert tell(back, "zh") == tell(sentence, "zh")
    assert packed(back) == text


@pytest.mark.parametrize("text", ["", "status 404", "装修意向", "2/7d sms", '{"say"', "{say}"])
def test_a_plain_text_is_stored_as_it_is(text: str) -> None:
    assert packed(text) == text == unpacked(text)


def test_nothing_stays_nothing() -> None:
    assert stored(None) is None and unpacked(None) is None and packed(Sentence("")) == ""


@pytest.mark.parametrize(
    "text",
    [
        '{"say":1}',
        '{"say":"x"',
        '{"say":"x","more":1}',
        '{"say":"{x}","values":{}}{',
        '{"say":"{x}","values":{"y":1}}',
        '{"say":"{x.__class__}","values":{"x":"a"}}',
        '{"say":"{x[0]}","values":{"x":"a"}}',
        '{"say":"{x!r}","values":{"x":"a"}}',
        '{"say":"{x:>999999999}","values":{"x":"a"}}',
        '{"say":"{x:{y}}","values":{"x":1,"y":9}}',
        '{"say":"{x:,}","values":{"x":"no number"}}',
        '{"say":"{","values":{"x":1}}',
        '{"say":"a","many":"b"}',
        '{"say":"a","many":"{x.y}","values":{"number":2,"x":"a"}}',
        '{"say":"{x}","values":{"x":{"list":["a"],"by":"and so on"}}}',
        '{"say":"{x}","values":{"x":{"unknown":1}}}',
        '{"say":"a","context":1}',
        '{"say":"a","values":["b"]}',
        '{"say":"{x}","values":{"x":' + "[" * 20_000 + "]" * 20_000 + "}}",
    ],
)
def test_what_only_looks_like_a_sentence_stays_a_text(text: str) -> None:
    assert unpacked(text) == text and not isinstance(unpacked(text), Sentence)


def test_what_the_form_cannot_carry_is_stored_as_plain_text() -> None:
    class Odd:
        def __format__(self, _form: str) -> str:
            return "odd"

    assert packed(Sentence("{x:odd}", x=Odd())) == "odd"
    for text in ("a\x00b", "a\ud800b"):
        assert packed(Sentence("{x}", x=text)) == text


def test_a_sentence_that_is_too_long_is_cut_and_plain() -> None:
    long = Sentence("{x}", x="y" * 400)
    assert packed(long, 300) == "y" * 300 == shortened(long)
    assert not isinstance(shortened(long), Sentence)
    assert shortened(SENTENCES[0]) is SENTENCES[0]


def test_an_outcome_keeps_its_sentences_where_it_has_words() -> None:
    said, values = Sentence("`{name}` is not a time zone", name="x"), {"since": "2026-03-01T00:00:00+00:00"}
    outcome = {
        "reason": "unknown_value",
        "dropped": [said, "an older text"],
        "error": Sentence("the process died each time it was tried"),
        "refused": [{"sop": "a", "detail": said, "trace": [{"actual": '{"say":"x"}'}]}, {"sop": "b", "detail": values}],
        "exits": [{"sop": "c", "detail": None}, {"sop": "d", "detail": "d"}],
    }
    kept = json.loads(json.dumps(packed_outcome(outcome)))
    assert kept["dropped"][1] == "an older text" and kept["dropped"][0] != said
    back = unpacked_outcome(kept)
    assert back == outcome
    assert isinstance(back["dropped"][0], Sentence) and isinstance(back["refused"][0]["detail"], Sentence)
    assert back["refused"][0]["trace"] == [{"actual": '{"say":"x"}'}]


def test_an_outcome_without_words_is_left_as_it_is() -> None:
    outcome = {"started": [{"sop": "a", "key": ""}]}
    assert packed_outcome(outcome) == outcome
    assert unpacked_outcome(None) is None
