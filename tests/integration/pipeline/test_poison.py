"""The rule of poison (10): each part with a test that was seen to fail when the rule is broken."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from engine.adapters.hint_queue import RedisHintQueue
from engine.core.customers import facts
from engine.core.customers.customer import Customer
from engine.core.definitions import EngineConfig
from engine.core.events.event import Event
from engine.store.database import rows, transaction
from tests.support.interleaving import Killed, holding
from tests.support.pipeline import LEAD, Pipeline

# ── 10: poison ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch, witness: Engine) -> list[int]:
    """Events of type `poison` cannot be matched; the list tells, for each try, how many attempts stood in the database then."""
    attempts: list[int] = []

    def handler(_customer: Customer, event_: Event, _engine: EngineConfig) -> Any:
        with transaction(witness) as connection:
            attempts.append(rows(connection, "select attempts from events where id = :row", row=event_.row)[0].attempts)
        if event_.data.get("kills"):
            raise Killed
        raise ZeroDivisionError("cannot be matched")

    monkeypatch.setitem(facts._HANDLERS, "poison", handler)
    return attempts


def test_rule_10_a_poison_event_holds_up_nobody_and_becomes_a_dead_letter(
    pipeline: Pipeline, poison: list[int]
) -> None:
    """Seen failing with: the batch not retried one by one (nobody goes on); the attempt counted in the try's own transaction
    (its count is rolled back with the try)."""
    pipeline.apply(LEAD)
    bad = pipeline.post("c1", "poison")
    after = pipeline.post("c1", "tag.added", tag="vip")
    others = [pipeline.post(ref, "tag.added", tag="vip") for ref in ("c2", "c3")]
    pipeline.match()
    assert [pipeline.event(row).matched_at is not None for row in others] == [True, True]
    assert pipeline.event(after).matched_at is None
    pipeline.match_all()
    assert poison == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert [(letter.kind, letter.ref, letter.subject) for letter in pipeline.dead_letters()] == [
        ("event", str(bad), "c1")
    ]
    assert "cannot be matched" in pipeline.dead_letters()[0].error
    assert pipeline.event(bad).outcome["reason"] == "dead_letter"
    assert [each.ref for each in pipeline.timelines() if each.state == "active"] == ["c2", "c3", "c1"]


def test_rule_10_an_event_that_kills_the_matcher_becomes_a_dead_letter(pipeline: Pipeline, poison: list[int]) -> None:
    """Seen failing with: the attempt counted in the try's own transaction (it kills for ever); dead letters without `attempts >`."""
    pipeline.apply(LEAD)
    bad = pipeline.post("c1", "poison", kills=True)
    after = pipeline.post("c1", "tag.added", tag="vip")
    deaths = 0
    for number in range(20):
        heir = RedisHintQueue(pipeline.wiring.redis, f"heir {number}", claim_after_ms=0)
        hints = heir.take(500, 0) or heir.take(500, 0)
        try:
            pipeline.wiring.matcher.run_once(hints)
        except Killed:
            deaths += 1
    assert (deaths, poison) == (6, [0, 1, 2, 3, 4, 5])
    assert [letter.ref for letter in pipeline.dead_letters()] == [str(bad)]
    assert pipeline.event(after).outcome["started"]


def test_rule_10_a_try_that_was_not_made_does_not_count(pipeline: Pipeline, witness: Engine) -> None:
    """Seen failing with: attempts kept where another held the customer (a healthy event becomes a dead letter unseen)."""
    pipeline.apply(LEAD)
    pipeline.tag("c1", tag="other")
    row = pipeline.post("c1", "tag.added", tag="vip", hint=False)
    count = pipeline.wiring.matcher._try
    with holding(witness, "select 1 from customers for no key update"):
        pipeline.run("update events set attempts = 1 where id = :row", row=row)
        from engine.services.pipeline.match import MatchRound

        assert count("c1", row, 1, MatchRound()) is False
    assert pipeline.event(row).attempts == 0


def test_rule_10_a_timeline_that_cannot_be_planned_is_put_off_and_holds_up_nobody(pipeline: Pipeline) -> None:
    """Seen failing with: `defer_failed` doing nothing (it stays at the head of the queue: due again at once)."""
    pipeline.apply(LEAD)
    pipeline.tag("c1", "c2")
    pipeline.run("update timelines set event = '[1]' where id = 1")  # what no version of the engine ever wrote
    pipeline.wait_until(1)
    waits = []
    for _ in range(3):
        pipeline.plan()
        bad = pipeline.timelines()[0]
        waits.append(bad.due_at - pipeline.clock.at)
        pipeline.clock.at = bad.due_at
    assert [touch.ref for touch in pipeline.touches()] == ["c2"]
    assert waits == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert (bad.waiting, bad.attempts) == ("planning_failed", 3)
    assert "AttributeError" in bad.detail


def test_rule_10_a_timeline_that_cannot_be_planned_does_not_take_its_customers_others_along(pipeline: Pipeline) -> None:
    """Seen failing with: every due timeline of the customer put off together (they are due together again, the good one expires)."""
    pipeline.apply(LEAD, LEAD.replace("sop: lead", "sop: good"))
    pipeline.tag("c1")
    pipeline.run("update timelines set event = '[1]' where sop = 'lead'")
    pipeline.wait_until(1)
    pipeline.plan()
    assert [(touch.sop, touch.step) for touch in pipeline.touches()] == [("good", "d1")]
    assert {each.sop: each.waiting for each in pipeline.timelines()} == {"lead": "planning_failed", "good": None}


def test_rule_10_a_row_the_database_refuses_holds_up_nobody_either(pipeline: Pipeline) -> None:
    """Seen failing with: the batch not planned one by one after an error. (PostgreSQL's JSON takes no NUL.)"""
    bad = LEAD.replace("sop: lead", "sop: bad").replace("tag_added: vip", "tag_added: bad").replace("第一天", '"\\0"')
    pipeline.apply(LEAD, bad)
    pipeline.tag("c1", tag="bad")
    pipeline.tag("c1", "c2")
    pipeline.wait_until(1)
    pipeline.plan()
    assert [(touch.ref, touch.sop) for touch in pipeline.touches()] == [("c2", "lead"), ("c1", "lead")]
    assert {(each.ref, each.sop): each.waiting for each in pipeline.timelines()}["c1", "bad"] == "planning_failed"
