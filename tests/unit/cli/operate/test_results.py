"""What `sop results` prints: within a hundred columns in both languages on a terminal, tab-separated in a pipe."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from rich.cells import cell_len

from engine.adapters.proportions import compare, rate
from engine.cli.operate import results as command
from engine.cli.views import output
from engine.core.explain.results import Arm, Note, Results, StepResult, VariantResult
from engine.messages.results import ResultsFormatter
from tests.support.builders import NOON, SHANGHAI

PLAIN, COUPON = rate(1_012, 10_240), rate(1_230, 10_311)
STEPS = [
    StepResult("welcome-message", True, rate(2_400, 21_000)),
    StepResult(
        "offer-day-8",
        True,
        rate(2_300, 20_700),
        [
            VariantResult("gold-members", True, rate(58, 149)),
            VariantResult("plain", False, PLAIN),
            VariantResult("coupon", False, COUPON, compare(COUPON, PLAIN, comparisons=1)),
        ],
    ),
    StepResult("old", False, rate(0, 12)),
]
ARMS = [
    Arm("treated", 21_200, 2_500, 3_120, rate(2_490, 21_000), 400_000.0),
    Arm("holdout", 2_360, 200, 300, rate(199, 2_350), 500_000.0),
]
TOLD = Results(
    "renovation-lead", "装修意向客户培育", 12, NOON, NOON + timedelta(days=30), NOON + timedelta(days=40), SHANGHAI,
    "event: type order.signed", 2_592_000.0, 0.95, ARMS, compare(ARMS[0].rate, ARMS[1].rate), [], STEPS,
    [Note("holdout_changed", NOON), Note("repeated", number=200)],
)  # fmt: skip


def printed(told: Results, language: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    command._print(told, ResultsFormatter(language, told.timezone))
    return capsys.readouterr().out.splitlines()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of a hundred columns."""
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("language", "whole"),
    [
        ("zh", ["9.9%（9.3–10.5%）", "1.21 倍（1.12–1.31）", "更多", "执行组转化率为对照组的 1.40 倍", "由条件选出", "4 天 15 小时"]),
        ("en", ["9.9% (9.3–10.5%)", "1.21× (1.12–1.31)", "more", "treated against holdout: 1.40×", "by condition", "4d 15h"]),
    ],
)  # fmt: skip
def test_a_hundred_columns_hold_it(language: str, whole: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(TOLD, language, capsys)
    assert [line for line in lines if cell_len(line) > 100] == []
    text = "\n".join(lines)
    assert [each for each in whole if each not in text] == []
    steps = [line.split()[0] for line in lines if line.startswith(("welcome", "offer", "· "))]
    assert steps == ["welcome-message", "offer-day-8", "·", "·", "·"], text


def test_a_pipe_gets_tab_separated_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split("\t") for line in printed(TOLD, "en", capsys)]
    assert ["treated", "21200", "21000", "2490", "11.9% (11.4–12.3%)", "3120", "4d 15h"] in lines
    assert [
        "offer-day-8", "coupon", "10311", "1230", "11.9% (11.3–12.6%)", "1.21× (1.12–1.31)", "more",
    ] in lines  # fmt: skip
    assert ["old (removed)", "", "12", "0", "0.0% (0.0–24.2%)", "", ""] in lines


def test_small_numbers_tell_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    few = [replace(ARMS[0], rate=rate(4, 20)), replace(ARMS[1], rate=rate(0, 20))]
    told = replace(TOLD, arms=few, against_holdout=compare(few[0].rate, few[1].rate), steps=[], notes=[])
    for language, sentence in (("zh", "还不足以判断"), ("en", "not enough to tell")):
        assert any(sentence in line for line in printed(told, language, capsys))


@pytest.mark.parametrize(("language", "sentence"), [("zh", "此 SOP 没有目标"), ("en", "the SOP has no goal")])
def test_without_a_goal_no_rate_of_zero_is_shown(
    language: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arms = [
        replace(ARMS[0], converted_timelines=0, rate=rate(0, 21_000)),
        replace(ARMS[1], timelines=0, rate=rate(0, 0)),
    ]
    told = replace(TOLD, goal=None, arms=arms, against_holdout=None, notes=[Note("no_goal")])
    text = "\n".join(printed(told, language, capsys))
    assert sentence in text
    assert "goal: {event: {type: purchase}, within: 30d}" in text
    assert "%" not in text
