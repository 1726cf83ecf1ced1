"""What `do` makes: engine-made events with deterministic ids, which the matcher applies like any other."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.definitions import Action
from engine.core.definitions.catalog import DecisionContext
from engine.core.delivery.actions import Occasion, carry_out
from engine.core.delivery.scene import Scene
from engine.core.events.event import END, ENGINE_SOURCE, START, Event
from tests.support.builders import NOON, a_customer, a_sop, a_timeline, definitions, hours


def made(
    *actions: dict[str, Any], place: str = "steps/done", ref: str = "c-1", sop: str = "lead", **timeline: Any
) -> list[Event]:
    defined = a_sop(sop=sop)
    context = DecisionContext(definitions(defined), NOON + hours(1))
    scene = Scene(a_timeline(defined, **timeline), defined, a_customer(ref=ref), context)
    events, _ = carry_out(
        [Action.model_validate(each) for each in actions], scene, Occasion(place, "done", at=NOON, depth=2)
    )
    return events


@pytest.mark.parametrize(
    ("action", "wanted"),
    [
        ({"add_tag": ["A", "B"]}, [("tag.added", {"tag": "A"}), ("tag.added", {"tag": "B"})]),
        ({"remove_tag": "A"}, [("tag.removed", {"tag": "A"})]),
        ({"set": {"stage": "意向客户"}}, [("stage.changed", {"dimension": "stage", "value": "意向客户"})]),
        ({"start": "booking"}, [(START, {"sop": "booking"})]),
        ({"exit": "booking"}, [(END, {"sop": "booking"})]),
    ],
)
def test_each_action_is_an_event(action: dict[str, Any], wanted: list[tuple[str, dict[str, Any]]]) -> None:
    assert [(each.type, each.data) for each in made(action)] == wanted


def test_every_action_makes_something() -> None:
    assert {"add_tag", "remove_tag", "set", "attr", "start", "exit", "notify"} == set(Action.keys())


def test_they_are_the_customers_own_and_go_one_deeper() -> None:
    (event,) = made({"add_tag": "A"}, event={"type": START, "data": {}, "path": ["first"]})
    assert (event.source, event.subject, event.time, event.received_at) == (ENGINE_SOURCE, "c-1", NOON, NOON + hours(1))
    assert (event.depth, event.cause) == (3, {"sop": "lead", "place": "steps/done", "path": ["first", "lead"]})


def test_doing_it_twice_is_doing_it_once() -> None:
    """Ids are functions of the timeline's identity, the place and their number, never of a row."""
    assert made({"add_tag": "A"}, id=1) == made({"add_tag": "A"}, id=2)


def test_everything_else_makes_another_id() -> None:
    tag = {"add_tag": ["A"]}
    several = [
        made(tag), made(tag, place="steps/other"), made(tag, ref="c-2"), made(tag, sop="other"), made(tag, key="k"),
        made(tag, start_id="crm/2"), made(tag, tag)[1:],
    ]  # fmt: skip
    assert len({event.id for made_ in several for event in made_}) == len(several)
