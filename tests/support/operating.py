"""What tests of operating share: customers who came due under a pause, and the audit they leave."""

from __future__ import annotations

from typing import Any

from engine.operations import Operations
from engine.store.state.pauses import Scope
from tests.support.pipeline import Pipeline

WHO = "cli:test"
LEAD_SOP = Scope("sop", "lead")

PATIENT = """
sop: lead
title: 培育
trigger: [{tag_added: vip}]
defaults: {at: "10:00", channel: log, expires: 10d}
steps:
  - {id: d1, day: 1, message: {text: 第一天}}
  - {id: d3, day: 3, message: {text: 第三天}}
  - {id: d8, day: 8, message: {text: 第八天}}
  - {id: d20, day: 20, message: {text: 第二十天}}
"""


def operations(pipeline: Pipeline) -> Operations:
    return pipeline.wiring.operations


def park(pipeline: Pipeline) -> None:
    """Have the planner come to what is due under a pause."""
    assert pipeline.plan() == 0


def audited(pipeline: Pipeline, action: str) -> list[dict[str, Any]]:
    """Return who and detail of every audited line of this action, oldest first."""
    found = pipeline.rows("select who, detail from audit where action = :action order by id", action=action)
    return [{"who": row.who, **row.detail} for row in found]
