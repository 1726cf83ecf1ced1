"""Lists that can be followed: each new row, and each change of one, exactly once."""

from __future__ import annotations

from engine.ports import Receipt
from engine.services.reports.dispatch_log import DispatchLog, Inbox
from engine.store.reports.dispatch_log import TouchFilter
from tests.support.pipeline import AT_ONCE, LEAD, Pipeline


def told(rows: list) -> list[tuple[str, str, str]]:  # type: ignore[type-arg]  # rows have no type
    return [(each.customer, each.step, each.status) for each in rows]


def test_the_dispatch_log_ends_with_the_newest(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1", "c2")
    pipeline.wait_until(1)
    pipeline.work()
    log = DispatchLog(pipeline.engine, TouchFilter())
    assert told(log.last(10)) == [("c1", "d1", "sent"), ("c2", "d1", "sent")]
    assert told(log.last(1)) == [("c2", "d1", "sent")]


def test_a_follower_sees_a_touch_queued_retried_and_sent_each_once(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    log = DispatchLog(pipeline.engine, TouchFilter())
    assert log.last(10) == []
    pipeline.wait_until(1)
    pipeline.plan()
    assert told(log.changes()) == [("c1", "d1", "queued")]
    pipeline.log.answers = [Receipt("retry", "503")]
    pipeline.send()
    assert [(each.status, each.reason) for each in log.changes()] == [("queued", "retry")]
    pipeline.wait(hours=2)
    pipeline.send()
    assert told(log.changes()) == [("c1", "d1", "sent")]
    assert log.changes() == []


def test_a_follower_of_one_status_sees_a_touch_when_it_comes_to_it(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.plan()
    log = DispatchLog(pipeline.engine, TouchFilter(status="sent"))
    assert log.last(10) == []
    pipeline.send()
    assert told(log.changes()) == [("c1", "d1", "sent")]


def test_the_dispatch_log_by_customer_sop_channel_and_time(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD, AT_ONCE)
    pipeline.tag("c1", "c2")
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=2)
    pipeline.work()
    noon = pipeline.clock.at
    pipeline.wait_until(1)
    pipeline.work()

    def found(wanted: TouchFilter) -> list[tuple[str, str, str]]:
        return told(DispatchLog(pipeline.engine, wanted).last(10))

    assert found(TouchFilter(customer="c2")) == [("c2", "d1", "sent")]
    assert found(TouchFilter(sop="hello")) == [("c1", "hi", "sent")]
    assert len(found(TouchFilter(channel="log"))) == 3
    assert found(TouchFilter(channel="second")) == []
    assert [each[1] for each in found(TouchFilter(since=pipeline.clock.at))] == ["d1", "d1"]
    assert found(TouchFilter(until=pipeline.clock.at, since=noon)) == [("c1", "hi", "sent")]


def test_a_follower_of_the_inbox_sees_an_event_come_and_be_matched(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.post("before", "visit")
    inbox = Inbox(pipeline.engine, None)
    assert [each.subject for each in inbox.last(10)] == ["before"]
    pipeline.post("c1", "tag.added", tag="vip")
    assert [(each.subject, each.matched_at) for each in inbox.changes()] == [("c1", None)]
    pipeline.match_all()
    assert [(each.subject, bool(each.matched_at)) for each in inbox.changes()] == [("before", True), ("c1", True)]
    assert inbox.changes() == []


def test_the_inbox_of_one_customer(pipeline: Pipeline) -> None:
    pipeline.post("c1", "visit")
    inbox = Inbox(pipeline.engine, "c2")
    assert inbox.last(10) == []
    pipeline.post("c1", "visit")
    pipeline.post("c2", "visit")
    assert [each.subject for each in inbox.changes()] == ["c2"]
