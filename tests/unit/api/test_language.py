"""Which language an answer is in, and that every sentence in it is said in that."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from engine.api import language
from engine.core.sentence import Sentence

SAID = Sentence("written to the log")


class Code(StrEnum):
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Record:
    code: Code
    detail: str
    inner: list[Record] = field(default_factory=list)


BODY: dict[Any, Any] = {
    "record": Record(Code.SENT, SAID, [Record(Code.SENT, "plain")]),
    "list": [SAID, {"deep": (SAID, None)}],
    1: 1.5,
}


def test_english_is_what_sentences_are_and_nothing_is_copied() -> None:
    assert language.told(BODY, "en") is BODY
    told = orjson.loads(orjson.dumps(BODY, option=orjson.OPT_NON_STR_KEYS))
    assert told["list"] == ["written to the log", {"deep": ["written to the log", None]}]


def test_in_chinese_every_sentence_is_said_wherever_it_stands() -> None:
    assert language.told(BODY, "zh") == {
        "record": {
            "code": "sent",
            "detail": "已写入日志",
            "inner": [{"code": "sent", "detail": "plain", "inner": []}],
        },
        "list": ["已写入日志", {"deep": ["已写入日志", None]}],
        1: 1.5,
    }


def test_an_answer_says_its_language_and_that_it_depends_on_the_request() -> None:
    assert language.headers("zh") == {"Content-Language": "zh", "Vary": "Accept-Language"}
