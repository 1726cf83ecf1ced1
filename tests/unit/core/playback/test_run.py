"""The virtual clock: customers known already are played on from where they are."""

from __future__ import annotations

from typing import Any

from engine.core.customers.customer import Customer
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.events.event import Event
from engine.core.playback.played import Playback
from engine.core.playback.run import play, play_on, play_one
from tests.support.builders import INSTALLATION, a_customer, a_sop, a_timeline, an_event, at, definitions

LEAD = a_sop(
    steps=[{"id": "d1", "day": 1, "message": {"text": "一"}}, {"id": "d3", "day": 3, "message": {"text": "三"}}],
    exit=[{"tag_removed": "装修意向"}],
)
END = at("2026-04-10 00:00")


def told(played: Playback) -> list[tuple[str, str, str, str, Any]]:
    return [
        (each.customer, each.touch.timeline.sop, each.touch.step, each.touch.status, each.at) for each in played.touches
    ]


def known(*sops: Any) -> Definitions:
    return definitions(*(sops or (LEAD,)))


def tagged(day: str, ref: str = "c-1", tag: str = "装修意向") -> Event:
    return an_event("tag.added", {"tag": tag}, time=at(f"{day} 12:00"), subject=ref)


def test_stopped_at_any_day_and_played_on_it_is_the_same() -> None:
    events = [tagged("2026-03-01"), an_event("tag.removed", time=at("2026-03-03 12:00"))]
    whole = told(play(events, known(), END, INSTALLATION))
    assert [each[2:4] for each in whole] == [("d1", "queued")]
    for day in range(1, 6):
        stop, customer = at(f"2026-03-0{day} 15:00"), Customer("c-1")
        before = play_one(
            customer,
            [each for each in events if each.time <= stop],
            DecisionContext(known(), events[0].time, INSTALLATION),
            stop,
        )
        after = play_on(
            [customer], [each for each in events if each.time > stop], DecisionContext(known(), stop, INSTALLATION), END
        )
        assert told(before) + told(after) == whole


def test_a_step_had_already_is_not_had_again() -> None:
    customer = a_customer(tags=["装修意向"])
    customer.timelines.append(
        a_timeline(LEAD, anchor=at("2026-03-01 12:00"), had={"d1"}, due_at=at("2026-03-04 10:00"))
    )
    played = play_on([customer], [], DecisionContext(known(), at("2026-03-02 11:00"), INSTALLATION), END)
    assert [(each.touch.step, each.at) for each in played.touches] == [("d3", at("2026-03-04 10:00"))]
    assert [each.state for _, each in played.timelines] == ["completed"]


def test_what_is_overdue_is_looked_at_now_and_what_is_on_its_way_counts_as_arrived() -> None:
    customer = a_customer(tags=["装修意向"])
    customer.timelines.append(
        a_timeline(
            LEAD, anchor=at("2026-03-01 12:00"), had={"d1", "d3"}, open_touches=True, due_at=at("2026-03-04 10:00")
        )
    )
    played = play_on([customer], [], DecisionContext(known(), at("2026-03-05 11:00"), INSTALLATION), END)
    assert [(each.state, each.ended_at) for _, each in played.timelines] == [("completed", at("2026-03-05 11:00"))]


def test_others_than_those_given_are_new_and_come_in_order_of_their_ref() -> None:
    old = a_customer(ref="c-2")
    events = [tagged("2026-03-01", "c-3"), tagged("2026-03-01", "c-2"), tagged("2026-03-01", "c-1")]
    played = play_on([old], events, DecisionContext(known(), at("2026-03-01 10:00"), INSTALLATION), END)
    assert [each[0] for each in told(played)] == ["c-1", "c-1", "c-2", "c-2", "c-3", "c-3"]


def test_dates_and_schedules_before_now_are_over() -> None:
    weekly = a_sop(
        sop="weekly",
        trigger=[{"schedule": {"cron": "0 9 * * MON"}}],
        steps=[{"id": "hi", "after": "1m", "message": {"text": "周一"}}],
    )
    played = play_on(
        [a_customer()], [], DecisionContext(known(weekly), at("2026-03-02 09:30"), INSTALLATION), at("2026-03-17 00:00")
    )
    assert [each[4] for each in told(played)] == [at("2026-03-09 09:01"), at("2026-03-16 09:01")]


def test_what_is_held_back_is_told_with_its_reason_and_until_when() -> None:
    sop = a_sop(steps=[{"id": "d1", "day": 1, "message": {"text": "{{ customer.name }} 您好"}}])
    events = [
        tagged("2026-03-01"),
        an_event("customer.updated", {"attributes": {"name": "王女士"}}, time=at("2026-03-02 15:00")),
    ]
    played = play(events, known(sop), END, INSTALLATION)
    (waited,) = played.waits
    assert (waited.customer, waited.step, waited.reason) == ("c-1", "d1", "missing_value")
    assert (waited.due_at, waited.at, waited.until) == (
        at("2026-03-02 10:00"), at("2026-03-02 10:00"), at("2026-03-03 22:00"),
    )  # fmt: skip
    assert [each[4] for each in told(played)] == [at("2026-03-02 15:00")]
