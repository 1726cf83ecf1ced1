"""What differs between definitions: every kind of change, where it stands, and in words."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.definitions import Model, SegmentsConfig
from engine.core.rollout.diff import Change, Id, Version, changes_of, differences, plain
from engine.definitions_yaml import load
from engine.definitions_yaml.shipped import shipped_definitions
from engine.messages import diff
from engine.messages.story import StoryFormatter
from engine.wiring import CHANNEL_TYPES
from tests.support.builders import _read, a_sop, an_engine

ZH, EN = StoryFormatter("zh", None), StoryFormatter("en", None)

STEPS = """
- {id: d1, day: 1, message: {text: 第一天的问候}}
- {id: d3, day: 3, message: {text: 第三天的问候}}
- {id: d8, day: 8, message: {text: 第八天的问候}}
"""


def steps(text: str) -> dict[str, Any]:
    return {"steps": _read(text)}


def between(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    return changes_of(a_sop(steps(STEPS) | before), a_sop(steps(STEPS) | after))


def said(changes: list[Change], words: StoryFormatter = EN) -> list[str]:
    return diff.lines(changes, words)


SINGLE = [
    ({}, {"priority": 60}, "priority 50 → 60", "优先级 (priority) 50 → 60"),
    ({}, {"group": "培育"}, "group added: 培育", "分组 (group) 新增：培育"),
    ({"group": "培育"}, {}, "group removed (was 培育)", "分组 (group) 移除（原为 培育）"),
    ({}, {"title": "新培育"}, "title changed: “培育” → “新培育”", "标题 (title) 已改：“培育” → “新培育”"),
    ({}, {"max_event_age": "36h"}, "max_event_age 2d → 36h", "事件最大时长 (max_event_age) 2d → 36h"),
    ({}, {"reentry": "never"}, "reentry.mode after_end → never", "reentry.mode after_end → never"),
    ({}, {"defaults": {"at": "11:30", "channel": "log"}}, "defaults.at 10:00 → 11:30", "defaults.at 10:00 → 11:30"),
    (
        {},
        {"trigger": [{"tag_added": "装修意向"}, {"entered": {"stage": "意向客户"}}]},
        "trigger 2 added: entered: {stage: 意向客户}",
        "触发 2 新增：entered: {stage: 意向客户}",
    ),
    (
        {},
        {"trigger": [{"tag_added": ["装修意向", "楼盘A"]}]},
        "trigger 1: tag_added 装修意向 → [装修意向, 楼盘A]",
        "触发 1：打上标签 (tag_added) 装修意向 → [装修意向, 楼盘A]",
    ),
    (
        {},
        {"trigger": ["replied"]},
        "trigger 1 tag_added: 装修意向 → replied: {}",
        "触发 1 tag_added: 装修意向 → replied: {}",
    ),
    (
        {"exit": [{"replied": {"contains": "预约"}, "as": "预约"}]},
        {},
        "exit 1 removed (was replied: {contains: 预约}, as: 预约)",
        "退出 1 移除（原为 replied: {contains: 预约}, as: 预约）",
    ),
    (
        {"exit": [{"replied": {"contains": "预约"}, "as": "预约"}]},
        {"exit": [{"replied": {"contains": "预约"}, "as": "到店"}]},
        "exit 1: as 预约 → 到店",
        "退出 1：名称 (as) 预约 → 到店",
    ),
    (
        {"when": [{"tag": "a"}, {"is": {"stage": "意向客户"}}]},
        {"when": [{"tag": "a"}, {"is": {"stage": ["意向客户", "到店客户"]}}]},
        "when 2: is.stage 意向客户 → [意向客户, 到店客户]",
        "条件 (when) 第 2 项：is.stage 意向客户 → [意向客户, 到店客户]",
    ),
    (
        {"when": [{"any": [{"tag": "a"}, {"tag": "b"}]}]},
        {"when": [{"any": [{"tag": "a"}, {"tag": "c"}]}]},
        "when 1, any 2: tag b → c",
        "条件 (when) 第 1 项，满足其一 (any) 第 2 项：标签 (tag) b → c",
    ),
    (
        {"when": [{"tag": "a"}, {"tag": "b"}]},
        {"when": [{"tag": "b"}, {"tag": "a"}]},
        "when 1 moved: number 2 → 1",
        "条件 (when) 第 1 项 移位：第 2 → 第 1",
    ),
    ({}, {"accept": False}, "accept true → false", "接收新客户 (accept) true → false"),
    ({}, {"holdout": "10%"}, "holdout 0% → 10%", "对照组 (holdout) 0% → 10%"),
    ({"holdout": "10%"}, {"holdout": "12.5%"}, "holdout 10% → 12.5%", "对照组 (holdout) 10% → 12.5%"),
    ({}, {"exempt": ["caps"]}, "exempt added: caps", "豁免 (exempt) 新增：caps"),
    (
        {"goal": {"event": {"type": "purchase"}, "within": "30d"}},
        {"goal": {"event": {"type": "purchase"}, "within": "60d"}},
        "goal.within 30d → 60d",
        "goal.within 30d → 60d",
    ),
    (
        {},
        {"existing": {"start": "now", "per_day": 5}},
        "existing ignore → start: now, per_day: 5",
        "已有客户 (existing) ignore → start: now, per_day: 5",
    ),
]


@pytest.mark.parametrize(("before", "after", "english", "chinese"), SINGLE)
def test_one_change_is_one_line_in_the_languages_own_keys(
    before: dict[str, Any], after: dict[str, Any], english: str, chinese: str
) -> None:
    changes = between(before, after)
    assert (said(changes), said(changes, ZH)) == ([english], [chinese])


STEP_CHANGES = [
    ("day: 3,", "day: 4,", ["step d3: day 3 → 4"]),
    ("day: 3,", 'day: 3, at: "12:00",', ["step d3: at added: 12:00"]),
    ("day: 3,", 'day: 3, window: "10:00-11:30",', ["step d3: window added: 10:00-11:30"]),
    ("day: 3,", "after: 2h,", ["step d3: day removed (was 3)", "step d3: after added: 2h"]),
    ("第三天的", "第三日的", ["step d3: message.text changed: “第三天的问候” → “第三日的问候”"]),
    ("{text: 第三天的问候}", "{text: 第三天的问候, attachments: [{image: {url: u}}]}",
     ["step d3, message, attachment 1 added: image: {url: u}"]),
    ("day: 3,", "day: 3, when: [{tag: a}],", ["step d3, when 1 added: tag: a"]),
    ("day: 3,", "day: 3, expires: 48h,", ["step d3: expires added: 2d"]),
    ("- {id: d3, day: 3, message: {text: 第三天的问候}}\n", "",
     ["step d3 removed (was id: d3, day: 3, message: {text: 第三天的问候})"]),
    ("- {id: d8", "- {id: d5, day: 5, do: [{add_tag: x}]}\n- {id: d8", ["step d5 added: id: d5, day: 5, do: {add_tag: x}"]),
    ("message: {text: 第三天的问候}", "task: {to: owner, title: 电话}",
     ["step d3: message removed (was text: 第三天的问候)", "step d3: task added: to: owner, title: 电话"]),
    ("id: d3", "id: d4", ["step d4 added: id: d4, day: 3, message: {text: 第三天的问候}",
                          "step d3 removed (was id: d3, day: 3, message: {text: 第三天的问候})"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "wanted"), STEP_CHANGES)
def test_steps_are_told_by_their_id(old: str, new: str, wanted: list[str]) -> None:
    assert old in STEPS
    changes = between({}, steps(STEPS.replace(old, new)))
    assert said(changes) == wanted
    assert {each.step for each in changes} <= {"d3", "d4", "d5"}


VARIANTS = """
- id: d1
  day: 1
  variants:
    - {id: a, weight: 50, message: {text: 甲}}
    - {id: b, weight: 50, message: {text: 乙}}
"""


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("weight: 50, message: {text: 甲}", "weight: 90, message: {text: 甲}", ["step d1, variant a: weight 50 → 90"]),
        ("text: 乙", "text: 丙", ["step d1, variant b: message.text changed: “乙” → “丙”"]),
        ("乙}}\n", "乙}}\n    - {id: c, weight: 10, message: {text: 丁}}\n",
         ["step d1, variant c added: id: c, weight: 10, message: {text: 丁}"]),
    ],
)  # fmt: skip
def test_variants_are_told_by_their_id(old: str, new: str, wanted: list[str]) -> None:
    assert old in VARIANTS
    assert said(between(steps(VARIANTS), steps(VARIANTS.replace(old, new)))) == wanted


def test_caps_are_told_by_their_number() -> None:
    before = an_engine(caps=[{"max": 1, "per": "1d"}, {"max": 4, "per": "7d"}])
    after = an_engine(
        caps=[{"max": 1, "per": "1d"}, {"max": 3, "per": "7d"}, {"max": 1, "per": "1d", "channel": "sms"}]
    )
    assert said(changes_of(before, after)) == ["cap 2: max 4 → 3", "cap 3 added: max: 1, per: 1d, channel: sms"]


def test_quiet_hours_are_one_value() -> None:
    before, after = an_engine(quiet_hours=["21:00", "09:00"]), an_engine(quiet_hours=["22:00", "09:00"])
    assert said(changes_of(before, after)) == ["quiet_hours [21:00, 09:00] → [22:00, 09:00]"]


def test_a_step_that_stands_elsewhere_has_moved_and_the_others_have_not() -> None:
    first, second, third = STEPS.strip().splitlines()
    assert between({}, steps("\n".join([third, first, second]))) == [Change(("steps", Id("d8")), "moved", 3, 1)]


def test_a_long_text_is_shown_where_it_begins_to_differ() -> None:
    begin = "您好，" * 20
    (change,) = between(
        steps(STEPS.replace("第三天的问候", begin + "这是户型图")),
        steps(STEPS.replace("第三天的问候", begin + "这是样板间")),
    )
    assert change.before == begin + "这是户型图"
    assert said([change]) == [
        "step d3: message.text changed: “…好，您好，您好，这是户型图” → “…好，您好，您好，这是样板间”"
    ]


@pytest.mark.parametrize(
    "same", [{"priority": 50}, {"exit": []}, {"reentry": "after_end"}, {"max_event_age": "48h"}, {"existing": "ignore"}]
)
def test_a_default_written_out_is_no_change(same: dict[str, Any]) -> None:
    assert between({}, same) == []


def test_true_is_not_one() -> None:
    (change,) = between({"when": [{"attr": {"vip": True}}]}, {"when": [{"attr": {"vip": 1}}]})
    assert (change.path, change.before, change.after) == (("when", 1, "attr", "vip", "eq"), True, 1)


ENGINES = [
    ({"quiet_hours": ["21:00", "09:00"]}, ["quiet_hours added: [21:00, 09:00]"]),
    ({"caps": [{"max": 1, "per": "1d"}]}, ["cap 1 added: max: 1, per: 1d"]),
    ({"calendar": {"country": "CN", "skip": ["public_holiday"]}}, ["calendar added: country: CN, skip: public_holiday"]),
    ({"timezone": "Europe/London"}, ["timezone Asia/Shanghai → Europe/London"]),
    ({"clocks": {"any": {"kinds": ["visit"]}}}, ["clocks.any added: kinds: visit"]),
    ({"staff": ["owner", "manager"]}, ["staff owner → [owner, manager]"]),
    ({"channels": {"log": {"type": "log", "rate": "5/s"}}},
     ["channels.log.rate added: 5/s", "channels.sms removed (was type: log)"]),
    ({"attributes": {"name": "text", "budget": "text", "due": "date", "seen_at": "datetime", "vip": "bool"}},
     ["attributes.budget.type number → text", "attributes.vip.default removed (was false)"]),
    ({"dimensions": {"stage": {"values": ["新加好友", "意向客户", "到店客户", "成交客户"]}, "tier": {"values": ["普通", "金卡", "银卡"]}}},
     ["dimensions.tier.values [普通, 金卡] → [普通, 金卡, 银卡]"]),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "wanted"), ENGINES)
def test_engine_yaml_is_told_field_by_field(fields: dict[str, Any], wanted: list[str]) -> None:
    assert said(changes_of(an_engine(), an_engine(**fields))) == wanted


def test_segments_yaml_is_told_by_metric_segment_and_value() -> None:
    gold, plain = {"value": "金卡", "when": [{"metric": {"spend": {"gte": 100}}}]}, {"value": "普通"}
    before = SegmentsConfig.model_validate(
        {"metrics": {"spend": {"spend": "730d"}}, "dimensions": {"tier": {"values": [gold, plain]}}}
    )
    dearer = {"value": "金卡", "when": [{"metric": {"spend": {"gte": 200}}}]}
    after = SegmentsConfig.model_validate(
        {
            "metrics": {"spend": {"spend": "365d"}},
            "segments": {"高": [{"tag": "a"}]},
            "dimensions": {"tier": {"values": [dearer, {"value": "银卡", "when": [{"tag": "b"}]}, plain]}},
        }
    )
    assert said(changes_of(before, after)) == [
        "metrics.spend.spend 730d → 365d",
        "segments, 高 1 added: tag: a",
        "dimensions.tier, value 金卡, when 1: metric.spend.gte 100 → 200",
        "dimensions.tier, value 银卡 added: value: 银卡, when: {tag: b}",
    ]


def test_plain_values_are_what_people_write() -> None:
    """Read again they are the same definition: of everything shipped, and of each key that is no plain value itself."""
    loaded = load(shipped_definitions(), CHANNEL_TYPES)
    assert loaded.engine and loaded.segments and loaded.sops
    rich = a_sop(
        holdout="10%", exempt=["caps"], goal={"event": {"type": "purchase"}, "within": "30d"}, max_event_age="90s"
    )
    shown: list[Model] = [loaded.engine, loaded.segments, *loaded.sops.values(), rich]
    for model in shown:
        assert type(model).model_validate(plain(model)) == model


# ── whole sets ───────────────────────────────────────────────────────────────────────────────────────────────


def version(model: Model | None, text: str = "text", file: str = "sops/lead.yaml") -> Version:
    return Version(file, text, model)


def test_what_is_new_gone_and_changed_comes_with_the_shared_files_first() -> None:
    engine = version(an_engine(), "1", "engine.yaml")
    before = {"engine.yaml": engine, "old": version(a_sop(sop="old"), "x"), "lead": version(a_sop(), "x")}
    after = {
        "engine.yaml": version(an_engine(timezone="Europe/London"), "2", "engine.yaml"),
        "lead": version(a_sop(priority=1), "y"),
        "fresh": version(a_sop(sop="fresh", title="新"), "z"),
    }
    found = differences(before, after)
    assert [(each.name, each.kind) for each in found] == [
        ("engine.yaml", "changed"),
        ("fresh", "added"),
        ("lead", "changed"),
        ("old", "removed"),
    ]
    assert [diff.summary(each, EN) for each in found] == [
        "~ engine.yaml: changed",
        "+ fresh 新: new",
        "~ lead 培育: changed",
        "- old 培育: removed",
    ]


def test_the_same_text_is_no_difference() -> None:
    assert differences({"lead": version(a_sop())}, {"lead": version(a_sop())}) == []


def test_a_comment_changes_the_text_only() -> None:
    (found,) = differences({"lead": version(a_sop(), "a")}, {"lead": version(a_sop(), "a # 备注")})
    assert (found.kind, found.changes) == ("text", [])
    assert "does the same" in diff.summary(found, EN)
    assert "行为不变" in diff.summary(found, ZH)


def test_a_renamed_file_changes_the_text_only_and_is_named() -> None:
    (found,) = differences({"lead": version(a_sop())}, {"lead": version(a_sop(), file="sops/other.yaml")})
    assert (found.kind, said(found.changes)) == ("text", ["file sops/lead.yaml → sops/other.yaml"])


def test_a_version_that_cannot_be_read_is_replaced_as_a_whole() -> None:
    (found,) = differences({"lead": version(None, "nonsense")}, {"lead": version(a_sop())})
    assert (found.kind, found.title) == ("unreadable", "培育")
