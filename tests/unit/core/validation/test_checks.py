"""What spans the parts of a definition: names that exist, kinds that fit, things that can happen."""

from __future__ import annotations

import re
from typing import Any

import pytest

from engine.core.definitions import EngineConfig, Sop
from engine.core.problems import Problem
from engine.core.validation import check
from engine.core.validation.conditions import TEXT_LIMIT, danger
from tests.support.chinese import english_left

ENGINE = EngineConfig.model_validate(
    {
        "attributes": {
            "name": "text",
            "budget": "number",
            "vip": "bool",
            "due": "date",
            "met": "datetime",
            "likes": "list",
        },
        "dimensions": {"stage": {"values": ["新加好友", "意向客户", "到店客户"]}},
        "staff": ["owner", "manager"],
        "channels": {"wecom": {"type": "log"}, "crm": {"type": "log"}},
    }
)
STEP = {"id": "d1", "day": 1, "message": {"text": "您好"}}


def sop(**parts: Any) -> Sop:
    whole = {
        "sop": "lead", "title": "培育", "trigger": [{"tag_added": "A"}], "defaults": {"at": "10:00", "channel": "wecom"}, "steps": [STEP],
    }  # fmt: skip
    return Sop.model_validate({**whole, **parts})


def problems(engine: EngineConfig = ENGINE, **parts: Any) -> list[Problem]:
    return check(engine, {"sops/lead.yaml": sop(**parts)})


def said(engine: EngineConfig = ENGINE, **parts: Any) -> str:
    return "\n".join(f"{each.level} {each.path}: {each.message}" for each in problems(engine, **parts))


def step(**parts: Any) -> dict[str, Any]:
    return {"steps": [{**STEP, **parts}]}


def test_a_right_sop_has_no_problems() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("parts", "path", "expected"),
    [
        ({"steps": [STEP, {**STEP, "day": 2}]}, "steps/1/id", "`d1` stands twice; give each step its own"),
        ({"defaults": {"at": "10:00"}}, "steps/0/message", "defaults: {channel: …} to the SOP. Configured: wecom, crm"),
        ({"defaults": {"channel": "wecom"}}, "steps/0/day", 'add at: "10:00" or window'),
        ({"defaults": {"at": "10:00", "channel": ["wecm"]}}, "defaults/channel/0", "Did you mean `wecom`?"),
        (step(channel="cmr"), "steps/0/channel/0", "unknown channel `cmr`; known: wecom, crm. Did you mean `crm`?"),
        (step(channel="preferred"), "steps/0/channel/0", "alone leaves customers without"),
        ({"when": [{"is": {"stag": "意向客户"}}]}, "when/0/is/stag", "Did you mean `stage`?"),
        ({"when": [{"is": {"stage": ["意象客户"]}}]}, "when/0/is/stage/0", "Did you mean `意向客户`?"),
        ({"while": [{"not": {"is": {"stage": "x"}}}]}, "while/0/not/is/stage/0", "Add it to the values of `stage`"),
        ({"trigger": [{"entered": {"stage": "新好友"}}]}, "trigger/0/entered/stage/0", "Did you mean `新加好友`?"),
        ({"trigger": [{"entered": {"stage": "新加好友", "from": "xx"}}]}, "trigger/0/entered/from/0", "unknown value"),
        ({"exit": [{"left": {"phase": "x"}}]}, "exit/0/left/phase", "unknown dimension `phase`; known: stage"),
        ({"steps": [{"id": "s", "after": "1h", "do": [{"set": {"stage": "y"}}]}]}, "steps/0/do/0/set/stage/0", "unknown value"),
        ({"when": [{"attr": {"budgt": {"gte": 1}}}]}, "when/0/attr/budgt", "Did you mean `budget`?"),
        (step(**{"from": "attr.dueish"}), "steps/0/from", "Did you mean `due`?"),
        (step(**{"from": "attr.name"}), "steps/0/from", "declared as text; a step counts from a date"),
        ({"when": [{"attr": {"name": {"gte": 5}}}]}, "when/0/attr/name/gte", "write one of: eq, in, contains, matches, exists"),
        ({"when": [{"attr": {"budget": "5"}}]}, "when/0/attr/budget/eq", "compared with `5`; write a number"),
        ({"when": [{"attr": {"budget": {"in": [1, True]}}}]}, "when/0/attr/budget/in", "`True`; write a number"),
        ({"when": [{"attr": {"vip": 1}}]}, "when/0/attr/vip/eq", "write true or false"),
        ({"when": [{"attr": {"due": {"gt": 5}}}]}, "when/0/attr/due/gt", "write a date"),
        ({"when": [{"attr": {"likes": ["a"]}}]}, "when/0/attr/likes/in", "contains, exists"),
        ({"when": [{"attr": {"name": {"matches": "("}}}]}, "when/0/attr/name/matches", "is no regular expression"),
        ({"trigger": [{"event": {"type": "a", "where": {"x": {"matches": "(a+)+"}}}}]}, "trigger/0/event/where/x/matches", "for ever"),
        ({"steps": [{"id": "t", "day": 1, "task": {"to": "ownr", "title": "a"}}]}, "steps/0/task/to", "Did you mean `owner`?"),
        ({"exit": [{"replied": {}, "do": [{"start": "laed"}]}]}, "exit/0/do/0/start", "Did you mean `lead`?"),
        ({"steps": [{"id": "s", "after": "1h", "do": [{"exit": "zzz"}]}]}, "steps/0/do/0/exit", "unknown SOP `zzz`; known: lead"),
        ({"when": [{"in_sop": ["leed"]}]}, "when/0/in_sop/0", "Did you mean `lead`?"),
        ({"when": [{"any": [{"touched": {"sop": "leed"}}]}]}, "when/0/any/0/touched/sop", "Did you mean `lead`?"),
        ({"when": [{"seen": {"type": "purchase", "since": "start"}}]}, "when/0/seen/since", "no meaning before the start"),
        (step(message={"text": "{{ customer.nme }}"}), "steps/0/message/text", "Did you mean `customer.name`?"),
        (
            step(message={"text": "a", "attachments": [{"link": {"title": "{{ x }}", "url": "u"}}]}),
            "steps/0/message/attachments/0/link/title", "unknown name `x`",
        ),
        (
            step(message={"text": "a", "attachments": [{"link": {"title": "t", "ulr": "u"}}]}),
            "steps/0/message/attachments/0/link/ulr", "Did you mean `url`?",
        ),
        (
            step(message={"text": "a", "attachments": [{"image": {}}]}),
            "steps/0/message/attachments/0/image", "`image` needs `url` or `media_id`",
        ),
        ({"steps": [{"id": "t", "day": 1, "task": {"to": "owner", "title": "{{"}}]}, "steps/0/task/title", "unexpected"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_remedy(parts: dict[str, Any], path: str, expected: str) -> None:
    errors = [each for each in problems(**parts) if each.level == "error"]
    assert [(each.path, expected in each.message) for each in errors] == [(path, True)], said(**parts)
    assert errors[0].file == "sops/lead.yaml"
    assert english_left(errors[0].said()) == []


@pytest.mark.parametrize(
    "parts",
    [
        {
            "when": [
                {
                    "attr": {
                        "name": {"contains": "a"},
                        "budget": {"gte": 1, "lt": 9.5},
                        "vip": True,
                        "likes": {"contains": "x"},
                    }
                }
            ]
        },
        {"when": [{"attr": {"due": {"gt": "2026-01-31"}, "met": {"gt": "2026-01-31T10:00:00+08:00"}}}]},
        {"while": [{"seen": {"type": "purchase", "since": "start"}}, {"touched": {"sop": "lead", "since": "start"}}]},
        step(**{"from": "attr.due"}),
        step(**{"from": "event.data.runs_out_on"}),
        {"key": "event.data.order"},
    ],
)
def test_what_is_right_is_not_complained_of(parts: dict[str, Any]) -> None:
    assert problems(**parts) == []


@pytest.mark.parametrize(
    ("parts", "path", "expected"),
    [
        (step(day=0), "steps/0/day", "skipped (before_start) for customers who come after 10:00"),
        (step(day=-1), "steps/0/day", "always skipped"),
        ({"steps": [STEP, {**STEP, "id": "d1b"}]}, "steps/1", "same time as step `d1`"),
        ({"exit": [{"replied": {}, "do": [{"start": "lead"}]}]}, "exit/0/do/0/start", "lead → lead"),
    ],
)
def test_what_is_probably_not_meant_is_a_warning(parts: dict[str, Any], path: str, expected: str) -> None:
    found = problems(**parts)
    assert [(each.level, each.path) for each in found] == [("warning", path)]
    assert expected in found[0].message
    assert english_left(found[0].said()) == []


def test_alternatives_at_one_time_are_no_warning() -> None:
    assert problems(steps=[STEP, {**STEP, "id": "d1b", "when": [{"tag": "B"}]}]) == []


def test_a_circle_is_told_once() -> None:
    def starting(name: str, other: str) -> Sop:
        return sop(sop=name, exit=[{"replied": {}, "do": [{"start": other}]}])

    found = check(ENGINE, {"a": starting("a", "b"), "b": starting("b", "c"), "c": starting("c", "a")})
    assert [each.message.split(";")[0] for each in found] == [
        "these SOPs set each other off in a circle: a → b → c → a"
    ]


def test_a_circle_by_tags_and_stages_is_seen_too() -> None:
    tags = sop(
        sop="tags", trigger=[{"tag_added": "x"}], steps=[{"id": "s", "day": 1, "do": [{"set": {"stage": "意向客户"}}]}]
    )
    stages = sop(
        sop="stages",
        trigger=[{"entered": {"stage": "意向客户"}}],
        steps=[{"id": "s", "day": 1, "do": [{"add_tag": "x"}]}],
    )
    found = check(ENGINE, {"t": tags, "s": stages})
    assert [each.message.split(";")[0] for each in found] == [
        "these SOPs set each other off in a circle: tags → stages → tags"
    ]


def test_an_sop_id_stands_in_one_file() -> None:
    found = check(ENGINE, {"sops/a.yaml": sop(), "sops/b.yaml": sop()})
    assert [(each.file, each.path) for each in found] == [("sops/b.yaml", "sop")]
    assert "already defined in sops/a.yaml" in found[0].message


def test_sops_whose_file_is_broken_exist_all_the_same() -> None:
    parts = sop(when=[{"in_sop": "other"}])
    assert check(ENGINE, {"a": parts}, known_sops=["other"]) == []
    assert check(ENGINE, {"a": parts})


@pytest.mark.parametrize(
    ("engine", "path", "expected"),
    [
        ({"timezone": "Asia/Shangai"}, "timezone", "Did you mean `Asia/Shanghai`?"),
        (
            {"attributes": {"budget": {"type": "number", "default": "viel"}}},
            "attributes/budget/default",
            "not a number",
        ),
        ({"staff": ["owner", "owner"]}, "staff/1", "listed twice"),
    ],
)
def test_engine_yaml(engine: dict[str, Any], path: str, expected: str) -> None:
    found = check(EngineConfig.model_validate(engine), {})
    assert [(each.file, each.path) for each in found] == [("engine.yaml", path)]
    assert expected in found[0].message


class TestPatterns:
    @pytest.mark.parametrize(
        "pattern",
        [
            "(a+)+",
            "(a*)*b",
            "(a|aa)+",
            "((a+))+",
            "(?:a+b?)*",
            "(a{2,})+",
            r"(a)\1",
            ".*.*x",
            "a{0,999}b{0,999}",
            "(a?){20}",
            "a?" * 20,
            "(?P<x>a+)*",
            "([a-z]+)*",
            "(a+){3,}",
        ],
    )
    def test_patterns_that_can_run_for_ever_are_refused(self, pattern: str) -> None:
        assert (said := danger(pattern))
        assert english_left(said) == []

    @pytest.mark.parametrize(
        "pattern",
        ["预约|到店", "^1[3-9][0-9]{9}$", "(abc)+", "a.*b", r"\(a+\)", "[(+*]+", "(a|b)c", "(?i)vip", "a{2,3}"],
    )
    def test_everyday_patterns_are_allowed(self, pattern: str) -> None:
        assert danger(pattern) is None

    def test_allowed_patterns_end(self) -> None:
        for pattern in ("a.*b", "(abc)+$", "^a*a+x", "a{0,99}a{0,99}x", "a?a?a?a?a?a?a?a?b"):
            assert danger(pattern) is None
            assert re.search(pattern, "a" * TEXT_LIMIT) is None
