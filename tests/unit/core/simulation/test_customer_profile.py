"""A customer described in YAML: its facts and events, and a place and remedy for everything that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from engine.cli.definitions.simulate import example
from engine.core.sentence import Sentence
from engine.core.simulation.customer_profile import ProfileEvents
from engine.core.simulation.simulate import Span, simulate
from engine.definitions_yaml.customers import ReadCustomer, read_customer
from tests.support.builders import a_sop, an_engine, at, definitions
from tests.support.said import untranslated
from tests.unit.definitions.test_shipped import known

NOW = at("2026-03-01 08:00")
CLOCKS = {
    "any": {"kinds": ["visit"]},
    "purchase": {"kinds": ["purchase"], "lifecycle": {"活跃期": 0, "沉默期": 64}},
}


def read(text: str) -> ReadCustomer:
    return read_customer(text.encode(), "c.yaml", definitions(a_sop(), engine=an_engine(clocks=CLOCKS)), NOW)


def cast_of(text: str) -> ProfileEvents:
    found = read(text)
    assert found.cast is not None, found.problems
    return found.cast


def events(text: str) -> list[tuple[Any, ...]]:
    return [(each.type, each.time, each.backfill) for each in cast_of(text).events]


class TestBeginning:
    def test_at_start_in_the_customers_zone(self) -> None:
        assert cast_of("{start: 2026-03-05 10:00, timezone: Asia/Tokyo}").start == at("2026-03-05 09:00")

    def test_else_at_the_first_event_with_a_time(self) -> None:
        text = "events: [{type: visit, after: 2d}, {type: visit, time: 2026-03-08}, {type: visit, time: 2026-03-07}]"
        assert cast_of(text).start == at("2026-03-07 00:00")

    def test_else_now(self) -> None:
        assert cast_of("{}").start == NOW


class TestFacts:
    def test_what_is_known_is_received_at_the_beginning_and_starts_nothing(self) -> None:
        found = events("{start: 2026-03-05, known_since: 2026-02-01, tags: [装修意向, {tag: vip, since: 2026-03-01}]}")
        assert found == [
            ("customer.updated", at("2026-02-01 00:00"), True),
            ("tag.added", at("2026-02-01 00:00"), True),
            ("tag.added", at("2026-03-01 00:00"), True),
        ]
        played = simulate(cast_of("{tags: [装修意向]}").events, definitions(a_sop()), Span(NOW, at("2026-03-09 00:00")))
        assert (played.totals.sent, [each.what for each in played.totals.timelines]) == (0, ["refused"])

    def test_an_event_before_the_beginning_is_a_fact_one_after_it_happens(self) -> None:
        found = events("{start: 2026-03-05, events: [{type: visit, time: 2026-03-01}, {type: visit, after: 1h}]}")
        assert found[1:] == [("visit", at("2026-03-01 00:00"), True), ("visit", at("2026-03-05 01:00"), False)]

    def test_opted_out_of_all_or_of_a_channel(self) -> None:
        found = [each.data for each in cast_of('{opt_outs: ["*", sms]}').events if each.type == "message.opted_out"]
        assert found == [{}, {"channel": "sms"}]


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("ref: C1\ntag: vip", "c.yaml:2:1: error: unknown key `tag`; allowed: ref, timezone"),
            ("events:\n  - {typ: visit}", "c.yaml:2:6: error: unknown key `typ` in events[0]"),
            ("start: soon", "c.yaml:1:8: error: `start`: `soon` is no time; write a date (2026-03-01)"),
            ("timezone: Beijing", "c.yaml:1:11: error: `timezone`: `Beijing` is not a time zone; write an IANA name"),
            (
                "attributes: {budget: 三十万}",
                "c.yaml:1:22: error: attribute `budget` is declared as number; `三十万` is not one",
            ),
            (
                "dimensions: {stage: 意向}",
                "(allowed: 新加好友, 意向客户, 到店客户, 成交客户). Did you mean `意向客户`?",
            ),
            ("dimensions: {stag: 意向客户}", "dimension `stag` is not declared in engine.yaml. Did you mean `stage`?"),
            (
                "dimensions: {lifecycle: 沉默期}",
                "`lifecycle` follows from the clock `purchase`; write what the customer did",
            ),
            ("opt_outs: [email]", 'unknown channel `email`; known: log, sms, or "*" for all.'),
            ("{start: 2026-03-01, tags: [{tag: a, since: 2026-03-02}]}", "`since` lies after `start`"),
            ("{start: 2026-03-01, known_since: 2026-03-02}", "`known_since` lies after `start`"),
            ("events: [{type: tag.added, data: {tga: a}}]", "c.yaml:1:10: error: data.tag is missing"),
            ("events: [{type: visit, time: 2026-03-01, after: 1d}]", "write `time` or `after`, not both"),
            ("events: [{type: engine.start}]", "type `engine.start` is reserved"),
            ("- visit", "wanted `key: value` pairs, beginning with `ref`, `timezone`, `start`"),
        ],
    )
    def test_are_named_with_place_and_remedy(self, text: str, said: str) -> None:
        found = read(text)
        assert found.cast is None
        assert said in "\n".join(map(str, found.problems))
        sentences = [each.message for each in found.problems if isinstance(each.message, Sentence)]
        assert [untranslated(each) for each in sentences] == [[]] * len(sentences)

    def test_an_attribute_nobody_declared_is_taken_with_a_warning(self) -> None:
        found = read("attributes: {bugdet: 1}")
        assert found.cast is not None
        assert [str(each) for each in found.problems] == [
            "c.yaml:1:14: warning: attribute `bugdet` is not declared in engine.yaml. Did you mean `budget`?"
        ]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_example_runs_on_the_shipped_sops(language: str) -> None:
    found = read_customer(example(language).encode(), "example", known(), NOW)
    assert found.cast is not None, found.problems
    assert found.problems == []
    report = simulate(found.cast.events, known(), Span(found.cast.start, at("2026-04-11 09:00")))
    steps = [(line.sop, line.step.step) for line in report.calendars[0].lines if line.what == "touch"]
    assert steps[:2] == [("renovation-lead", "d1"), ("renovation-lead", "d3")]
    assert ("visit-follow-up", "quote") in steps
