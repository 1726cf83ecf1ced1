"""What is said beside results: changes between versions that make figures mix two things; the words of both languages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from engine.core.explain.results import InForce, Note, Rate, changes, goal_as_written, judge
from engine.messages.__main__ import sample
from engine.messages.extract import extracted
from engine.messages.languages import tell
from engine.messages.results import ResultsFormatter
from tests.support.builders import NOON, SHANGHAI, a_sop

ZH, EN = ResultsFormatter("zh", SHANGHAI), ResultsFormatter("en", SHANGHAI)
LATER = NOON + timedelta(days=1)
AB = [{"id": "a", "message": {"text": "甲"}}, {"id": "b", "message": {"text": "乙"}}]


def stepped(*variants: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": "d1", "day": 1, "variants": list(variants)}]


def noted(before: dict[str, Any], after: dict[str, Any], at: Any = LATER) -> list[Note]:
    versions = [InForce(1, NOON, a_sop(before)), InForce(2, at, a_sop(after))]
    return changes(versions, NOON, NOON + timedelta(days=2))


# ── changes between versions ─────────────────────────────────────────────────────────────────────────────────

GOAL = {"goal": {"event": {"type": "purchase"}, "within": "30d"}}


@pytest.mark.parametrize(
    ("before", "after", "notes"),
    [
        (GOAL, GOAL | {"title": "改名"}, []),
        (GOAL, {}, [Note("goal_changed", LATER)]),
        (GOAL, {"goal": {"event": {"type": "purchase"}, "within": "7d"}}, [Note("goal_changed", LATER)]),
        ({"holdout": "10%"}, {"holdout": "50%"}, [Note("holdout_changed", LATER)]),
        (
            {"steps": stepped(*AB)},
            {"steps": stepped(AB[0] | {"weight": 9}, AB[1])},
            [Note("variants_changed", LATER, "d1")],
        ),
        ({"steps": stepped(*AB)}, {"steps": stepped(AB[0])}, [Note("variants_changed", LATER, "d1")]),
        (
            {"steps": stepped(*AB)},
            {"steps": stepped({"id": "a", "message": {"text": "改过的字"}}, AB[1])},
            [],
        ),
        ({"steps": stepped(*AB)}, {"steps": stepped(*AB), "arms": "sop"}, [Note("variants_changed", LATER, "d1")]),
    ],
)
def test_a_change_of_what_is_counted_or_drawn_is_named(before: Any, after: Any, notes: list[Note]) -> None:
    assert noted(before, after) == notes


@pytest.mark.parametrize("at", [NOON, NOON + timedelta(days=2)])
def test_a_change_outside_the_time_is_no_matter(at: Any) -> None:
    assert noted(GOAL, {}, at) == []


def test_a_version_nobody_can_read_is_named_as_such() -> None:
    assert changes([InForce(1, NOON, None), InForce(2, LATER, a_sop())], NOON, LATER + timedelta(days=1)) == [
        Note("unreadable", LATER)
    ]


@pytest.mark.parametrize(
    ("low", "high", "p", "expected", "of", "verdict"),
    [
        (1.1, 2.0, 0.01, 5.0, 1, "more"),
        (1.1, 2.0, 0.01, 4.99, 1, "not_enough"),
        (0.9, 2.0, 0.01, 50.0, 1, "within_chance"),
        (1.1, 2.0, 0.05, 50.0, 1, "within_chance"),
        (1.1, 2.0, 0.01, 50.0, 5, "within_chance"),
        (None, None, 0.01, 50.0, 1, "more"),
    ],
)
def test_a_difference_has_to_pass_the_count_the_test_and_the_interval(
    low: float | None, high: float | None, p: float, expected: float, of: int, verdict: str
) -> None:
    assert judge(0.1, (low, high), p, expected, of) == verdict


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_ever_called_a_winner() -> None:
    said = [each for each in extracted() if each.file in ("messages/results.py", "cli/operate/results.py")]
    assert len(said) > 50
    for each in said:
        assert not re.search(r"winner|wins|best|胜出|获胜|最好|最佳|显著", each.msgid + tell(sample(each), "zh"))


def test_a_goal_is_shown_as_written() -> None:
    assert goal_as_written(a_sop(GOAL).goal) == "event: type purchase"
    assert goal_as_written(None) is None


@pytest.mark.parametrize(
    ("rate", "zh", "en"),
    [
        (Rate(0, 0), "-", "-"),
        (Rate(400, 20, 0.05, 0.0326, 0.0759), "5.0%（3.3–7.6%）", "5.0% (3.3–7.6%)"),
        (Rate(10_000, 3, 0.0003, 0.0001, 0.00088), "0.03%（0.01–0.09%）", "0.03% (0.01–0.09%)"),
        (Rate(20, 0, 0.0, 0.0, 0.1611), "0.0%（0.0–16.1%）", "0.0% (0.0–16.1%)"),
    ],
)
def test_a_rate_is_shown_with_its_interval(rate: Rate, zh: str, en: str) -> None:
    assert (ZH.rate(rate), EN.rate(rate)) == (zh, en)


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (90_000, "1 天 1 小时", "1d 1h"),
        (2_592_000, "30 天", "30d"),
        (5_400, "1 小时 30 分", "1h 30m"),
        (61, "1 分", "1m"),
    ],
)
def test_a_span_is_shown_as_people_say_it(seconds: float, zh: str, en: str) -> None:
    assert (ZH.span(seconds), EN.span(seconds)) == (zh, en)
