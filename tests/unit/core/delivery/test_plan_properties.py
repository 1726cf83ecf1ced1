"""What holds of delivery whatever the steps are and whenever the planner looks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import NOON, a_customer, a_sop, definitions, hours, planned, started

_ACTIONS = [
    {"message": {"text": "您好"}}, {"message": {"text": "{{ customer.name }}"}}, {"do": [{"add_tag": "热"}]},
    {"message": {"text": "您好"}, "when": [{"tag": "X"}]}, {"task": {"to": "owner", "title": "回访"}},
]  # fmt: skip
_steps = st.lists(
    st.tuples(st.integers(-2, 12), st.sampled_from(["09:00", "10:00"]), st.sampled_from(_ACTIONS)),
    min_size=1,
    max_size=6,
).map(
    lambda chosen: [
        {"id": f"s{place}", "day": day, "at": clock, **action} for place, (day, clock, action) in enumerate(chosen)
    ]
)
_looks = st.lists(st.integers(0, 20 * 24), max_size=10).map(
    lambda chosen: [NOON + hours(each) for each in [*sorted(chosen), 24 * 40]]
)


@given(_steps, _looks, st.sampled_from(["Asia/Shanghai", "America/New_York"]))
def test_whenever_the_planner_looks(steps: list[dict[str, Any]], looks: list[datetime], zone_name: str) -> None:
    """A touch is never planned before its due time or after its limit; each step once; planning again plans nothing new."""
    known, customer = definitions(a_sop(steps=steps)), a_customer(timezone=zone_name)
    timeline = started(customer, known)
    touches = []
    for now in looks:
        while timeline.active and timeline.due_at is not None and timeline.due_at <= now:
            result = planned(timeline, customer, known, now)
            touches += result.touches
            assert all(each.due_at <= now for each in result.touches)
            assert all(now < each.limit for each in result.touches if each.status == "queued")
        assert planned(timeline, customer, known, now).touches == []
    assert sorted(each.step for each in touches) == sorted(step["id"] for step in steps)
    assert not timeline.active or timeline.next_step is None
