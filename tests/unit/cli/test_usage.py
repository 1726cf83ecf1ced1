"""What is said of a wrong command line: in English as Typer says it, in Chinese without an English word."""

from __future__ import annotations

from typing import get_args

import pytest

from engine.cli import usage
from engine.cli.app import run
from engine.cli.language import choose, tell
from engine.cli.session import Settings
from engine.core.timelines.states import TouchState
from engine.services.reports.doctor import PROCESSES
from tests.support.chinese import english_words

WRONG = {
    "explain": "Missing argument 'CUSTOMER'.",
    "recall renovation-lead": "Missing option '--step'.",
    "health": "Missing argument 'process'. Choose from:",
    "explian C1": "No such command 'explian'. Did you mean 'explain'",
    "xyz": "No such command 'xyz'.",
    "log --stat x": "No such option: --stat (Possible options: --status)",
    "log -x": "No such option: -x",
    "log more": "Got unexpected extra argument(s) (more)",
    "log --limit": "Option '--limit' requires an argument.",
    "log --json=a": "Option '--json' does not take a value.",
    "log --limit many": "Invalid value for '--limit' / '-n': Input should be a valid integer, unable to parse string as an integer",
    "log --limit 100001": "Invalid value for '--limit' / '-n': Input should be less than or equal to 100000",
    "plan --days -1": "Invalid value for '--days': Input should be greater than or equal to 0",
    "log --status gone": "Invalid value for '--status': Value error, 'gone' is not one of 'queued', 'sending'",
    "log --lang fr": "Invalid value for '--lang': Value error, 'fr' is not one of 'zh', 'en'.",
    "simulate": "Invalid value: name one of --events FILE, --customer FILE, --replay",
    "simulate --replay --days 3": "Invalid value: --replay goes up to now; --days and --until are for --events and --customer",
    "simulate --events f --days 3 --until 7d": "Invalid value: name --days or --until, not both",
}


NAMES = frozenset({*get_args(TouchState), "zh", "en", "process", *PROCESSES, "api", "explain"})
"""Values and commands that Typer names."""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal on which no line is cut in two."""
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize(("line", "said"), WRONG.items(), ids=WRONG)
def test_wrong_usage_is_told_in_both_languages(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line.split()) == 2
    english = capsys.readouterr().err
    assert said in english
    assert run(["--lang", "zh", *line.split()]) == 2
    before, error, told = capsys.readouterr().err.partition("╭─ 错误 ")
    assert error
    assert all(each.startswith(("用法：", "用 `")) for each in before.splitlines())
    given = frozenset(word.strip("-") for word in line.split())
    assert english_words(told, given | NAMES) == []


def test_no_command_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--lang", "zh"]) == 2
    assert "用法：sop" in capsys.readouterr().out
    assert run(["key", "--lang", "zh"]) == 2
    assert "API 密钥。" in capsys.readouterr().out


def test_what_is_not_known_is_said_as_it_is() -> None:
    choose([], {"SOP_LANG": "zh"})
    assert tell(usage.ERRORS.said("something new")) == "something new"
    assert tell(usage.ERRORS.said("Invalid value for '-n': something new")) == "'-n' 的值无效：something new"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("API_PORT", "eighty", "应为整数"),
        ("API_PORT", "70000", "应不大于 65535"),
        ("CLOCK", "sundial", "应匹配 `^(wall|stepped)$`"),
        ("PLAN_INTERVAL", "0", "应大于 0"),
        ("PLAN_INTERVAL", "x", "应为数字"),
    ],
)
def test_a_wrong_setting_is_named_by_its_variable(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Settings.model_config["env_prefix"] == "SOP_"
    monkeypatch.setenv(f"SOP_{name}", value)
    assert run(["log", "--lang", "zh"]) == 1
    assert capsys.readouterr().err == f"sop: SOP_{name}：{told}\n"
