"""Whatever the order in which activities arrive, and however often, clocks, levels and episodes come out the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.customers.customer import Customer
from engine.core.customers.silence import due_events
from engine.core.definitions.catalog import Definitions
from engine.core.events.event import Event
from tests.support.builders import a_customer, a_sop, an_engine, an_event, at, definitions, matched

BEGIN, END = at("2026-01-01 00:00"), at("2028-01-01 00:00")
KINDS = ("purchase", "visit", "message.received", "tag.added", "other")
CLOCKS = {
    "any": {"kinds": ["message.received", "purchase", "visit"]},
    "purchase": {"kinds": ["purchase"], "lifecycle": {"活跃期": 0, "沉默期": 64, "睡眠期": 127, "流失期": 366}},
}
ZONES = ("Asia/Shanghai", "America/New_York", "America/Santiago", "Atlantic/Azores", "Australia/Lord_Howe")
KNOWN = definitions(
    a_sop(sop="wake", trigger=[{"silent": {"clock": "any", "days": 30}}]), engine=an_engine(clocks=CLOCKS)
)

moments = st.integers(0, 500 * 24 * 60).map(lambda minutes: BEGIN + timedelta(minutes=minutes))
deeds = st.lists(st.tuples(st.sampled_from(KINDS), moments), min_size=1, max_size=12)
Crossing = tuple[str, int, str]


def event(kind: str, time: datetime, received: datetime, **fields: object) -> Event:
    data = (
        {"tag": "A"} if kind == "tag.added" else {"order": time.isoformat(), "amount": 1} if kind == "purchase" else {}
    )
    return an_event(kind, data, time=time, received=received, **fields)  # type: ignore[arg-type]  # fields of Event


def sweep(customer: Customer, known: Definitions, until: datetime) -> list[Crossing]:
    """Sweep and match at every crossing up to a moment; return those that were applied."""
    crossed = []
    while due := sorted(due_events(customer, until), key=lambda each: each.time):
        if "reason" not in matched(customer, due[0], known).outcome:
            crossed.append((due[0].data["clock"], due[0].data["days"], due[0].data["last_at"]))
    return crossed


def state(customer: Customer) -> dict[str, object]:
    clocks = {name: (fact.last_at, fact.active, fact.level, fact.next_at) for name, fact in customer.clocks.items()}
    return {**clocks, "lifecycle": customer.dimension("lifecycle"), "known since": customer.known_since}


def live(log: list[tuple[str, datetime]], zone_name: str) -> tuple[Customer, list[Crossing]]:
    """Live through the log: what happens is told at once, and every crossing is found when it comes."""
    customer, crossed = a_customer(timezone=zone_name), []
    for kind, time in sorted(log, key=lambda each: each[1]):
        crossed += sweep(customer, KNOWN, time)
        matched(customer, event(kind, time, time), KNOWN)
    return customer, crossed + sweep(customer, KNOWN, END)


@given(deeds, st.sampled_from(ZONES), st.randoms(use_true_random=False))
def test_the_same_events_waiting_together_leave_the_same_in_any_order_and_number(
    log: list[tuple[str, datetime]], zone_name: str, random: Random
) -> None:
    received = BEGIN + timedelta(days=501)
    orders = [sorted(log, key=lambda each: each[1]), random.sample(log, len(log)), random.sample(log * 2, len(log) * 2)]
    found = []
    for order in orders:
        customer = a_customer(timezone=zone_name)
        for kind, time in order:
            matched(customer, event(kind, time, received), KNOWN)
        found.append((sweep(customer, KNOWN, END), state(customer)))
    assert found[0] == found[1] == found[2]


@given(deeds, st.sampled_from(ZONES), st.randoms(use_true_random=False))
def test_however_late_and_between_which_sweeps_they_arrive_the_end_is_the_same(
    log: list[tuple[str, datetime]], zone_name: str, random: Random
) -> None:
    prompt, _ = live(log, zone_name)
    late = a_customer(timezone=zone_name)
    arrivals = [(time + timedelta(minutes=random.randint(0, 100 * 24 * 60)), kind, time) for kind, time in log]
    for received, kind, time in sorted(arrivals, key=lambda each: each[0]):
        sweep(late, KNOWN, received)
        before = {name: fact.last_at for name, fact in late.clocks.items() if fact.active}
        matched(late, event(kind, time, received), KNOWN)
        assert all(late.clocks[name].last_at >= last for name, last in before.items())
    sweep(late, KNOWN, END)
    assert state(late) == state(prompt)


@given(deeds, st.sampled_from(ZONES))
def test_events_told_again_later_make_no_second_episode(log: list[tuple[str, datetime]], zone_name: str) -> None:
    customer, crossed = live(log, zone_name)
    for kind, time in log:
        matched(customer, event(kind, time, END), KNOWN)
    assert sweep(customer, KNOWN, END) == []
    assert len(crossed) == len(set(crossed))


@given(deeds, st.sampled_from(ZONES))
@settings(max_examples=50)
def test_what_the_engine_makes_itself_never_counts(log: list[tuple[str, datetime]], zone_name: str) -> None:
    customer = a_customer(timezone=zone_name)
    for kind, time in log:
        matched(customer, event(kind, time, time, source="engine"), KNOWN)
    assert {name: fact.active for name, fact in customer.clocks.items()} == {"any": False}
