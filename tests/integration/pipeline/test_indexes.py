"""Indexes serve the order they are read in (rule 4): each with a test that was seen to fail when the rule is broken."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.support.pipeline import LEAD, START, Pipeline, many

# ── 4: indexes serve the order they are read in ──────────────────────────────────────────────────────────────


def explained(engine: Engine, work: Any, *, marker: str) -> str:
    """Return the plan of the statement with this marker that `work` runs, as EXPLAIN tells it."""
    found: list[str] = []

    def on_statement(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if marker in statement and not found:
            found.append("")
            cursor.execute("explain " + statement, parameters)
            found[0] = "\n".join(row[0] for row in cursor.fetchall())

    event.listen(engine, "before_cursor_execute", on_statement)
    try:
        work()
    finally:
        event.remove(engine, "before_cursor_execute", on_statement)
    return found[0]


@pytest.mark.parametrize("waiting", [0, 5000])
def test_rule_4_due_timelines_are_read_in_the_order_of_their_index(pipeline: Pipeline, waiting: int) -> None:
    """Seen failing with: `timelines_due` dropped; with it on `due_at` alone (an Incremental Sort for each batch)."""
    pipeline.apply(LEAD)
    many(pipeline, 20_000)
    pipeline.run(
        """insert into events (source, event_id, type, subject, time, received_at, body_hash)
           select 'crm', ref, 'visit', ref, :at, :at, '' from customers limit :waiting""",
        at=START,
        waiting=waiting,
    )
    pipeline.run("analyze")
    pipeline.wait_until(1)
    plan = explained(pipeline.engine, pipeline.wiring.planner.run_once, marker="of c skip locked")
    assert "Sort" not in plan, plan
    assert "Index Scan using timelines_due" in plan, plan


def test_rule_4_ready_touches_are_read_in_the_order_of_their_index(pipeline: Pipeline) -> None:
    """Seen failing with: `touches_queued` dropped; with it on `(channel, ready_at)` alone."""
    pipeline.apply(LEAD)
    many(pipeline, 20_000)
    pipeline.run(
        """insert into touches (timeline_id, customer_id, sop, version, step, kind, channel, status, due_at, planned_at, ready_at,
                                send_before, limit_at, key, body)
           select id, customer_id, sop, 1, 'd1', 'message', 'log', 'queued', due_at, due_at, due_at,
                  due_at + interval '1 day', due_at + interval '1 day',
                  start_id, '{}' from timelines"""
    )
    pipeline.run("analyze")
    pipeline.wait_until(1)
    plan = explained(
        pipeline.engine, lambda: pipeline.wiring.sender.run_once(pipeline.log), marker="for update skip locked"
    )
    assert "Sort" not in plan, plan
    assert "Index Scan using touches_queued" in plan, plan
