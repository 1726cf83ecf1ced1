"""Reconciling: what was lost in Redis or with a process is found again in PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.core.timelines.touch import MAX_TRIES
from tests.support.interleaving import Killed, die
from tests.support.pipeline import AT_ONCE, ENGINE, LEAD, START, Pipeline


def test_an_emptied_redis_loses_nothing(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    for number in range(20):
        pipeline.post(f"c{number}", "tag.added", tag="vip")
    pipeline.wiring.redis.flushall()
    assert pipeline.match_all() == 0
    assert pipeline.wiring.reconciler.run_once().hinted == 20
    assert pipeline.match_all() == 20
    assert len(pipeline.timelines()) == 20
    assert pipeline.wiring.reconciler.run_once().hinted == 0


def test_hints_are_written_anew_for_those_waiting_longest_and_a_thousand_at_most(pipeline: Pipeline) -> None:
    pipeline.run(
        """insert into events (source, event_id, type, subject, time, received_at, body_hash)
           select 'crm', n::text, 'visit', 'c' || lpad(n::text, 5, '0'), :at, :at, '' from generate_series(1, 1500) n""",
        at=START,
    )
    assert pipeline.wiring.reconciler.run_once().hinted == 1000
    assert pipeline.wiring.hints.length() == 1000
    assert pipeline.wiring.reconciler.run_once().hinted == 0, "the stream is long enough"
    hinted = pipeline.hinted()
    assert (hinted[0], hinted[-1]) == ("c00001", "c01000")


def test_touches_of_a_removed_channel_are_cancelled(pipeline: Pipeline) -> None:
    pipeline.apply(AT_ONCE, LEAD.replace("channel: log", "channel: second"))
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()
    pipeline.apply(LEAD.replace("channel: log", "channel: second"), AT_ONCE.replace("channel: log", "channel: second"),
                   engine=ENGINE.replace("log: {type: log}, ", ""))  # fmt: skip
    pipeline.wiring.reconciler.run_once()
    assert pipeline.told() == [("hi", "cancelled", "channel_removed")]


def test_before_the_first_apply_no_channel_counts_as_removed(pipeline: Pipeline) -> None:
    assert pipeline.wiring.reconciler.run_once().violations == {}


def test_a_touch_that_kills_its_senders_is_not_sent_for_ever(pipeline: Pipeline) -> None:
    pipeline.apply(AT_ONCE)
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()
    pipeline.log.during = die
    for _ in range(MAX_TRIES):
        with pytest.raises(Killed):
            pipeline.send()
        pipeline.run("update touches set lease_until = now() - interval '1 second'")
        pipeline.wiring.reconciler.run_once()
    assert pipeline.told() == [("hi", "unknown", "outcome_unknown")]
    assert pipeline.send().claimed == 0


def test_a_lease_that_still_runs_is_left_alone(pipeline: Pipeline) -> None:
    pipeline.apply(AT_ONCE)
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()
    pipeline.run("update touches set status = 'sending', claim_no = 1, lease_until = now() + interval '1 minute'")
    pipeline.wait(days=400)  # business time is not what leases run on
    done = pipeline.wiring.reconciler.run_once()
    assert (done.taken_back, done.unknown, pipeline.touch("hi").status) == (0, 0, "sending")


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        ("update events set outcome = null", "matched_event_without_outcome"),
        ("update touches set status = 'sent', sent_at = due_at - interval '1 second'", "touch_sent_before_due"),
        ("update timelines set state = 'exited', ended_at = now()", "open_touch_of_ended_timeline"),
    ],
)
def test_broken_invariants_are_counted(pipeline: Pipeline, damage: str, invariant: str) -> None:
    pipeline.apply(AT_ONCE)
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()
    assert pipeline.wiring.reconciler.run_once().violations == {}
    pipeline.run(damage)
    assert pipeline.wiring.reconciler.run_once().violations == {invariant: 1}


def test_a_story_interrupted_everywhere_ends_as_if_it_had_not_been(pipeline: Pipeline) -> None:
    """Hints lost at every post, senders dying at every first call: each customer still gets each step once."""
    pipeline.apply(LEAD)
    for number in range(5):
        pipeline.post(f"c{number}", "tag.added", tag="vip", hint=False)
    for day in range(5):
        pipeline.wait_until(day)
        pipeline.wiring.redis.flushall()
        pipeline.wiring.reconciler.run_once()
        pipeline.work()
    assert sorted(pipeline.log.steps) == sorted((f"c{number}", step) for number in range(5) for step in ("d1", "d3"))
    assert {each.state for each in pipeline.timelines()} == {"completed"}
    assert pipeline.timelines()[0].ended_at - START > timedelta(days=3)
