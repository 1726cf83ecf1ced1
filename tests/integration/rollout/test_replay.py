"""Replaying what is recorded: under the same definitions it comes out as it did, under changed ones as they would have it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from engine.core.definitions.catalog import Definitions
from engine.core.errors import NotFound, SopError
from engine.core.simulation.simulate import Report, Wanted
from engine.demo import feed
from tests.conftest import Servers
from tests.integration.rollout.test_simulate_agrees import TEXTS, posts
from tests.support import stepping
from tests.support.databases import Databases
from tests.support.pipeline import LEAD, START, Pipeline, sources

ALL = Wanted(limit=1_000)


def replayed(pipeline: Pipeline, definitions: Definitions, since: datetime, *only: str, wanted: Wanted = ALL) -> Report:
    return pipeline.wiring.simulator.replay(definitions, since, wanted, only or None)


def changed(pipeline: Pipeline, *sops: str) -> Definitions:
    return pipeline.wiring.simulator.definitions({name: text for name, (_, text) in sources(*sops).items()})


@pytest.fixture
def lead(pipeline: Pipeline) -> Pipeline:
    """Two customers tagged on the first day, one of whom has answered by the second; four days have passed."""
    pipeline.apply(LEAD)
    pipeline.tag("c-1", "c-2")
    for day in range(1, 5):
        pipeline.wait_until(day, "09:00")
        if day == 2:
            pipeline.post("c-2", "message.received", text="我想预约")
        pipeline.work()
        pipeline.wait_until(day)
        pipeline.work()
    return pipeline


@pytest.fixture(scope="module")
def lived(servers: Servers, databases: Databases) -> Iterator[tuple[Pipeline, Definitions]]:
    """The whole feed, lived through once; what replays it changes nothing."""
    with databases.one() as url, Pipeline(url, servers.redis_url) as pipeline:
        pipeline.wiring.redis.flushall()
        pipeline.clock.at = feed.start()
        definitions = stepping.installed(pipeline, TEXTS)
        stepping.really(pipeline, posts(60), feed.end())
        pipeline.clock.at = feed.end()
        yield pipeline, definitions


class TestSameDefinitions:
    @pytest.mark.parametrize("days", [40, 17])
    def test_since_any_day_it_comes_out_as_it_did(self, lived: tuple[Pipeline, Definitions], days: int) -> None:
        pipeline, definitions = lived
        report = replayed(pipeline, definitions, feed.end() - timedelta(days=days, hours=5))
        assert report.compared
        differing = [
            each
            for each in report.compared
            if (each.had_sent, each.had_skipped) != (each.would_sent, each.would_skipped)
        ]
        assert differing == []
        assert sum(each.had_sent for each in report.compared) > 150


class TestChangedDefinitions:
    def test_a_step_added_would_have_been_sent_and_one_taken_out_not(self, lead: Pipeline) -> None:
        other = changed(lead, LEAD.replace("{id: d3, day: 3,", "{id: d2, day: 2,"))
        report = replayed(lead, other, START - timedelta(days=1))
        assert [(each.step, each.had_sent, each.would_sent) for each in report.compared or ()] == [
            ("d1", 2, 2), ("d2", 0, 1), ("d3", 1, 0),
        ]  # fmt: skip

    def test_timelines_in_flight_go_on_under_them_by_step_id(self, lead: Pipeline) -> None:
        other = changed(lead, LEAD.replace("第三天", "换了"))
        report = replayed(lead, other, START + timedelta(days=1, hours=3))
        (calendar,) = [each for each in report.calendars if each.customer == "c-1"]
        assert [(line.step.step, line.text) for line in calendar.lines if line.what == "touch"] == [("d3", "换了")]

    def test_tags_set_before_count(self, lead: Pipeline) -> None:
        other = changed(
            lead,
            "sop: other\ntitle: 另一个\ntrigger: [{replied: {}}]\nwhen: [{tag: vip}]\ndefaults: {channel: log}\n"
            "steps: [{id: hi, after: 1m, message: {text: 您好}}]",
        )
        report = replayed(lead, other, START + timedelta(days=1, hours=3))
        assert [(each.sop, each.step, each.would_sent) for each in report.compared or ()] == [
            ("other", "hi", 1), ("lead", "d3", 0),
        ]  # fmt: skip


class TestWhatItLooksAt:
    def test_only_the_customers_named(self, lead: Pipeline) -> None:
        report = replayed(lead, changed(lead, LEAD), START - timedelta(days=1), "c-2")
        assert [each.customer for each in report.calendars] == ["c-2"]
        assert [(each.step, each.had_sent, each.would_sent) for each in report.compared or ()] == [("d1", 1, 1)]

    def test_nobody_is_refused_by_name(self, lead: Pipeline) -> None:
        with pytest.raises(NotFound, match="c-9"):
            replayed(lead, changed(lead, LEAD), START, "c-9")

    def test_the_future_is_refused(self, lead: Pipeline) -> None:
        with pytest.raises(SopError, match="not in the past"):
            replayed(lead, changed(lead, LEAD), lead.clock.at + timedelta(days=1))

    def test_nothing_is_written_and_nothing_sent(self, lead: Pipeline) -> None:
        before = (len(lead.log.delivered), lead.rows("select count(*), max(id) from touches"), lead.timelines())
        replayed(lead, changed(lead, LEAD.replace("day: 3", "day: 2")), START - timedelta(days=1))
        lead.work()
        assert (len(lead.log.delivered), lead.rows("select count(*), max(id) from touches"), lead.timelines()) == before
