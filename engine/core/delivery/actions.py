"""What `do` makes: engine-made events with deterministic ids, which the matcher applies like any other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from engine.core.conditions.trace import plain
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Action
from engine.core.events.event import END, ENGINE_SOURCE, START, Event


def events(
    actions: Iterable[Action],
    timeline: Timeline,
    customer: Customer,
    place: str,
    at: datetime,
    now: datetime,
    depth: int,
) -> list[Event]:
    """Return the events that these actions stand for.

    `place` is where the actions are written (`steps/done`, `exit/0`); `at` the time the events bear, `now` their receipt.
    Their ids are functions of the timeline's identity, the place and their number, so doing it twice is doing it once.
    """
    made = [one for action in actions for one in _of(action)]
    origin = f"{timeline.sop}:{timeline.key}:{timeline.start_id}:{customer.ref}"
    path = [*(timeline.event.get("path") or []), timeline.sop]
    return [
        Event(
            ENGINE_SOURCE, f"{origin}:{place}:{number}", kind, customer.ref, at, now, data,
            depth=depth + 1, cause={"sop": timeline.sop, "place": place, "path": path},
        )
        for number, (kind, data) in enumerate(made)
    ]  # fmt: skip


def _of(action: Action) -> list[tuple[str, dict[str, Any]]]:
    if action.add_tag is not None:
        return [("tag.added", {"tag": tag}) for tag in action.add_tag]
    if action.remove_tag is not None:
        return [("tag.removed", {"tag": tag}) for tag in action.remove_tag]
    if action.set is not None:
        return [("stage.changed", {"dimension": name, "value": value}) for name, value in action.set.items()]
    if action.attr is not None:
        return [("customer.updated", {"attributes": {name: plain(value) for name, value in action.attr.items()}})]
    if action.start is not None:
        return [(START, {"sop": action.start})]
    return [(END, {"sop": action.exit})] if action.exit is not None else []
