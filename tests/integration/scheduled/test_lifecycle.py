"""The lifecycle: levels of a clock as a dimension, its history, the SOPs it starts, and what explains it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.messages.story import StoryFormatter
from engine.services.reports.explain import CustomerExplainer
from tests.support.pipeline import START, Pipeline
from tests.support.silent_customers import CLOCKS

OFFER = """
sop: offer-{id}
title: {value}关怀
group: lifecycle
trigger: [{{entered: {{lifecycle: {value}}}}}]
while: [{{is: {{lifecycle: {value}}}}}]
defaults: {{at: "10:00", channel: log}}
steps: [{{id: "{id}", day: 0, message: {{text: "您处于{{{{ customer.dimensions.lifecycle }}}}"}}}}]
"""
CALM, ASLEEP = OFFER.format(id="calm", value="沉默期"), OFFER.format(id="asleep", value="睡眠期")


def buy(pipeline: Pipeline, subject: str = "c1") -> None:
    pipeline.post(subject, "purchase", order=f"SO-{pipeline.clock.at.isoformat()}", amount=100)
    pipeline.work()


def pass_days(pipeline: Pipeline, *days: int) -> None:
    """Let time pass day by day, sweeping at midnight and sending at ten."""
    for day in days:
        pipeline.wait_until(day, "00:00")
        pipeline.wiring.silence_sweeper.run()
        pipeline.work()
        pipeline.wait_until(day)
        pipeline.work()


def history(pipeline: Pipeline) -> list[tuple[str | None, str, timedelta, str]]:
    found = pipeline.rows(
        "select value_before, value_after, at, why from dimension_history where dimension = 'lifecycle' order by id"
    )
    return [(row.value_before, row.value_after, row.at - START, row.why) for row in found]


def test_its_history_says_from_what_to_what_when_and_why(pipeline: Pipeline) -> None:
    pipeline.apply(CALM, engine=CLOCKS)
    buy(pipeline)
    pass_days(pipeline, 63, 64, 126, 127, 130)
    buy(pipeline)
    ten_hours = timedelta(hours=10)
    assert history(pipeline) == [
        (None, "活跃期", timedelta(), "purchase"),
        ("活跃期", "沉默期", timedelta(days=64) - ten_hours, "silent 64 days"),
        ("沉默期", "睡眠期", timedelta(days=127) - ten_hours, "silent 127 days"),
        ("睡眠期", "活跃期", timedelta(days=130), "purchase"),
    ]


def test_each_value_has_its_sop_and_the_next_one_replaces_it(pipeline: Pipeline) -> None:
    pipeline.apply(CALM, ASLEEP, engine=CLOCKS)
    buy(pipeline)
    pass_days(pipeline, 64, 127)
    assert [each.body["text"] for each in pipeline.log.delivered] == ["您处于沉默期", "您处于睡眠期"]


def test_a_purchase_before_the_offer_goes_out_keeps_it_back(pipeline: Pipeline) -> None:
    pipeline.apply(CALM, engine=CLOCKS)
    buy(pipeline)
    pipeline.wait_until(64, "00:00")
    pipeline.wiring.silence_sweeper.run()
    pipeline.work()
    pipeline.wait_until(64)
    pipeline.plan()
    assert pipeline.told() == [("calm", "queued", None)]
    buy(pipeline)
    assert (pipeline.told(), pipeline.log.delivered) == ([("calm", "cancelled", "timeline_ended")], [])
    assert history(pipeline)[-1][:2] == ("沉默期", "活跃期")


def test_a_backfilled_history_makes_the_lifecycle_right_and_starts_nothing(pipeline: Pipeline) -> None:
    pipeline.apply(CALM, ASLEEP, engine=CLOCKS)
    pipeline.post("c1", "purchase", at=START - timedelta(days=300), order="SO-1", amount=1)
    pipeline.run("update events set backfill = true")
    pipeline.work()
    pipeline.post("c1", "purchase", at=START - timedelta(days=80), order="SO-2", amount=1)
    pipeline.run("update events set backfill = true")
    pipeline.work()
    pipeline.wiring.silence_sweeper.run()
    pipeline.work()
    assert [each[1] for each in history(pipeline)] == ["睡眠期", "沉默期"]
    assert (pipeline.timelines(), pipeline.rows("select 1 from events where type = 'engine.silent'")) == ([], [])
    pass_days(pipeline, 127 - 80)
    assert pipeline.timeline().sop == "offer-asleep"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", "沉默满 64 天（时钟 purchase，最后一次活动 2026-03-01 10:00）"),
        ("en", "silent for 64 days (clock purchase, last activity 2026-03-01 10:00)"),
    ],
)
def test_explain_tells_of_the_silence_in_words(pipeline: Pipeline, language: str, words: str) -> None:
    pipeline.apply(CALM, engine=CLOCKS)
    buy(pipeline)
    pass_days(pipeline, 64)
    story = CustomerExplainer(pipeline.wiring.runtime).explain("c1")
    said = StoryFormatter(language, story.timezone)
    assert (said.event(story.events[-1]), story.stands) == (words, {"lifecycle": "沉默期"})
    assert said.outcome(story.events[-1]) == [
        said.say("started {sop} v{version} ({path})", sop="offer-calm", version=1, path="trigger/0/entered")
    ]
