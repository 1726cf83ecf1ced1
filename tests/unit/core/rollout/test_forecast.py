"""What goes out ahead, counted: by day in the zone, by channel, with weights; what waits and what is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.core.definitions.catalog import DecisionContext
from engine.core.playback.played import Playback
from engine.core.playback.run import play_one
from engine.core.rollout.forecast import SendTally, days_ahead, forecast_volume, seconds_to_send, self_starting
from engine.core.rollout.sample import CustomerSample, RolloutInput
from tests.support.builders import (
    INSTALLATION,
    NOON,
    SHANGHAI,
    _read,
    a_customer,
    a_sop,
    an_engine,
    at,
    definitions,
    started,
)

UNTIL = NOON + timedelta(days=14)
STEPS = """
- {id: d1, day: 1, at: "08:00", message: {text: 早}}
- {id: d2, day: 2, message: {text: 您好}, channel: sms}
- {id: d3, day: 3, do: [{add_tag: x}]}
- {id: d4, day: 4, message: {text: "{{ customer.attributes.budget }}"}}
"""


def played(**engine: Any) -> Playback:
    known = definitions(a_sop(steps=_read(STEPS)), engine=an_engine(**engine))
    customer = a_customer()
    started(customer, known)
    return play_one(customer, [], DecisionContext(known, NOON, INSTALLATION), UNTIL)


def tally(weight: float = 1.0, **engine: Any) -> SendTally:
    found = SendTally(SHANGHAI)
    found.add(played(**engine), weight)
    return found


def sent(found: SendTally) -> dict[tuple[str, str], float]:
    return {(f"{day:%m-%d}", channel): number for (day, channel), number in found.sent.items()}


def test_messages_are_counted_by_day_and_channel_and_the_engines_own_actions_are_not() -> None:
    assert sent(tally()) == {("03-02", "log"): 1, ("03-03", "sms"): 1}


def test_each_counts_for_the_customers_it_stands_for_and_can_be_taken_off_again() -> None:
    found = tally(2.5)
    assert sent(found) == {("03-02", "log"): 2.5, ("03-03", "sms"): 2.5}
    found.add(played(), -2.5)
    assert set(sent(found).values()) == {0}


def test_what_waits_for_a_gate_is_told_once_by_its_gate() -> None:
    found = tally(quiet_hours=["21:00", "09:00"])
    assert (dict(found.held), sent(found)[("03-02", "log")]) == ({"quiet_hours": 1}, 1)


def test_what_lacks_a_value_is_lost_for_that() -> None:
    assert dict(tally().lost) == {"missing_value": 1}


def test_what_a_cap_costs_is_told() -> None:
    found = tally(caps=[{"max": 1, "per": "7d"}])
    assert (sent(found), found.lost["cap"]) == ({("03-02", "log"): 1}, 1)


def test_the_busiest_minute_is_the_first_of_the_busiest() -> None:
    found = tally()
    found.add(played(), 2)
    assert found.peak("log") == (at("2026-03-02 08:00"), 3)
    assert found.peak("fax") is None


@pytest.mark.parametrize(
    ("rate", "seconds"), [("50/s", 2), ("10/m", 600), ("100/h", 3600), (None, None), ("fast", None), ("0/s", None)]
)
def test_how_long_a_peak_takes_follows_from_the_channels_rate(rate: str | None, seconds: float | None) -> None:
    assert seconds_to_send(100, rate) == seconds


def test_days_are_those_of_the_zone() -> None:
    late = at("2026-03-01 23:30")
    assert [day.day for day in days_ahead(late, late + timedelta(days=2), SHANGHAI)] == [1, 2, 3]
    assert [day.day for day in days_ahead(late, late + timedelta(days=1), "America/New_York")] == [1, 2]


@pytest.mark.parametrize(
    ("trigger", "starts"),
    [
        ("tag_added: x", False),
        ("silent: {clock: any, days: 3}", True),
        ("date: {attribute: due}", True),
        ('schedule: {cron: "0 9 * * *"}', True),
    ],
)
def test_time_alone_starts_some(trigger: str, starts: bool) -> None:
    assert self_starting(definitions(a_sop(trigger=[_read(trigger)]))) is starts


def change(before: Any, after: Any) -> RolloutInput:
    customer = a_customer()
    started(customer, definitions(before))
    return RolloutInput(definitions(before), definitions(after), NOON, INSTALLATION, {1: customer})


def test_both_sides_are_played_on_the_same_customers() -> None:
    found = forecast_volume(
        [CustomerSample(10, [1])],
        {},
        change(a_sop(), a_sop(steps=_read("- {id: d1, day: 2, message: {text: 您好}}"))),
        UNTIL,
    )
    assert (sent(found.before), sent(found.after)) == ({("03-02", "log"): 10}, {("03-03", "log"): 10})
    assert (found.customers, found.looked_at) == (10, 1)


def test_playing_leaves_the_customers_as_they_are() -> None:
    both = change(a_sop(), a_sop())
    before = repr(both.customers[1])
    forecast_volume([CustomerSample(1, [1])], {}, both, UNTIL)
    assert repr(both.customers[1]) == before


def test_who_joins_adds_what_joining_brings_on_the_day_there_is_room() -> None:
    lead = a_sop()
    club = a_sop({"sop": "club", "existing": {"start": "now", "per_day": 2}})
    both = RolloutInput(definitions(lead), definitions(lead, club), NOON, INSTALLATION, {
        number: a_customer(["装修意向"], ref=f"c-{number}", id=number) for number in range(1, 6)
    })  # fmt: skip
    found = forecast_volume([], {"club": CustomerSample(5, [1, 2, 3, 4, 5])}, both, UNTIL)
    assert sent(found.before) == {}
    assert sent(found.after) == {("03-02", "log"): 2, ("03-03", "log"): 2, ("03-04", "log"): 1}
