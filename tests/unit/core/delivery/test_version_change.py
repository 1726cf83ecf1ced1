"""What a new generation does to timelines in flight: foreseen without changing anybody."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from engine.core.customers.customer import Customer
from engine.core.definitions import Sop
from engine.core.definitions.catalog import DecisionContext
from engine.core.delivery.version_change import TimelineChange, apply_version_change, fork, preview_version_change
from tests.support.builders import INSTALLATION, _read, a_customer, a_sop, a_timeline, at, definitions, started

STEPS = """
- {id: d1, day: 1, message: {text: 一}}
- {id: d3, day: 3, message: {text: 三}}
- {id: d8, day: 8, message: {text: 八}}
"""
OLD = a_sop(steps=_read(STEPS))
NOW = at("2026-03-03 12:00")
"""Two days after the anchor: d1 is had, d3 comes next."""


def somebody(*had: str, **fields_: Any) -> Customer:
    customer = a_customer(stage="意向客户", **fields_)
    timeline = started(customer, definitions(OLD))
    timeline.had |= set(had)
    timeline.next_step, timeline.step_due = "d3", at("2026-03-04 10:00")
    timeline.due_at = timeline.step_due
    return customer


def changed(old: str, new: str, **more: Any) -> Sop:
    assert old in STEPS
    return a_sop(steps=_read(STEPS.replace(old, new)), **more)


def fate(after: Sop | None, customer: Customer | None = None, *, has_unmatched_events: bool = False) -> TimelineChange:
    known = definitions(*([after] if after else []))
    (found,) = preview_version_change(
        customer or somebody("d1"),
        definitions(OLD),
        DecisionContext(known, NOW, INSTALLATION),
        has_unmatched_events=has_unmatched_events,
    )[1]
    return found


D8 = "- {id: d8"


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        (OLD, {"to_come": ("d3", "d8")}),
        (changed("message: {text: 八}", "message: {text: 新}"), {"to_come": ("d3", "d8")}),
        (changed("day: 8", "day: 9"), {"to_come": ("d3", "d8"), "moves": ("d8",)}),
        (changed(D8, "- {id: d5, day: 5, message: {text: 五}}\n- {id: d8"), {"to_come": ("d3", "d5", "d8"), "gets": ("d5",)}),
        (changed(D8, "- {id: d2, day: 2, message: {text: 二}}\n- {id: d8"), {"to_come": ("d3", "d8"), "passed": ("d2",)}),
        (changed("day: 8", "day: 1"), {"to_come": ("d3",), "passed": ("d8",)}),
        (changed("- {id: d8, day: 8, message: {text: 八}}", ""), {"to_come": ("d3",), "loses": ("d8",)}),
        (changed("- {id: d1, day: 1, message: {text: 一}}\n", ""), {"to_come": ("d3", "d8")}),
        (changed("id: d8", "id: d9"), {"to_come": ("d3", "d9"), "gets": ("d9",), "loses": ("d8",)}),
    ],
)  # fmt: skip
def test_steps_not_yet_had_come_from_the_new_version(after: Sop, wanted: dict[str, tuple[str, ...]]) -> None:
    assert fate(after) == TimelineChange("lead", "d3", **wanted)  # type: ignore[arg-type]  # the fields that are tuples


def test_a_removed_sop_ends_them() -> None:
    assert fate(None) == TimelineChange("lead", "d3", ended="sop_removed")


@pytest.mark.parametrize(("stage", "ended"), [("意向客户", None), ("成交客户", "while_ended")])
def test_a_while_that_does_not_hold_ends_them_at_once(stage: str, ended: str | None) -> None:
    customer = somebody("d1")
    customer.dimensions["stage"].value = stage
    assert fate(a_sop({"while": [{"not": {"is": {"stage": "成交客户"}}}]}), customer).ended == ended


def test_a_while_is_not_asked_while_events_wait() -> None:
    assert fate(a_sop({"while": [{"tag": "x"}]}), has_unmatched_events=True).ended is None


def test_an_unknown_while_ends_nobody() -> None:
    assert fate(a_sop({"while": [{"attr": {"budget": {"gte": 1}}}]})).ended is None


def test_one_that_asks_for_a_removed_sop_ends_with_it() -> None:
    customer = somebody("d1")
    other = a_sop({"sop": "other", "while": [{"in_sop": "lead"}]})
    customer.timelines.append(a_timeline(other, NOW))
    apply_version_change(customer, DecisionContext(definitions(other), NOW, INSTALLATION))
    assert [(each.sop, each.reason) for each in customer.timelines] == [
        ("lead", "sop_removed"),
        ("other", "while_ended"),
    ]


def test_foreseeing_changes_nobody() -> None:
    customer = somebody("d1", attributes={"name": "王"})
    before = {each.name: repr(getattr(customer, each.name)) for each in fields(customer)}
    found, _ = preview_version_change(
        customer, definitions(OLD), DecisionContext(definitions(), NOW, INSTALLATION), has_unmatched_events=False
    )
    found.attributes["name"] = "李"
    found.dimensions["stage"].value = "成交客户"
    found.timelines[0].had.add("d8")
    assert {each.name: repr(getattr(customer, each.name)) for each in fields(customer)} == before


def test_a_fork_is_the_same_customer() -> None:
    customer = somebody("d1", attributes={"name": "王"}, opt_outs={"sms"})
    assert fork(customer) == customer
    assert fork(customer) is not customer
