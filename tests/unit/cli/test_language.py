"""Which language a run is in, and that everything printed is in it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from engine.cli import language
from engine.cli.app import run
from engine.cli.views import output
from engine.cli.views.output import Column, as_json, clean, coded, note, say, table
from engine.core.sentence import Sentence

CHINESE = {"LANG": "zh_CN.UTF-8"}
RECEIVED = Sentence.within("column", "received")
STATUSES = {"sent": Sentence.within("status", "sent")}


@pytest.mark.parametrize(
    ("arguments", "environment", "chosen"),
    [
        ("log", {}, "en"),
        ("log", CHINESE, "zh"),
        ("log", {"LANG": "zh_TW"}, "zh"),
        ("log", {"LANG": "de_DE.UTF-8"}, "en"),
        ("log", {"LANG": ""}, "en"),
        ("log", CHINESE | {"LC_ALL": "C"}, "en"),
        ("log", CHINESE | {"LC_ALL": "C", "SOP_LANG": "zh"}, "zh"),
        ("log --lang zh", {}, "zh"),
        ("--lang zh log", {}, "zh"),
        ("--lang=en log", CHINESE, "en"),
        ("log --lang en", CHINESE | {"SOP_LANG": "zh"}, "en"),
        ("--lang en log --lang zh", {}, "zh"),
        ("event visit C1 -- --lang zh", {}, "en"),
        ("log --lang fr", CHINESE, "zh"),
        ("log --lang", CHINESE, "zh"),
    ],
)
def test_the_language_is_the_one_asked_for_else_that_of_the_environment(
    arguments: str, environment: dict[str, str], chosen: str
) -> None:
    language.choose(arguments.split(), environment)
    assert language.language() == chosen


@pytest.mark.parametrize(
    ("arguments", "others"),
    [
        ("--lang zh log -n 3", "log -n 3"),
        ("log --lang=zh", "log"),
        ("event visit -- --lang zh", "event visit -- --lang zh"),
    ],
)
def test_what_names_the_language_names_no_command(arguments: str, others: str) -> None:
    assert language.without_language(arguments.split()) == others.split()


@pytest.mark.parametrize("arguments", [["--lang", "fr", "schema"], ["schema", "--lang=fr"], ["schema", "--lang"]])
def test_another_language_is_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert "--lang" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--lang", "zh", "validate", "no"], ["validate", "no", "--lang=zh"]])
def test_before_the_command_and_after_it_is_the_same(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 1
    assert capsys.readouterr().err.startswith("sop: 没有文件夹 `no`")


def test_a_sentence_is_said_wherever_it_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    language.choose([], CHINESE)
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    say(RECEIVED)
    note(RECEIVED)
    as_json({"text": RECEIVED, "all": [RECEIVED]})
    table([Column(RECEIVED)], [[RECEIVED]])
    out, err = capsys.readouterr()
    assert err == "收到时间\n"
    assert out.count("收到时间") == 5
    assert "received" not in out


def test_codes_are_words_on_a_terminal_and_codes_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    language.choose([], CHINESE)
    assert clean(coded("sent", STATUSES)) == "sent"
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    assert clean(coded("sent", STATUSES)) == "已发出"
    assert clean(coded("another", STATUSES)) == "another"
    assert str(output.styled(coded("sent", STATUSES)).style) == "green"


def test_json_says_english_where_english_is_asked_for() -> None:
    assert json.loads(output.json_text({"text": RECEIVED})) == {"text": "received"}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("arguments", [["--help"], ["simulate", "--help"], ["validate", "没有"], ["lo"]])
def test_what_a_terminal_cannot_show_is_no_failure(encoding: str, arguments: list[str]) -> None:
    env = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "SOP_LANG": "zh", "LC_ALL": "C"}
    program = "from engine.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=env, capture_output=True, timeout=60, check=False
    )
    assert b"Traceback" not in done.stdout + done.stderr
    assert b"\\u" in done.stdout + done.stderr


def test_english_loads_no_catalogue(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    opened: list[str] = []
    known = io.open

    def watched(file: object, *arguments: object, **settings: object) -> object:
        opened.append(str(file))
        return known(file, *arguments, **settings)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", watched)
    assert run(["validate", "no"]) == 1
    assert "no folder `no`" in capsys.readouterr().err
    assert [each for each in opened if each.endswith(".mo")] == []


@pytest.mark.parametrize(
    ("answers", "agreed"), [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("maybe\ny\n", True)]
)
def test_a_question_is_asked_until_it_is_answered(
    answers: str, agreed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    language.choose([], CHINESE)
    monkeypatch.setattr("sys.stdin", io.StringIO(answers))
    assert output.agreed(RECEIVED) is agreed
    out = capsys.readouterr().out
    assert out.startswith("收到时间 [y/N]: ")
    assert ("请回答 y 或 n" in out) is ("maybe" in answers)
