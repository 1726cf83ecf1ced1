"""What operators read, in both languages: each case once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.core.conditions.deciding import decisive_evaluations
from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace
from engine.core.customers.customer import Activity
from engine.core.explain.story import Decision, EventEntry, StepEntry, Story, TimelineEntry, decisions, triggers_of
from engine.core.reasons import Reason
from engine.messages.story import StoryFormatter, gist
from tests.support.builders import NOON, SHANGHAI, a_customer, a_sop, at, definitions, some_conditions

ZH, EN = StoryFormatter("zh", SHANGHAI), StoryFormatter("en", SHANGHAI)


def both(method: str, *values: Any) -> tuple[str, str]:
    """The same in Chinese and in English."""
    return getattr(ZH, method)(*values), getattr(EN, method)(*values)


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────

CONDITIONS = [
    ("{tag: [a, b]}", {}, "没有标签 a、b（when/0/tag）", "lacks the tag a, b (when/0/tag)"),
    ("{not: {tag: [a, b]}}", {"tags": ["b"]}, "有标签 b（when/0/not/tag）", "has the tag b (when/0/not/tag)"),
    (
        "{is: {stage: [新加好友, 意向客户]}}",
        {"stage": "成交客户"},
        "stage 为 成交客户，要求 新加好友 或 意向客户（when/0/is/stage）",
        "stage is 成交客户, wanted 新加好友 or 意向客户 (when/0/is/stage)",
    ),
    (
        "{is: {stage: 意向客户}}",
        {},
        "stage 为 未设置，要求 意向客户（when/0/is/stage）",
        "stage is not set, wanted 意向客户 (when/0/is/stage)",
    ),
    (
        "{not: {is: {stage: 成交客户}}}",
        {"stage": "成交客户"},
        "stage 为 成交客户，要求不是 成交客户（when/0/not/is/stage）",
        "stage is 成交客户, wanted anything but 成交客户 (when/0/not/is/stage)",
    ),
    (
        "{attr: {budget: {gte: 100, lt: 200}}}",
        {"attributes": {"budget": 5}},
        "budget 为 5，要求 ≥ 100 且 < 200（when/0/attr/budget）",
        "budget is 5, wanted ≥ 100 and < 200 (when/0/attr/budget)",
    ),
    (
        "{attr: {budget: {gte: 100}}}",
        {},
        "不知道 customer.attributes.budget，要求 ≥ 100（when/0/attr/budget）",
        "customer.attributes.budget is not known; wanted ≥ 100 (when/0/attr/budget)",
    ),
    (
        "{attr: {vip: true}}",
        {},
        "vip 为 否，要求 = 是（when/0/attr/vip）",
        "vip is false, wanted = true (when/0/attr/vip)",
    ),
    (
        "{attr: {name: {contains: 王}}}",
        {"attributes": {"name": "李"}},
        "name 为 李，要求 包含 王（when/0/attr/name）",
        "name is 李, wanted containing 王 (when/0/attr/name)",
    ),
    ("{seen: {type: visit}}", {}, "没有发生过 到访 (visit)（when/0/seen）", "no visit (when/0/seen)"),
    (
        "{seen: {type: visit, since: 1d}}",
        {"activities": {"visit": Activity(NOON, NOON - timedelta(days=3), 1)}},
        "自 2026-02-28 12:00 起没有发生过 到访 (visit)（上一次 2026-02-26 12:00）（when/0/seen）",
        "no visit since 2026-02-28 12:00 (last 2026-02-26 12:00) (when/0/seen)",
    ),
    (
        "{not: {seen: {type: visit}}}",
        {"activities": {"visit": Activity(NOON, NOON, 1)}},
        "2026-03-01 12:00 发生过 到访 (visit)（when/0/not/seen）",
        "visit at 2026-03-01 12:00 (when/0/not/seen)",
    ),
    ("{touched: {sop: x}}", {}, "没有收到过 x 的触达（when/0/touched）", "no touch of x (when/0/touched)"),
    ("{in_sop: [x, y]}", {}, "不在 SOP x、y 中（when/0/in_sop）", "is not in the SOP x, y (when/0/in_sop)"),
    (
        "{event: {amount: {gte: 9}}}",
        {},
        "amount 为 5，要求 ≥ 9（when/0/event/amount）",
        "amount is 5, wanted ≥ 9 (when/0/event/amount)",
    ),
]


@pytest.mark.parametrize(("condition", "customer", "zh", "en"), CONDITIONS, ids=[each[0] for each in CONDITIONS])
def test_a_condition_that_decided_says_wanted_actual_and_where_it_stands(
    condition: str, customer: dict[str, Any], zh: str, en: str
) -> None:
    trace = Trace()
    evaluate_all(
        some_conditions(f"[{condition}]"),
        Context(a_customer(**customer), definitions(), NOON, {"amount": 5}),
        "when",
        trace,
    )
    assert both("conditions", decisive_evaluations(trace.entries)) == (zh, en)


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────


def an_event(outcome: dict[str, Any] | None = None, *, matched: bool = True, **fields: Any) -> EventEntry:
    plain = {
        "row": 1,
        "source": "crm",
        "id": "e1",
        "type": "tag.added",
        "time": NOON,
        "received_at": NOON,
        "data": {"tag": "a"},
        "cause": None,
    }
    known = outcome or {}
    told = {"matched_at": NOON if matched else None, "reason": known.get("reason"), "dropped": known.get("dropped", [])}
    return EventEntry(**(plain | told | {"decisions": decisions(known)} | fields))


OUTCOMES = [
    ({}, "已记录，没有命中任何 SOP", "recorded; no SOP is concerned"),
    ({"reason": "no_change"}, "该值本来就是这样，没有变化", "the value was already so, nothing changed"),
    ({"reason": "unknown_value", "dropped": ["x is wrong"]}, "未采用：x is wrong", "not taken: x is wrong"),
    (
        {"started": [{"sop": "lead", "version": 3, "path": "trigger/0/tag_added", "key": "A7"}]},
        "启动 lead [A7] v3（trigger/0/tag_added）",
        "started lead [A7] v3 (trigger/0/tag_added)",
    ),
    (
        {
            "refused": [
                {
                    "sop": "lead",
                    "path": "trigger/0/tag_added",
                    "reason": "cooldown",
                    "detail": "until 2026-05-30T02:00:00+00:00",
                }
            ]
        },
        "未启动 lead：距上次开始还在冷却期内（到 2026-05-30 10:00 为止）（trigger/0/tag_added）",
        "did not start lead: the last start is still within the cooldown (until 2026-05-30 10:00) (trigger/0/tag_added)",
    ),
    (
        {
            "refused": [
                {
                    "sop": "lead",
                    "path": "t",
                    "reason": "stale_event",
                    "detail": "3 days, 0:00:00 old, at most 2 days, 0:00:00",
                }
            ]
        },
        "未启动 lead：事件太旧，只更新事实，不启动 SOP（已过 3 天，最多 2 天）（t）",
        "did not start lead: the event is too old to start anything; facts were updated (3d old, at most 2d) (t)",
    ),
    (
        {
            "refused": [
                {
                    "sop": "lead",
                    "path": "t",
                    "reason": "condition",
                    "trace": [{"path": "when/0/tag", "wanted": ["a"], "actual": [], "holds": False}],
                }
            ]
        },
        "未启动 lead：条件不成立：没有标签 a（when/0/tag）",
        "did not start lead: a condition does not hold: lacks the tag a (when/0/tag)",
    ),
    (
        {"exits": [{"sop": "lead", "path": "exit/1/replied", "reason": "exit", "detail": "预约"}]},
        "结束 lead：发生了退出事件（预约）（exit/1/replied）",
        "ended lead: an exit moment happened (预约) (exit/1/replied)",
    ),
]


@pytest.mark.parametrize(("outcome", "zh", "en"), OUTCOMES, ids=[str(each[0])[:40] for each in OUTCOMES])
def test_what_came_of_an_event(outcome: dict[str, Any], zh: str, en: str) -> None:
    assert both("outcome", an_event(outcome)) == ([zh], [en])


def test_an_event_that_waits_says_so() -> None:
    assert both("outcome", an_event(matched=False)) == (["等待匹配"], ["waits for the matcher"])


def test_an_engine_made_event_names_the_sop_that_made_it() -> None:
    made = an_event(type="engine.start", data={"sop": "booking"}, cause={"sop": "lead", "place": "exit/0"})
    assert both("event", made) == (
        "engine.start booking（由 SOP lead 产生）",
        "engine.start booking (made by SOP lead)",
    )


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("tag.added", {"tag": "a"}, "a"),
        ("stage.changed", {"value": "意向客户"}, "意向客户"),
        ("stage.changed", {"dimension": "tier", "value": "金卡"}, "tier 金卡"),
        ("message.received", {"channel": "wecom", "text": "好" * 80}, "好" * 59 + "…"),
        ("customer.updated", {"attributes": {"name": "王", "budget": 5}}, "name, budget"),
        ("purchase", {"amount": 5}, '{"amount": 5}'),
        ("visit", {}, ""),
    ],
)
def test_an_event_in_a_few_words(kind: str, data: dict[str, Any], said: str) -> None:
    assert gist(kind, data) == said


def test_without_a_zone_moments_keep_their_offset() -> None:
    refused = Decision("refused", "lead", "t", reason="cooldown", detail="until 2026-05-30T02:00:00+00:00")
    assert "2026-05-30T02:00:00+00:00" in StoryFormatter("en", None).decision(refused)


# ── timelines and steps ──────────────────────────────────────────────────────────────────────────────────────


def a_told_timeline(**fields: Any) -> TimelineEntry:
    plain = {"id": 1, "sop": "lead", "title": "培育", "version": 2, "key": "", "state": "active", "anchor": NOON}
    return TimelineEntry(**(plain | {"ended_at": None, "reason": None, "detail": None} | fields))


def test_an_active_timeline_says_on_which_day_it_is() -> None:
    said = both("timeline", a_told_timeline(), at("2026-03-04 00:30"), SHANGHAI)
    assert said == (
        "培育（lead v2）：进行中，2026-03-01 12:00 开始，今天是第 3 天",
        "培育 (lead v2): active since 2026-03-01 12:00, today is day 3",
    )


def test_an_ended_timeline_says_how_and_why() -> None:
    ended = a_told_timeline(
        state="exited", ended_at=at("2026-03-02 08:00"), reason=Reason.REPLACED, detail="booking", title=None, key="A7"
    )
    assert both("timeline", ended, NOON, SHANGHAI) == (
        "lead（lead v2） [A7]：2026-03-01 12:00 开始，2026-03-02 08:00 退出：被同组中同级或更高优先级的 SOP 取代（booking）",
        "lead (lead v2) [A7]: started 2026-03-01 12:00, exited 2026-03-02 08:00: "
        "replaced by an SOP of the same group with equal or higher priority (booking)",
    )


LATER = NOON + timedelta(hours=2)
STEPS = [
    ({"status": "planned"}, "计划 2026-03-01 12:00", "planned for 2026-03-01 12:00"),
    (
        {"status": "due", "reason": "unmatched_events"},
        "2026-03-01 12:00 已到时间，正在安排：有新事件待处理，先处理事件",
        "due since 2026-03-01 12:00, about to be planned: new events of the customer come first",
    ),
    (
        {"status": "held", "reason": "missing_value", "detail": "customer.name", "until": LATER},
        "2026-03-01 12:00 已到时间，暂缓：消息缺少一个值，请补充客户资料或写默认值（customer.name），最迟到 2026-03-01 14:00",
        "due 2026-03-01 12:00, held back: the message lacks a value; supply it or write a default (customer.name), until 2026-03-01 14:00",
    ),
    (
        {"status": "undated", "reason": "no_date", "detail": "attr.due", "due_at": None},
        "没有时间：所依据的日期未知（attr.due）",
        "has no time: the date it counts from is not known (attr.due)",
    ),
    ({"status": "unreached"}, "未走到（原定 2026-03-01 12:00）", "never reached (was due 2026-03-01 12:00)"),
    (
        {"status": "queued"},
        "2026-03-01 12:00 到时间，等待由 log 发出",
        "due 2026-03-01 12:00, waiting to go out over log",
    ),
    (
        {"status": "queued", "reason": "retry", "detail": "503", "until": LATER, "attempt": 1},
        "2026-03-01 12:00 到时间，等待由 log 发出：发送未成功，将重试（503），2026-03-01 14:00 第 2 次发送",
        "due 2026-03-01 12:00, waiting to go out over log: not delivered yet; it will be tried again (503), try 2 at 2026-03-01 14:00",
    ),
    ({"status": "sending"}, "正在由 log 发送", "being sent over log"),
    ({"status": "sent"}, "2026-03-01 14:00 已由 log 发出", "sent 2026-03-01 14:00 over log"),
    ({"status": "sent", "kind": "do"}, "2026-03-01 14:00 已执行", "done 2026-03-01 14:00"),
    (
        {"status": "failed", "reason": "refused_by_provider", "detail": "404"},
        "2026-03-01 14:00 经 log 发送失败：渠道方拒绝（404）",
        "failed 2026-03-01 14:00 over log: refused by the provider (404)",
    ),
    (
        {"status": "unknown", "reason": "outcome_unknown"},
        "2026-03-01 14:00 经 log 发送，结果不明：发送中断，不知是否送达，请人工确认",
        "outcome not known, 2026-03-01 14:00 over log: interrupted while sending; whether it arrived is not known",
    ),
    (
        {"status": "handed"},
        "2026-03-01 14:00 已交给 log，等待员工确认",
        "handed to log 2026-03-01 14:00, waits for staff",
    ),
    (
        {"status": "cancelled", "reason": "timeline_ended"},
        "2026-03-01 14:00 已取消：时间线已结束，撤回",
        "cancelled 2026-03-01 14:00: the timeline has ended; called back",
    ),
    (
        {"status": "expired", "reason": "expired"},
        "2026-03-01 14:00 已过期：耽搁太久，已过有效期",
        "expired 2026-03-01 14:00: held back too long; it has expired",
    ),
    (
        {"status": "skipped", "reason": "before_start"},
        "2026-03-01 12:00 跳过：该时刻在时间线开始之前",
        "skipped, due 2026-03-01 12:00: its time lies before the timeline's start",
    ),
]


@pytest.mark.parametrize(
    ("fields", "zh", "en"), STEPS, ids=[f"{each[0]['status']} {each[0].get('reason', '')}" for each in STEPS]
)
def test_what_became_of_a_step(fields: dict[str, Any], zh: str, en: str) -> None:
    step = StepEntry(**({"step": "d1", "kind": "message", "due_at": NOON, "at": LATER, "channel": "log"} | fields))
    assert both("step", step) == (zh, en)


def test_the_sop_that_was_never_triggered_says_what_it_waits_for() -> None:
    sop = a_sop("trigger: [{tag_added: [a, b]}, replied, {event: {type: paid, where: {amount: {gte: 9}}}}]")
    story = Story("c", NOON, SHANGHAI, {}, [], {}, {}, [], [], False, [], 0, "lead", "培育", triggers_of(sop))
    assert both("nothing_to_tell", story) == (
        "这位客户从未触发过「培育」。它等待的是："
        "打上标签 (tag_added)：a、b 或 回复 (replied) 或 事件 (event)：类型 (type) paid、数据 (where) amount ≥ 9",
        "nothing this customer did ever triggered 培育. It waits for: tag_added: a, b or replied or event: type paid, where amount ≥ 9",
    )
