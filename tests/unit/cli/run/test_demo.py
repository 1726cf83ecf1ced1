"""What `sop demo` says of what came out, in Chinese: no English word but codes and names."""

from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from engine.cli import language
from engine.cli.run import demo
from engine.core.sentence import Sentence
from engine.demo.driver import Driven
from engine.demo.verdict import Verdict
from engine.demo.view import View
from tests.support.chinese import english_words

STAGE: Any = SimpleNamespace(
    titles={"wake-up": "唤醒"}, wiring=SimpleNamespace(settings=SimpleNamespace(definitions="x"))
)
LOST = Sentence("{touch}: recorded as sent, never went out", touch="C1 wake-up d1")
DRIVEN = Driven(posted=85, moments=69)


def verdict(**more: Any) -> Verdict:
    figures: dict[str, Any] = {
        "events": 85, "timelines": 32, "sent": 56, "per_sop": {"wake-up": 36}, "per_day": {"2026-03-02": 5}, "woken": 2,
        "answered": ["C7"], "ends": Counter({"active": 16, "exit (预约)": 2}), "skips": Counter({"condition": 13}),
    }  # fmt: skip
    return Verdict(**figures | more)


def told(found: Verdict) -> str:
    """Return what is printed of a verdict."""
    out = io.StringIO()
    demo._report(Console(file=out, width=200), found, STAGE, DRIVEN, 22, {"C7": "王女士"})
    return out.getvalue()


@pytest.mark.parametrize("found", [verdict(), verdict(lost=[LOST]), verdict(answered=[])])
def test_a_verdict_in_chinese(found: Verdict) -> None:
    language.choose([], {"SOP_LANG": "zh"})
    text = told(found)
    assert english_words(text) == []
    assert ("与定义不一致" if found.lost else "与定义一致") in text
    assert "16  进行中" in text
    assert "2  发生了退出事件（`exit (预约)`）" in text


def test_a_verdict_in_english() -> None:
    lines = [" ".join(line.split()) for line in told(verdict(lost=[LOST])).splitlines()]
    assert "ends 16 active" in lines
    assert "2 exit (预约): an exit moment happened" in lines
    assert "C1 wake-up d1: recorded as sent, never went out" in lines
    assert "NOT as the definitions promise: 69 moments of 1 days in 22 s" in lines


@pytest.mark.parametrize("live", [True, False])
def test_what_one_sees_meanwhile_in_chinese(live: bool) -> None:
    out = io.StringIO()
    view = View(
        Console(file=out, width=120, force_terminal=live, color_system=None), STAGE.titles, "Asia/Shanghai", 3, "zh"
    )
    row = SimpleNamespace(
        id=1, ref="C1", sop="wake-up", step="d1", status="sent", kind="message", reason=None, start_id="engine/silent:1",
        body={"text": "在吗"},
    )  # fmt: skip
    with view.showing():
        view.moment(datetime(2026, 3, 2, tzinfo=UTC), 5, [row])
        if live:
            view._console.print(view._panel())
    view.close()
    text = out.getvalue()
    assert "唤醒 1 位沉默客户" in text.replace("累计唤醒", "唤醒")
    assert english_words(text.replace("sop demo", ""), frozenset("hlABCJKm")) == []
