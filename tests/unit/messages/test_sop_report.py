"""What `sop why` and `sop explain` say of refusals, holds and what is to come, in both languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from engine.core.conditions.deciding import Evaluation
from engine.core.delivery.delay_detail import DelayDetail, read_detail
from engine.core.explain.sop_report import OutcomeGroup, Sample, SeenEvent, StepReport, UntriggeredTrigger, Wanted
from engine.core.explain.step_report import step_time
from engine.core.explain.story import (
    Closest,
    ConditionNow,
    Decision,
    NearMiss,
    StepEntry,
    Taken,
    TimelineEntry,
    WouldStart,
)
from engine.core.reasons import Reason
from engine.messages.conditions import ConditionFormatter
from engine.messages.languages import tell
from engine.messages.reasons import REASON_TEXT
from engine.messages.sop_report import SopReportFormatter
from engine.messages.story import StoryFormatter
from tests.support.builders import NOON, SHANGHAI, a_sop, at

ZH, EN = SopReportFormatter("zh", SHANGHAI), SopReportFormatter("en", SHANGHAI)
STORY_ZH, STORY_EN = StoryFormatter("zh", SHANGHAI), StoryFormatter("en", SHANGHAI)


def both(method: str, *values: Any) -> tuple[Any, Any]:
    """The same in Chinese and in English."""
    return getattr(ZH, method)(*values), getattr(EN, method)(*values)


def story(method: str, *values: Any) -> tuple[str, str]:
    return getattr(STORY_ZH, method)(*values), getattr(STORY_EN, method)(*values)


# ── every reason, wherever it can come up ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_said_of_a_cause_a_step_a_decision_and_an_end(reason: Reason) -> None:
    step = StepEntry("d1", "message", "skipped", NOON, reason=reason)
    timeline = TimelineEntry(1, "lead", None, 1, "", "exited", NOON, NOON, reason, None)
    for language, words, why in (("zh", STORY_ZH, ZH), ("en", STORY_EN, EN)):
        said = tell(REASON_TEXT[reason], language)
        assert said in why.cause(OutcomeGroup("refused", 3, reason))
        assert said in words.step(step)
        assert said in words.decision(Decision("refused", "lead", "trigger/0", reason=reason))
        assert said in words.timeline(timeline, NOON, SHANGHAI)


@pytest.mark.parametrize(
    "what",
    ["planned", "due", "held", "queued", "sending", "sent", "failed", "unknown", "handed", "cancelled", "expired"],
)
def test_whatever_became_of_them_is_said(what: str) -> None:
    zh, en = both("cause", OutcomeGroup(what, 1, "paused"))
    assert zh != en
    assert ("已暂停" in zh, "paused" in en) == (True, True)


# ── what decided for many ────────────────────────────────────────────────────────────────────────────────────

BUDGET = Wanted("when/1/attr/budget", "attr", "budget", {"gte": 100000}, False)
WANTED = [
    (BUDGET, "budget 要求 ≥ 100000（when/1/attr/budget）", "budget wanted ≥ 100000 (when/1/attr/budget)"),
    (Wanted("p", "attr", "黑名单", {"eq": True}, True), "黑名单 要求不是 是（p）", "黑名单 wanted anything but true (p)"),
    (Wanted("p", "tag", None, ["a", "b"], False), "没有标签 a、b（p）", "lacks the tag a, b (p)"),
    (Wanted("p", "tag", None, ["a"], True), "有标签 a（p）", "has the tag a (p)"),
    (Wanted("p", "in_sop", None, ["x"], True), "正在 SOP x 中（p）", "is in the SOP x (p)"),
    (Wanted("p", "seen", None, "visit", True), "发生过 到访 (visit)（p）", "visit has happened (p)"),
    (Wanted("p", "seen", None, "visit", False), "没有发生过 到访 (visit)（p）", "no visit (p)"),
    (
        Wanted("p", "silent", None, {"clock": "any", "days": 30}, False),
        "时钟 any 沉默不到 30 天（p）",
        "silent for less than 30 days on the clock any (p)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "zh", "en"), WANTED, ids=[each[2] for each in WANTED])
def test_a_condition_that_decided_for_many_says_what_was_wanted(wanted: Wanted, zh: str, en: str) -> None:
    assert both("wanted", [wanted]) == (zh, en)


def test_a_cause_says_of_how_many_the_value_was_not_known() -> None:
    cause = OutcomeGroup("refused", 312, "condition", unknown=40, wanted=[BUDGET])
    assert both("cause", cause) == (
        "条件不成立：budget 要求 ≥ 100000（when/1/attr/budget）；其中 40 次该值未知",
        "a condition does not hold: budget wanted ≥ 100000 (when/1/attr/budget); of 40 of them it is not known",
    )
    assert ZH.cause(replace(cause, number=40)).startswith("条件用到的值未知")


def test_samples_say_what_was_found_with_each() -> None:
    cause = OutcomeGroup(
        "refused", 2, "condition", wanted=[BUDGET], samples=[Sample("C1", actual=[50000]), Sample("C2", actual=[None])]
    )
    assert both("samples", cause) == ("如 C1（50000）、C2（未设置）", "e.g. C1 (50000), C2 (not set)")
    until = OutcomeGroup("refused", 1, "cooldown", samples=[Sample("C1", NOON, "until 2026-05-30T02:00:00+00:00")])
    assert both("samples", until) == ("如 C1（到 2026-05-30 10:00 为止）", "e.g. C1 (until 2026-05-30 10:00)")
    assert (
        ZH.samples(OutcomeGroup("sent", 1, waited="cap", samples=[Sample("C1", NOON, "written to the log")])) == "如 C1"
    )


def test_what_was_late_says_what_it_waited_for() -> None:
    assert both("cause", OutcomeGroup("sent", 3, waited="quiet_hours")) == (
        *("已发出，因 免打扰时段 晚于原定时间", "sent later than due, because of quiet hours"),
    )  # fmt: skip


def test_what_expired_says_what_held_it() -> None:
    assert both("cause", OutcomeGroup("skipped", 3, "expired", "quiet_hours, cap")) == (
        "耽搁太久，已过有效期（受阻于 免打扰时段、频次上限）",
        "held back too long; it has expired (held by quiet hours, the cap)",
    )


@pytest.mark.parametrize(
    ("step", "zh"),
    [
        ("{id: s, day: 3, at: '10:00', do: [{add_tag: x}]}", "第 3 天 10:00"),
        (
            "{id: s, day: -3, at: '10:00', from: attr.birthday, do: [{add_tag: x}]}",
            "第 -3 天 10:00（自 attr.birthday）",
        ),
        ("{id: s, after: 2h, do: [{add_tag: x}]}", "2h 之后"),
        (None, "（已不在定义中）"),
    ],
)
def test_when_a_step_comes_reads_in_chinese(step: str | None, zh: str) -> None:
    sop = a_sop(f"{{trigger: [{{tag_added: x}}], steps: [{step}]}}") if step else None
    assert ZH.when(StepReport("s", "message", step_time(sop.steps[0], sop) if sop else None)) == zh


# ── nobody triggered it ──────────────────────────────────────────────────────────────────────────────────────


def test_a_trigger_nobody_hit_says_what_came_instead() -> None:
    never = UntriggeredTrigger(
        "tag_added: 装修意向", "trigger/0/tag_added", near=[SeenEvent("装修意象", 17, samples=["C1"])], already=5
    )
    assert both("sightings", never) == (
        [
            "从未来过；最接近的：装修意象 × 17（如 C1）",
            "已有 5 位客户符合，但此前就是如此，不算触发（由定义中的 existing 决定）",
        ],
        [
            "never came in; most alike: 装修意象 × 17 (e.g. C1)",
            "5 customers are so already; only becoming so triggers it (`existing` decides about them)",
        ],
    )


def test_a_trigger_that_came_and_changed_nothing_says_so() -> None:
    seen = UntriggeredTrigger("tag_added: a", "trigger/0/tag_added", seen=[SeenEvent("a", 12, 12, NOON, ["C1"])])
    assert EN.sightings(seen) == [
        "a came in 12 times, last 2026-03-01 12:00; 12 of them changed nothing, so they trigger nothing; e.g. C1"
    ]


def test_a_clock_tells_how_many_are_silent_even_if_nobody_is() -> None:
    assert EN.sightings(UntriggeredTrigger("silent: …", "trigger/0/silent", already=0)) == [
        "0 customers have been silent that long now"
    ]


# ── holds ────────────────────────────────────────────────────────────────────────────────────────────────────

DETAILS = [
    (None, DelayDetail()),
    ("quiet_hours", DelayDetail(("quiet_hours",))),
    ("1/1d", DelayDetail((), 1, 1)),
    ("4/7d sms", DelayDetail((), 4, 7, "sms")),
    ("quiet_hours; holiday; 1/1d sms, vip-care", DelayDetail(("quiet_hours", "holiday"), 1, 1, "sms", "vip-care")),
]


@pytest.mark.parametrize(("detail", "read"), DETAILS, ids=[str(each[0]) for each in DETAILS])
def test_the_detail_of_a_delay_is_read_as_earlier_versions_wrote_it_and_as_this_one_does(
    detail: str | None, read: DelayDetail
) -> None:
    assert read_detail(detail) == read
    assert read_detail(read.written()) == read


def test_a_cap_is_named_with_who_goes_first() -> None:
    words = ConditionFormatter("en", SHANGHAI)
    assert words.reason("cap", "1/1d") == "the cap is reached; it waits for a day with room (1 a day at most)"
    assert words.reason("cap", "quiet_hours; 4/7d sms, vip-care").endswith(
        "(first quiet hours, then 4 in 7 days at most, over sms; vip-care, of higher priority, comes first later that day)"
    )


TUESDAY = at("2026-03-03 10:00")
STEPS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"status": "held", "reason": "cap", "detail": "1/1d", "until": TUESDAY, "room": [Taken("vip", "d3", "log", date(2026, 3, 1))]},
        "2026-03-01 12:00 已到时间，暂缓：已达频次上限，等待有名额的日子（每天最多 1 条）；"
        "名额已被占用：vip d3（03-01）；预计 2026-03-03 10:00 发出",
        "due 2026-03-01 12:00, held back: the cap is reached; it waits for a day with room (1 a day at most); "
        "the room was taken by vip d3 (03-01); it goes out 2026-03-03 10:00",
    ),
    (
        {"status": "planned", "expected": TUESDAY, "moved_by": ["holiday"]},
        "计划 2026-03-01 12:00；因 休息日，预计 2026-03-03 10:00 发出",
        "planned for 2026-03-01 12:00; because of days off it goes out 2026-03-03 10:00",
    ),
    (
        {"status": "planned", "expected": TUESDAY, "skip": "expired", "skip_detail": "cap"},
        "计划 2026-03-01 12:00；照目前情况 2026-03-03 10:00 会跳过：耽搁太久，已过有效期（受阻于 频次上限）",
        "planned for 2026-03-01 12:00; as things stand it will be skipped 2026-03-03 10:00: "
        "held back too long; it has expired (held by the cap)",
    ),
    ({"status": "planned", "expected": NOON, "variant": "a"}, "计划 2026-03-01 12:00", "planned for 2026-03-01 12:00"),
    (
        {"status": "sent", "waited": "quiet_hours", "variant": "a", "fallback": 1},
        "2026-03-03 10:00 已由 log 发出，变体 a，第 2 个渠道（原定 2026-03-01 12:00，因 免打扰时段 顺延）",
        "sent 2026-03-03 10:00 over log, variant a, channel number 2 (was due 2026-03-01 12:00, waited for quiet hours)",
    ),
    ({"status": "sent", "kind": "notice"}, "2026-03-03 10:00 已由 log 通知员工", "staff was told 2026-03-03 10:00 over log"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "zh", "en"), STEPS, ids=[each[2][:40] for each in STEPS])
def test_what_holds_a_step_and_what_becomes_of_it(fields: dict[str, Any], zh: str, en: str) -> None:
    plain: dict[str, Any] = {"step": "d1", "kind": "message", "due_at": NOON, "at": TUESDAY, "channel": "log"}
    assert story("step", StepEntry(**(plain | fields))) == (zh, en)


# ── goals and holdout ────────────────────────────────────────────────────────────────────────────────────────


def a_timeline(**fields: Any) -> TimelineEntry:
    plain: dict[str, Any] = {
        "id": 1,
        "sop": "lead",
        "title": "培育",
        "version": 1,
        "key": "",
        "state": "completed",
        "anchor": NOON,
        "ended_at": NOON,
    }
    return TimelineEntry(**(plain | {"reason": None, "detail": None} | fields))


def test_a_goal_reached_after_the_end_and_one_still_open_are_said() -> None:
    after, still = a_timeline(converted_at=TUESDAY), a_timeline(goal_until=TUESDAY)
    assert STORY_EN.timeline(after, NOON, SHANGHAI).endswith("; the goal was reached after its end, 2026-03-03 10:00")
    assert STORY_ZH.timeline(still, NOON, SHANGHAI).endswith("；目标计到 2026-03-03 10:00")
    assert STORY_ZH.timeline(still, TUESDAY + timedelta(days=1), SHANGHAI).endswith("走完")


def test_the_comparison_group_is_named() -> None:
    assert "属于对照组" in STORY_ZH.timeline(a_timeline(holdout=True), NOON, SHANGHAI)


def test_a_goal_reached_by_an_event_is_told_with_it() -> None:
    assert story("decision", Decision("converted", "lead", "goal")) == (
        "达成 lead 的目标（goal）",
        "reached the goal of lead (goal)",
    )


# ── why an SOP did not start ─────────────────────────────────────────────────────────────────────────────────

MISSES: list[tuple[dict[str, Any], str]] = [
    ({"kind": "other", "wanted": ["装修意向"]}, "2026-03-01 12:00 打上标签 (tag.added) 装修意象：不是要等的 装修意向"),
    ({"kind": "nothing", "reason": "no_change"},
     "2026-03-01 12:00 打上标签 (tag.added) 装修意象：该值本来就是这样，没有变化，所以不算触发"),
    ({"kind": "before"}, "2026-03-01 12:00 打上标签 (tag.added) 装修意象：此 SOP 在 2026-03-03 10:00 才启用"),
    ({"kind": "rest", "wanted": ["b"]}, "2026-03-01 12:00 打上标签 (tag.added) 装修意象：还缺 b"),
    ({"kind": "unmatched"}, "2026-03-01 12:00 打上标签 (tag.added) 装修意象：等待匹配"),
    ({"kind": "came_from", "wanted": ["x"]}, "2026-03-01 12:00 打上标签 (tag.added) 装修意象：要求之前或之后是 x"),
    (
        {"kind": "fields", "fields": [Evaluation("data/amount", "event", "amount", {"gte": 9}, 5, False, False)]},
        "2026-03-01 12:00 打上标签 (tag.added) 装修意象：amount 为 5，要求 ≥ 9（data/amount）",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "said"), MISSES, ids=[each[0]["kind"] for each in MISSES])
def test_how_close_an_event_came(fields: dict[str, Any], said: str) -> None:
    plain: dict[str, Any] = {"row": 1, "time": NOON, "type": "tag.added", "actual": "装修意象"}
    miss = NearMiss(**(plain | fields))
    assert STORY_ZH.closest(Closest("t", "trigger/0/tag_added", "tag.added", [miss]), TUESDAY) == [said]


def test_where_no_event_came_close_that_is_said() -> None:
    assert STORY_EN.closest(Closest("t", "p", "visit"), None) == ["this customer never had an event visit"]
    assert STORY_EN.closest(Closest("t", "p", "visit", hits=2), None) == [
        "triggered it 2 times; what came of it stands with the events"
    ]
    assert STORY_EN.closest(Closest("t", "p"), None) == ["a clock or the calendar triggers it, no event does"]
    days = Evaluation("p", "silent", None, {"clock": "any", "days": 30}, 12, False, False)
    assert STORY_EN.closest(Closest("t", "p", now=days), None) == [
        "silent for 12 days on the clock any, wanted 30 at least"
    ]


def test_whether_it_would_start_now_is_said_with_every_condition() -> None:
    assert STORY_EN.would(WouldStart(True, None, None, [])) == "Triggered now, it would start"
    assert STORY_EN.would(WouldStart(False, "not_accepting", None, [])).endswith(": the SOP takes nobody new")
    holds = Evaluation("when/0/attr/vip", "attr", "vip", {"eq": False}, False, False, True)
    assert story("condition_now", ConditionNow("when/0", True, [holds])) == (
        "成立：vip 为 否（when/0）",
        "holds: vip is false (when/0)",
    )
