"""Lengths of time, in both languages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.messages.languages import tell
from engine.messages.spans import roughly, span, to_the_minute


@pytest.mark.parametrize(
    ("length", "english", "chinese"),
    [
        (timedelta(days=4, hours=18, minutes=5), "4d 18h", "4 天 18 小时"),
        (timedelta(days=3), "3d", "3 天"),
        (timedelta(minutes=20, seconds=5), "20m 5s", "20 分 5 秒"),
        (timedelta(), "0s", "0 秒"),
    ],
)
def test_its_two_largest_units(length: timedelta, english: str, chinese: str) -> None:
    assert (tell(span(length), "en"), tell(span(length), "zh")) == (english, chinese)


@pytest.mark.parametrize(
    ("length", "english", "chinese"),
    [
        (timedelta(days=3, minutes=59), "3d", "3 天"),
        (timedelta(days=3, hours=2, minutes=59), "3d 2h", "3 天 2 小时"),
        (timedelta(hours=2), "2h", "2 小时"),
        (timedelta(hours=2, minutes=5, seconds=40), "2h 6m", "2 小时 6 分"),
        (timedelta(minutes=1), "1m", "1 分"),
        (timedelta(seconds=29), "< 1m", "不到 1 分"),
    ],
)
def test_to_the_minute(length: timedelta, english: str, chinese: str) -> None:
    assert (tell(to_the_minute(length), "en"), tell(to_the_minute(length), "zh")) == (english, chinese)


@pytest.mark.parametrize(
    ("length", "english", "chinese"),
    [
        (timedelta(days=4, hours=18), "4 d", "4 天"),
        (timedelta(hours=3, minutes=59), "3 h", "3 小时"),
        (timedelta(minutes=20), "20 min", "20 分钟"),
        (timedelta(0), "0 s", "0 秒"),
    ],
)
def test_its_largest_unit_only(length: timedelta, english: str, chinese: str) -> None:
    assert (tell(roughly(length), "en"), tell(roughly(length), "zh")) == (english, chinese)
