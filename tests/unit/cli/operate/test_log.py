"""What `sop log` says of one touch."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from engine.cli.operate.log import _detail

DUE = datetime(2026, 9, 24, 2, tzinfo=UTC)


def told(language: str, **values: Any) -> str:
    row = {"status": "skipped", "reason": None, "detail": None, "ready_at": DUE, "due_at": DUE} | values
    return _detail(SimpleNamespace(**row), "Asia/Shanghai", language)


@pytest.mark.parametrize(
    ("language", "said"), [("zh", "（受阻于 频次上限、休息日）"), ("en", "(held by the cap, days off)")]
)
def test_what_held_an_expired_touch_is_told_in_words_not_codes(language: str, said: str) -> None:
    assert told(language, reason="expired", detail="cap, holiday").endswith(said)


def test_what_the_provider_said_stands_alone() -> None:
    assert told("zh", status="sent", detail="id 7") == "id 7"


def test_nothing_to_tell_is_empty() -> None:
    assert told("zh", status="sent") == ""
