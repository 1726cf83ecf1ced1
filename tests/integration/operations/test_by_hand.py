"""By hand: starting an SOP, cancelling a timeline, opting a customer out. The engine decides; the audit says who asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.core.errors import NotFound, SopError
from engine.services.operations.start import ManualStart
from tests.support.operating import WHO, audited, operations
from tests.support.pipeline import AT_ONCE, LEAD, START, Pipeline

CHOOSY = """
sop: choosy
title: 有条件
trigger: [{tag_added: never}]
when: [{tag: 意向}]
key: event.data.order
reentry: never
defaults: {at: "10:00", channel: log}
steps: [{id: d1, day: 1, message: {text: "订单 {{ event.data.order }}"}}]
"""


def known(pipeline: Pipeline, *customers: str) -> None:
    """Have the engine know customers."""
    for each in customers:
        pipeline.post(each, "visit")
    pipeline.match_all()


# ── starting ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_start_by_hand_counts_its_days_from_now(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    known(pipeline, "c1")
    asked = operations(pipeline).starter.start(ManualStart("lead", "c1"), WHO)
    pipeline.match_all()
    outcome = pipeline.event(asked.event).outcome
    assert [(each["sop"], each["path"]) for each in outcome["started"]] == [("lead", "by_hand")]
    pipeline.wait_until(1)
    pipeline.work()
    assert pipeline.log.steps == [("c1", "d1")]


def test_days_can_count_from_another_moment_and_what_lies_before_is_not_sent(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    known(pipeline, "c1")
    operations(pipeline).starter.start(ManualStart("lead", "c1", anchor=START - timedelta(days=2)), WHO)
    pipeline.wait_until(1)
    pipeline.work()
    assert pipeline.told() == [("d1", "skipped", "before_start"), ("d3", "sent", None)]


def test_conditions_decide_as_for_any_start_and_the_refusal_names_the_one_that_decided(pipeline: Pipeline) -> None:
    pipeline.apply(CHOOSY)
    known(pipeline, "c1")
    asked = operations(pipeline).starter.start(ManualStart("choosy", "c1", data={"order": "A1"}), WHO)
    pipeline.match_all()
    (refused,) = pipeline.event(asked.event).outcome["refused"]
    assert refused["reason"] == "condition"
    assert refused["trace"][0]["path"] == "when/0/tag"
    assert pipeline.timelines() == []


def test_what_the_event_would_bring_serves_key_and_texts(pipeline: Pipeline) -> None:
    pipeline.apply(CHOOSY)
    pipeline.post("c1", "tag.added", tag="意向")
    operations(pipeline).starter.start(ManualStart("choosy", "c1", data={"order": "A1"}), WHO)
    operations(pipeline).starter.start(ManualStart("choosy", "c1", data={"order": "A2"}, key="k"), WHO)
    pipeline.match_all()
    assert [each.key for each in pipeline.timelines()] == ["A1", "A2"]
    pipeline.wait_until(1)
    pipeline.work()
    assert [each.body["text"] for each in pipeline.log.delivered] == ["订单 A1", "订单 A2"]


def test_asked_again_under_the_same_key_it_is_the_same_start(pipeline: Pipeline) -> None:
    pipeline.apply(AT_ONCE)
    known(pipeline, "c1")
    first = operations(pipeline).starter.start(ManualStart("hello", "c1", key="k-1"), WHO)
    pipeline.wait(minutes=5)
    again = operations(pipeline).starter.start(ManualStart("hello", "c1", key="k-1"), WHO)
    other = operations(pipeline).starter.start(ManualStart("hello", "c1", key="k-1"), "key:7")
    assert (again.event, again.changed, other.changed) == (first.event, False, True)
    assert [each["who"] for each in audited(pipeline, "start")] == [WHO, "key:7"]


def test_a_start_is_audited_with_customer_and_event(pipeline: Pipeline) -> None:
    pipeline.apply(AT_ONCE)
    known(pipeline, "c1")
    asked = operations(pipeline).starter.start(ManualStart("hello", "c1"), WHO)
    assert audited(pipeline, "start") == [{"who": WHO, "customer": "c1", "event": asked.event, "sop": "hello"}]


@pytest.mark.parametrize(
    ("sop", "customer", "data", "said"),
    [
        ("helo", "c1", {}, "no SOP `helo` is in force. Did you mean `hello`?"),
        ("hello", "c11", {}, "no event ever named the customer `c11`. Did you mean `c1`?"),
        ("hello", "c1", {"trigger": "x"}, "data.trigger cannot be given by hand"),
    ],
)
def test_what_cannot_be_started_is_refused_and_leaves_nothing(
    pipeline: Pipeline, sop: str, customer: str, data: dict[str, str], said: str
) -> None:
    pipeline.apply(AT_ONCE)
    known(pipeline, "c1")
    with pytest.raises(SopError) as refused:
        operations(pipeline).starter.start(ManualStart(sop, customer, data=data), WHO)
    assert str(refused.value).startswith(said)
    assert pipeline.match_all() == 0
    assert audited(pipeline, "start") == []


# ── cancelling ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cancelled_timeline_ends_and_its_waiting_touches_are_called_back(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.plan()
    timeline = pipeline.timeline().id
    told = operations(pipeline).canceller.cancel(timeline, WHO, "asked on the phone")
    assert (told.changed, told.customer, told.sop, told.called_back) == (True, "c1", "lead", 1)
    pipeline.work()
    ended = pipeline.timeline()
    assert (ended.state, ended.reason, ended.detail) == ("cancelled", "by_hand", "asked on the phone")
    assert pipeline.told() == [("d1", "cancelled", "timeline_ended")]


def test_cancelling_what_has_ended_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.post("c1", "message.received", text="预约")
    pipeline.match_all()
    told = operations(pipeline).canceller.cancel(pipeline.timeline().id, WHO)
    assert (told.changed, told.state) == (False, "exited")
    assert pipeline.timeline().reason == "exit"
    assert audited(pipeline, "cancel") == []


def test_a_cancel_is_audited(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    timeline = pipeline.timeline().id
    operations(pipeline).canceller.cancel(timeline, WHO)
    (line,) = audited(pipeline, "cancel")
    assert (line["who"], line["timeline"], line["customer"], line["sop"]) == (WHO, timeline, "c1", "lead")


def test_an_id_that_no_timeline_has_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(NotFound, match="no timeline has the id 99"):
        operations(pipeline).canceller.cancel(99, WHO)


# ── opting out ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("channel", [None, "log"])
def test_who_is_opted_out_gets_nothing_not_even_what_waits(pipeline: Pipeline, channel: str | None) -> None:
    pipeline.apply(AT_ONCE)
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()
    told = operations(pipeline).opt_outs.opt("c1", WHO, channel=channel)
    assert (told.changed, [(each.sop, each.step) for each in told.waiting]) == (True, [("hello", "hi")])
    pipeline.work()
    assert pipeline.log.delivered == []
    assert pipeline.told() == [("hi", "cancelled", "opted_out")]


def test_opting_out_again_changes_nothing_and_opting_in_undoes_it(pipeline: Pipeline) -> None:
    pipeline.apply(AT_ONCE)
    known(pipeline, "c1")
    opting = operations(pipeline).opt_outs
    assert not opting.opt("c1", WHO, out=False).changed
    assert opting.opt("c1", WHO).changed
    pipeline.match_all()
    pipeline.wait(hours=1)
    assert not opting.opt("c1", WHO).changed
    assert not opting.opt("c1", WHO, channel="log").changed
    with pytest.raises(SopError, match="opted out of all channels"):
        opting.opt("c1", WHO, channel="log", out=False)
    assert opting.opt("c1", WHO, out=False).changed
    pipeline.match_all()
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=1)
    pipeline.work()
    assert pipeline.log.steps == [("c1", "hi")]
    assert [len(audited(pipeline, action)) for action in ("opt_out", "opt_in")] == [1, 1]


def test_opting_out_is_no_activity_of_the_customer(pipeline: Pipeline) -> None:
    pipeline.apply(AT_ONCE)
    known(pipeline, "c1")
    operations(pipeline).opt_outs.opt("c1", WHO)
    pipeline.match_all()
    assert [each.type for each in pipeline.rows("select type from activities")] == ["visit"]


@pytest.mark.parametrize(
    ("customer", "channel", "said"),
    [("c11", None, "no event ever named the customer `c11`. Did you mean `c1`?"), ("c1", "lok", "Did you mean `log`?")],
)
def test_a_name_that_leads_nowhere_is_answered_with_the_nearest(
    pipeline: Pipeline, customer: str, channel: str | None, said: str
) -> None:
    pipeline.apply(AT_ONCE)
    known(pipeline, "c1")
    with pytest.raises(NotFound) as refused:
        operations(pipeline).opt_outs.opt(customer, WHO, channel=channel)
    assert said in str(refused.value)
