"""segments.yaml: every mistake is named with its place and its remedy, and its names are known everywhere."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from engine import definitions_yaml
from engine.schema.json_schema import segments_schema
from tests.support.chinese import english_left
from tests.support.examples import CHANNEL_TYPES, ENGINE

SEGMENTS = """\
metrics:
  spend_2y: {spend: 730d}
  orders_ever: {orders: ever}
  chats_30d: {count: [message.received], over: 30d}
  last_buy: {days_since: purchase}
  rfm: {rfm: purchase, quantiles: 5, over: 730d}
segments:
  高意向: [{metric: {chats_30d: {gte: 3}}}, {is: {stage: 意向客户}}]
dimensions:
  tier:
    refresh: "0 3 * * *"
    values:
      - {value: 金卡, when: [{metric: {spend_2y: {gte: 20000}}}]}
      - {value: 普通}
"""

SOP = """\
sop: gold
title: 金卡
trigger: [{entered: {tier: 金卡}}]
when: [{segment: 高意向}, {metric: {rfm.r: {gte: 4}}}]
exit: [{left: {tier: 金卡}}]
defaults: {at: "10:00", channel: sms}
steps: [{id: d1, day: 1, message: {text: "{{ metrics.spend_2y }} {{ metrics.rfm.score }} {{ customer.dimensions.tier }}"}}]
"""


def problems(segments: str = SEGMENTS, sop: str = SOP) -> list[str]:
    texts = {"engine.yaml": ENGINE, "segments.yaml": segments, "sops/gold.yaml": sop}
    found = definitions_yaml.load_sources(texts, CHANNEL_TYPES).problems
    assert [left for each in found for left in english_left(each.said())] == []
    return [str(each) for each in found]


def test_the_example_is_right_and_becomes_part_of_what_is_loaded() -> None:
    loaded = definitions_yaml.load_sources(
        {"engine.yaml": ENGINE, "segments.yaml": SEGMENTS, "sops/gold.yaml": SOP}, CHANNEL_TYPES
    )
    assert loaded.problems == []
    assert loaded.segments is not None and loaded.segments.dimensions["tier"].names == ("金卡", "普通")
    assert "segments.yaml" in loaded.sources


def test_no_file_and_an_empty_file_are_no_segments() -> None:
    for texts in ({"engine.yaml": ENGINE}, {"engine.yaml": ENGINE, "segments.yaml": ""}):
        loaded = definitions_yaml.load_sources(texts, CHANNEL_TYPES)
        assert loaded.problems == [] and loaded.segments is not None and not loaded.segments.metrics


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("spend: 730d", "spend: 730x", "segments.yaml:2:21: error: `metrics.spend_2y.spend`: `730x` is not a duration"),
        ("spend_2y:", "2y spend:", "`2y spend` cannot be used in templates"),
        ("over: 30d", "ovr: 30d", "segments.yaml:4:42: error: unknown key `ovr` in metrics.chats_30d"),
        ("rfm: purchase,", "rfm: visit,", "found the text `visit`; allowed: `purchase`"),
        (
            "chats_30d: {gte: 3}",
            "chats_3d: {gte: 3}",
            "segments.yaml:8:19: error: unknown metric `chats_3d`; known: spend_2y",
        ),
        (
            "spend_2y: {gte: 20000}",
            "rfm: {gte: 2}",
            "`rfm` is an rfm, which consists of several numbers; name one of rfm.r",
        ),
        ("stage: 意向客户", "stage: 意向", "segments.yaml:8:55: error: unknown value of stage `意向`"),
        ("chats_30d: {gte: 3}", "chats_30d: {contains: a}", "`contains` does not fit `chats_30d`"),
        ('"0 3 * * *"', '"0 3 * *"', "it has 4 fields"),
        ("金卡, when: [{metric: {spend_2y: {gte: 20000}}}]", "金卡", "`金卡` (number 1) has no `when`"),
        ("{value: 普通}", "{value: 普通, when: [{tag: a}]}", "warning: a customer for whom no value of `tier` holds"),
        ("tier:", "stage:", "segments.yaml:10:3: error: the dimension `stage` is set by the CRM"),
        (
            "{is: {stage: 意向客户}}",
            "{segment: 高意向}",
            "segments.yaml:8:52: error: the segment `高意向` is made of itself",
        ),
        ("{is: {stage: 意向客户}}", "{seen: {type: visit, since: start}}", "`since: start` has no meaning here"),
        ("{is: {stage: 意向客户}}", "{event: {amount: 3}}", "`event` has no meaning here"),
        ("{is: {stage: 意向客户}}", "{silent: {days: 30}}", "unknown clock `any`"),
        (
            "{is: {stage: 意向客户}}",
            "{attr: {name: {matches: '(?i)a'}}}",
            "uses flags such as (?i), which the database cannot look for",
        ),
        ("{is: {stage: 意向客户}}", "{attr: {nme: a}}", "unknown attribute `nme`"),
    ],
)
def test_mistakes_in_segments(right: str, wrong: str, said: str) -> None:
    assert right in SEGMENTS
    found = problems(SEGMENTS.replace(right, wrong, 1))
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (
            "{entered: {tier: 金卡}}",
            "{entered: {tier: 金}}",
            "sops/gold.yaml:3:28: error: unknown value of tier `金`; known: 金卡, 普通",
        ),
        (
            "[{left: {tier: 金卡}}]",
            "[{left: {tire: 金卡}}]",
            "unknown dimension `tire`; known: stage, tier. Did you mean `tier`?",
        ),
        ("segment: 高意向", "segment: 高意", "unknown segment `高意`; known: 高意向. Did you mean `高意向`?"),
        ("rfm.r: {gte: 4}", "rfm.x: {gte: 4}", "unknown metric `rfm.x`"),
        ("metrics.spend_2y", "metrics.spend", "unknown name `metrics.spend`"),
        ("metrics.rfm.score", "metrics.rfm", "`metrics.rfm` is a group of values; name one of"),
        ('message: {text: "', "do: [{set: {tier: 金卡}}] #", "`tier` is computed by segments.yaml and cannot be set"),
    ],
)
def test_its_names_are_known_to_sops(right: str, wrong: str, said: str) -> None:
    found = problems(
        sop=SOP.replace(right, wrong, 1).replace("#", "}] #") if "#" in wrong else SOP.replace(right, wrong, 1)
    )
    assert any(said in each for each in found), found


def test_a_circle_of_segments_is_told_once() -> None:
    circle = "segments: {a: [{segment: b}], b: [{any: [{segment: c}]}], c: [{not: {segment: a}}]}"
    assert [each for each in problems(circle, SOP) if "made of itself" in each] == [
        "segments.yaml:1:26: error: the segment `a` is made of itself: a → b → c → a; write the conditions out in one of them"
    ]


def test_the_schema_takes_what_the_loader_takes() -> None:
    schema = segments_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    yaml = YAML(typ="safe")
    assert not list(validator.iter_errors(yaml.load(SEGMENTS)))
    for right, wrong in [
        ("spend: 730d", "spend: 730x"),
        ("quantiles: 5", "quantiles: 50"),
        ("{value: 普通}", "{valu: 普通}"),
    ]:
        assert list(validator.iter_errors(yaml.load(SEGMENTS.replace(right, wrong)))), wrong
