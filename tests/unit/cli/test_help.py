"""The help of every command, in both languages."""

from __future__ import annotations

import re

import pytest
import typer

from engine.cli import app
from engine.cli.app import run
from engine.services.operations.api_keys import SCOPES
from tests.support.chinese import english_words
from tests.support.commands import commands

EXAMPLE = re.compile(r"^\s*(例如：)?\s*sop .*$", re.MULTILINE)
"""A line that is a command, as it is typed."""


ALL = list(commands(typer.main.get_command(app.build())))  # type: ignore[arg-type]  # the app is a group


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal on which no line is cut in two."""
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("NO_COLOR", "1")


def shown(path: tuple[str, ...], language: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run([*path, "--help", "--lang", language]) == 0
    return capsys.readouterr().out


def test_every_command_of_the_app_is_looked_at() -> None:
    assert {"sop", "dead-letters list", "key create", "segments preview", "beat"} <= {
        " ".join(path) or "sop" for path in ALL
    }
    assert len(ALL) > 40


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_no_english_word_is_left_in_chinese(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    text = EXAMPLE.sub("", shown(path, "zh", capsys))
    assert f"用法：sop {' '.join(path)}".rstrip() in text
    lines = [line.strip(" │*") for line in text.splitlines()]
    names = {word for command in ALL for word in command}
    arguments = {found[0] for line in lines if (found := re.match(r"[a-z_]+\b", line))}
    told = "\n".join(line for line in lines if not line.startswith("用法："))
    assert english_words(told, frozenset(names | arguments)) == []


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_english_stays_english(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(path, "en", capsys)
    assert f"Usage: sop {' '.join(path)}".rstrip() in text
    assert "Show this message and exit." in text
    assert "Language of everything that is said" in text
    assert re.findall("[\u4e00-\u9fff]+", EXAMPLE.sub("", text)) in ([], ["装修意向"])


def test_the_scopes_named_are_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert f"What it may do: {', '.join(SCOPES)}. May be repeated." in shown(("key", "create"), "en", capsys)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_nothing_is_cut_off_on_a_terminal_of_eighty_columns(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def bare(text: str) -> str:
        return re.sub(r"[\s│╭╮╰╯─]", "", text)

    whole = shown(path, "zh", capsys)
    monkeypatch.setenv("COLUMNS", "80")
    narrow = shown(path, "zh", capsys)
    assert sorted(bare(narrow)) == sorted(bare(whole))
