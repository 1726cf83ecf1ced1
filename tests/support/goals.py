"""What tests of goals share: an SOP with a goal, purchases, and how its timelines ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.store.database import Row
from tests.support.pipeline import START, Pipeline

GOAL = "{event: {type: purchase}, within: 30d}"
THANKS = """
sop: thanks
title: 致谢
trigger: [{tag_added: never}]
steps: [{id: t, after: 1h, channel: log, message: {text: 谢谢}}]
"""


def lead(goal: str = GOAL, *more: str) -> str:
    """An SOP with this goal and these further lines."""
    lines = [
        "sop: lead",
        "title: 培育",
        "trigger: [{tag_added: vip}]",
        f"goal: {goal}",
        'defaults: {at: "10:00", channel: log}',
        *more,
    ]
    steps = "steps: [{id: d1, day: 1, message: {text: 第一天}}, {id: d3, day: 3, message: {text: 第三天}}]"
    return "\n".join([*lines, *([] if any(each.startswith("steps:") for each in more) else [steps])]) + "\n"


def days(number: float) -> datetime:
    return START + timedelta(days=number)


def buy(pipeline: Pipeline, at: datetime | None = None, subject: str = "c1", **data: object) -> Row:
    """Post a purchase, have it matched, and return the event as it is then."""
    row = pipeline.post(subject, "purchase", at=at, **({"order": "A", "amount": 1} | data))
    pipeline.match_all()
    return pipeline.event(row)


def complete(pipeline: Pipeline) -> None:
    """Send both steps, until the timeline is through."""
    for day in (1, 3):
        pipeline.wait_until(day)
        pipeline.work()
    pipeline.wait(hours=2)
    pipeline.work()
    assert pipeline.timeline().state == "completed"


def ends(pipeline: Pipeline) -> list[tuple[str, str | None, datetime | None]]:
    """State, reason and conversion of each timeline, in order of start."""
    return [(each.state, each.reason, each.converted_at) for each in pipeline.timelines()]
