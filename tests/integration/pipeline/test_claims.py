"""The rules of claims (8 and 9): each with a test that was seen to fail when the rule is broken."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.ports import Receipt
from engine.store.database import transaction
from engine.store.state import touches
from engine.store.state.touches import Result
from tests.support.interleaving import Killed, Stop, die, in_background
from tests.support.pipeline import AT_ONCE, START, Pipeline

# ── 8: the claim is the last gate ────────────────────────────────────────────────────────────────────────────


def queued(pipeline: Pipeline, *subjects: str, sop: str = AT_ONCE) -> None:
    """Have one touch queued per customer."""
    pipeline.apply(sop)
    pipeline.tag(*(subjects or ("c1",)), tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()


def test_rule_8_a_touch_of_an_ended_timeline_is_cancelled(pipeline: Pipeline) -> None:
    """Seen failing with: the first case taken out of `gate`. (Ended by hand: an end through the engine calls back before that.)"""
    queued(pipeline)
    pipeline.run("update timelines set state = 'exited', ended_at = now()")
    pipeline.send()
    assert pipeline.told() == [("hi", "cancelled", "timeline_ended")]
    assert pipeline.log.delivered == []


def test_rule_8_a_completed_timeline_still_sends_what_it_planned(pipeline: Pipeline) -> None:
    """Seen failing with: only `active` let through the gate."""
    queued(pipeline)
    pipeline.run("update timelines set state = 'completed', ended_at = now()")
    pipeline.send()
    assert pipeline.told() == [("hi", "sent", None)]


def test_rule_8_a_paused_sop_keeps_its_touches_and_holds_up_nobody_behind(pipeline: Pipeline) -> None:
    """Seen failing with: the pauses taken out of `lock_ready` (sent); checked in `gate` only (those behind starve)."""
    pipeline.log.batch_size = 1
    other = AT_ONCE.replace("hello", "other").replace("tag_added: new", "tag_added: later")
    pipeline.apply(AT_ONCE, other)
    pipeline.tag("c1", tag="new")
    pipeline.tag("c2", tag="later")
    pipeline.wait(minutes=1)
    pipeline.plan()
    pipeline.run("insert into pauses values ('sop', 'hello', now())")
    pipeline.send()
    assert [(touch.ref, touch.status) for touch in pipeline.touches()] == [("c1", "queued"), ("c2", "sent")]
    pipeline.run("delete from pauses")
    pipeline.send()
    assert pipeline.log.steps == [("c2", "hi"), ("c1", "hi")]


@pytest.mark.parametrize(("kind", "name"), [("channel", "log"), ("all", "")])
def test_rule_8_a_paused_channel_keeps_its_touches(pipeline: Pipeline, kind: str, name: str) -> None:
    """Seen failing with: `paused` answering no."""
    queued(pipeline)
    pipeline.run("insert into pauses values (:kind, :name, now())", kind=kind, name=name)
    pipeline.send()
    assert pipeline.told() == [("hi", "queued", None)]
    pipeline.run("delete from pauses")
    pipeline.send()
    assert pipeline.told() == [("hi", "sent", None)]


@pytest.mark.parametrize("data", [{}, {"channel": "log"}])
def test_rule_8_nothing_goes_to_who_opted_out_meanwhile(pipeline: Pipeline, data: dict[str, str]) -> None:
    """Seen failing with: the second case taken out of `gate`."""
    queued(pipeline)
    pipeline.post("c1", "message.opted_out", **data)
    pipeline.match_all()
    pipeline.send()
    assert pipeline.told() == [("hi", "cancelled", "opted_out")]


def test_rule_8_nothing_goes_out_after_its_time(pipeline: Pipeline) -> None:
    """Seen failing with: the third case taken out of `gate`."""
    queued(pipeline)
    pipeline.wait(hours=36)
    pipeline.send()
    assert pipeline.told() == [("hi", "expired", "expired")]


def test_rule_8_what_expires_under_a_paused_sop_is_said_to_be_expired(pipeline: Pipeline) -> None:
    """Seen failing with: `send_before <= :now or` taken out of `lock_ready` (queued for ever, its timeline never finishes)."""
    queued(pipeline)
    pipeline.run("insert into pauses values ('sop', 'hello', now())")
    pipeline.wait(hours=36)
    pipeline.send()
    assert pipeline.told() == [("hi", "expired", "expired")]


def test_rule_8_a_retry_passes_the_gate_too(pipeline: Pipeline) -> None:
    """Seen failing with: `gate` looking at first tries only (`t.attempt = 0`)."""
    queued(pipeline)
    pipeline.log.answers = [Receipt("retry")]
    pipeline.send()
    pipeline.post("c1", "message.opted_out")
    pipeline.match_all()
    pipeline.wait(minutes=1)
    pipeline.send()
    assert pipeline.told() == [("hi", "cancelled", "opted_out")]
    assert len(pipeline.log.delivered) == 1


# ── 9: leases are fenced ─────────────────────────────────────────────────────────────────────────────────────


def lease_over(pipeline: Pipeline) -> None:
    """Let every lease run out."""
    pipeline.run("update touches set lease_until = now() - interval '1 second' where status = 'sending'")


def test_rule_9_a_stale_claims_record_is_refused(pipeline: Pipeline) -> None:
    """Seen failing with: `t.claim_no = n.claim_no` taken out of `record` (the frozen sender overwrites what its successor is doing)."""
    queued(pipeline)
    stop = Stop()
    pipeline.log.during = stop
    pipeline.log.answers = [Receipt("failed", "too late")]
    with in_background(pipeline.send) as frozen:
        stop.await_reached()
        lease_over(pipeline)
        pipeline.wiring.reconciler.run_once()
        with transaction(pipeline.engine) as connection:
            touches.begin(connection, [pipeline.touch("hi").id], START + timedelta(days=400))
        stop.go()
        assert (frozen.result().recorded, frozen.result().stale) == (0, 1)
    assert (pipeline.touch("hi").status, pipeline.touch("hi").claim_no) == ("sending", 2)


def test_rule_9_a_record_of_what_is_not_being_sent_is_refused(pipeline: Pipeline) -> None:
    """Seen failing with: `t.status = 'sending'` taken out of `record` (a touch is recorded twice)."""
    queued(pipeline)
    pipeline.send()
    touch = pipeline.touch("hi")
    with transaction(pipeline.engine) as connection:
        assert touches.record(connection, [Result(touch.id, touch.claim_no, "failed", "failed")], START) == 0
    assert pipeline.touch("hi").status == "sent"


def test_rule_9_after_a_senders_death_a_keyed_channel_gets_the_same_again(pipeline: Pipeline) -> None:
    """Seen failing with: `_after_death` answering unknown for every channel; a new key in `begin`."""
    queued(pipeline)
    pipeline.log.during = die
    with pytest.raises(Killed):
        pipeline.send()
    pipeline.log.during = lambda: None
    assert pipeline.wiring.reconciler.run_once().taken_back == 0
    assert pipeline.touch("hi").status == "sending"
    lease_over(pipeline)
    assert pipeline.wiring.reconciler.run_once().taken_back == 1
    pipeline.send()
    first, second = pipeline.log.delivered
    assert (first.key, first.body) == (second.key, second.body)
    assert (first.attempt, second.attempt) == (1, 2)
    assert [each.outcome for each in pipeline.rows("select outcome from attempts order by id")] == ["lost", "sent"]


def test_rule_9_after_a_senders_death_the_outcome_on_an_unkeyed_channel_is_unknown(pipeline: Pipeline) -> None:
    """Seen failing with: `_after_death` queueing on every channel (the customer may get it twice)."""
    queued(pipeline, sop=AT_ONCE.replace("channel: log", "channel: second"))
    pipeline.second.during = die
    with pytest.raises(Killed):
        pipeline.send("second")
    lease_over(pipeline)
    assert pipeline.wiring.reconciler.run_once().unknown == 1
    pipeline.send("second")
    assert pipeline.told() == [("hi", "unknown", "outcome_unknown")]
    assert len(pipeline.second.delivered) == 1


def test_rule_9_sending_is_committed_before_the_call(pipeline: Pipeline) -> None:
    """Seen failing with: the call made inside the claim's transaction (another connection still sees `queued`)."""
    queued(pipeline)
    seen: list[tuple[str, bool]] = []

    def look() -> None:
        (found,) = pipeline.rows(
            "select status, lease_until > clock_timestamp() + interval '5 seconds' as outlasts from touches"
        )
        seen.append((found.status, found.outlasts))

    pipeline.log.during = look
    pipeline.send()
    assert seen == [("sending", True)]


def test_rule_9_a_sender_that_slept_after_its_claim_gives_back_what_it_has_not_begun(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing with: the check of the time since the claim taken out (sent, though the lease may be another's)."""
    queued(pipeline, sop=AT_ONCE.replace("channel: log", "channel: second"))
    ticks = iter([0.0, 100.0])

    class SlowMachine:
        @staticmethod
        def monotonic() -> float:
            return next(ticks)

    monkeypatch.setattr("engine.services.pipeline.send.time", SlowMachine)
    pipeline.wiring.sender.run_once(pipeline.second)
    monkeypatch.undo()
    assert pipeline.second.delivered == []
    assert pipeline.touch("hi").status == "queued"
    pipeline.send("second")
    assert pipeline.touch("hi").status == "sent"
