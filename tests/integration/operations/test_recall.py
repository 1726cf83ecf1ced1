"""Recalling: what is not confirmed is called back, what is being sent is not; the timeline has had the step and goes on."""

from __future__ import annotations

import pytest

from engine.core.errors import NotFound
from engine.core.timelines.states import TOUCH_WAYS
from engine.ports import Receipt
from tests.support.interleaving import Stop, await_blocked, in_background
from tests.support.operating import WHO, audited, operations
from tests.support.pipeline import AT_ONCE, LEAD, Pipeline


def test_the_ways_a_recall_goes_are_legal() -> None:
    assert all("cancelled" in TOUCH_WAYS[before] for before in ("queued", "handed"))


def test_touches_that_wait_are_cancelled_and_those_sent_before_are_counted(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.work()
    pipeline.wait(hours=-20)
    pipeline.tag("c2", "c3")
    pipeline.wait_until(1)
    pipeline.plan()
    told = operations(pipeline).recaller.recall("lead", "d1", WHO)
    assert (told.changed, told.queued, told.handed, told.sending, told.sent) == (True, 2, 0, 0, 1)
    pipeline.work()
    assert pipeline.log.steps == [("c1", "d1")]
    assert [(each.status, each.reason) for each in pipeline.touches("d1")[1:]] == [("cancelled", "recalled")] * 2


def test_touches_that_staff_have_not_confirmed_are_cancelled(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.log.answers = [Receipt("handed")]
    pipeline.work()
    assert pipeline.touch("d1").status == "handed"
    told = operations(pipeline).recaller.recall("lead", "d1", WHO)
    assert (told.queued, told.handed) == (0, 1)
    assert pipeline.told() == [("d1", "cancelled", "recalled")]


def test_the_timeline_goes_on_with_the_next_step(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.plan()
    operations(pipeline).recaller.recall("lead", "d1", WHO)
    pipeline.wait_until(3)
    pipeline.work()
    assert pipeline.log.steps == [("c1", "d3")]
    pipeline.wait(hours=1)
    pipeline.work()
    assert pipeline.timeline().state == "completed"


def test_a_recall_is_audited_once_and_nothing_to_recall_is_not(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.plan()
    assert operations(pipeline).recaller.recall("lead", "d1", WHO).changed
    assert not operations(pipeline).recaller.recall("lead", "d1", "cli:another").changed
    assert audited(pipeline, "recall") == [{"who": WHO, "sop": "lead", "step": "d1", "queued": 1}]


def test_a_step_that_only_an_earlier_version_had_can_be_recalled(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.plan()
    pipeline.apply(LEAD.replace("id: d1", "id: first"))
    assert operations(pipeline).recaller.recall("lead", "d1", WHO).queued == 1


@pytest.mark.parametrize(
    ("sop", "step", "said"),
    [
        ("leed", "d1", "no SOP `leed` is in force. Did you mean `lead`? The SOPs are: lead"),
        ("lead", "d11", "SOP `lead` has no step `d11`. Did you mean `d1`? The steps are: d1, d3"),
    ],
)
def test_a_name_that_leads_nowhere_is_answered_with_the_nearest(
    pipeline: Pipeline, sop: str, step: str, said: str
) -> None:
    pipeline.apply(LEAD)
    with pytest.raises(NotFound) as refused:
        operations(pipeline).recaller.recall(sop, step, WHO)
    assert str(refused.value) == said


def test_a_touch_being_sent_is_too_late_and_is_sent(pipeline: Pipeline) -> None:
    pipeline.apply(AT_ONCE)
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()
    stop = Stop()
    pipeline.log.during = stop
    with in_background(pipeline.send) as sent:
        stop.await_reached()
        told = operations(pipeline).recaller.recall("hello", "hi", WHO)
        stop.go()
        sent.result()
    assert (told.changed, told.sending, told.sent) == (False, 1, 0)
    assert pipeline.told() == [("hi", "sent", None)]


def test_a_recall_that_waits_for_a_claim_leaves_what_was_claimed(pipeline: Pipeline) -> None:
    """Seen failing with: `status in (...)` taken out of both parts of `recall` (a touch being sent is cancelled, and sent)."""
    pipeline.apply(AT_ONCE)
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()
    stop, sender = Stop(), pipeline.another()
    claim = sender.wiring.sender._claim
    sender.wiring.sender._claim = lambda *arguments: (claim(*arguments), stop())[0]  # type: ignore[method-assign]  # stop it with its claim not committed
    with in_background(lambda: sender.wiring.sender.run("log")) as sent:
        stop.await_reached()
        with in_background(lambda: operations(pipeline).recaller.recall("hello", "hi", WHO)) as recalled:
            await_blocked(pipeline.engine)
            stop.go()
            assert not recalled.result().changed
        sent.result()
    assert pipeline.told() == [("hi", "sent", None)]


def test_a_claim_leaves_out_what_is_being_recalled(pipeline: Pipeline) -> None:
    """Seen failing with: `for update skip locked` taken out of `lock_ready` (the sender waits until its patience ends)."""
    pipeline.apply(AT_ONCE)
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()
    stop, recalling = Stop(), pipeline.another().wiring.operations.recaller
    recall = recalling._recall
    recalling._recall = lambda *arguments: (recall(*arguments), stop())[0]  # type: ignore[method-assign]  # stop it with its touches not committed
    with in_background(lambda: recalling.recall("hello", "hi", WHO)) as recalled:
        stop.await_reached()
        assert pipeline.send().recorded == 0
        stop.go()
        assert recalled.result().queued == 1
    assert pipeline.log.delivered == []
