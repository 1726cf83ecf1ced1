"""What was queued and missed its hours: it waits for the next ones, or expires; its place under the caps moves along."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from engine.core.definitions.catalog import DecisionContext, DefinedSop, Definitions
from engine.core.delivery.reschedule import Queued, Rescheduled, reschedule
from tests.support.builders import a_customer, a_sop, an_engine, at

SOP = a_sop()
FOURTH = date(2026, 3, 4)


def again(now: datetime, *, limit: str = "2026-03-06 22:00", **engine: Any) -> tuple[Rescheduled, Queued]:
    """Hold a message anew that was due on 4 March at 10:00 and counts on that day."""
    known = Definitions(1, an_engine(**engine), {"lead": DefinedSop(SOP, 1)})
    customer = a_customer(counted={(FOURTH, "log"): 1})
    queued = Queued(
        7, customer, None, "lead", "d1", "message", "log", at("2026-03-04 10:00"), at(limit), counted_on=FOURTH
    )
    return reschedule(queued, DecisionContext(known, now)), queued


def test_at_night_it_waits_for_the_morning_and_counts_on_that_day() -> None:
    held, queued = again(at("2026-03-04 21:00"), quiet_hours=("21:00", "09:00"), caps=[{"max": 1, "per": "1d"}])
    assert (held.ready_at, held.counted_on, held.waited) == (at("2026-03-05 09:00"), date(2026, 3, 5), "quiet_hours")
    assert held.send_before == at("2026-03-05 21:00")
    assert queued.customer.counted == {(FOURTH, "log"): 0, (date(2026, 3, 5), "log"): 1}


def test_on_the_next_day_with_room_it_may_go_out_at_once() -> None:
    held, _ = again(at("2026-03-05 00:00"), caps=[{"max": 1, "per": "1d"}])
    assert (held.ready_at, held.counted_on, held.expired) == (at("2026-03-05 00:00"), date(2026, 3, 5), False)


def test_what_nothing_lets_out_before_its_limit_expires_and_gives_up_its_place() -> None:
    held, queued = again(at("2026-03-04 21:00"), limit="2026-03-05 09:00", quiet_hours=("21:00", "09:00"))
    assert (held.expired, held.waited) == (True, "quiet_hours")
    assert queued.customer.counted == {(FOURTH, "log"): 0}
