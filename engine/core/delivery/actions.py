"""What `do` makes: engine-made events with deterministic ids, which the matcher applies like any other, and notices to staff."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine.core.conditions.trace import plain
from engine.core.definitions import Action, Notify
from engine.core.delivery.channels import defined_channels
from engine.core.delivery.content import body_of, template_context
from engine.core.delivery.scene import Scene
from engine.core.errors import MissingValue, TemplateError
from engine.core.events.event import END, ENGINE_SOURCE, START, Event
from engine.core.reasons import Reason
from engine.core.stored_sentence import shortened
from engine.core.time.arithmetic import later
from engine.core.timelines.touch import Touch


@dataclass(frozen=True, slots=True)
class Occasion:
    """Where a `do` stands and when it is carried out."""

    place: str
    """Where the actions are written, such as `steps/done`: part of the ids of their events."""
    step: str
    """What their notices are called after."""
    at: datetime
    """The time their events bear."""
    depth: int
    """How many SOPs have set each other off before."""


def carry_out(actions: Sequence[Action], scene: Scene, occasion: Occasion) -> tuple[list[Event], list[Touch]]:
    """Return what these actions make: events of the engine, and notices to staff as touches.

    Ids and keys are functions of the timeline's identity, the place and their number, so doing it twice is doing it once.
    """
    return _events(actions, scene, occasion), _notices(actions, scene, occasion.step)


def _events(actions: Iterable[Action], scene: Scene, occasion: Occasion) -> list[Event]:
    timeline, customer, place = scene.timeline, scene.customer, occasion.place
    made = [one for action in actions for one in _of(action)]
    origin = f"{timeline.sop}:{timeline.key}:{timeline.start_id}:{customer.ref}"
    path = [*(timeline.event.get("path") or []), timeline.sop]
    return [
        Event(
            ENGINE_SOURCE, f"{origin}:{place}:{number}", kind, customer.ref, occasion.at, scene.now, data,
            depth=occasion.depth + 1, cause={"sop": timeline.sop, "place": place, "path": path},
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


NOTICE = "notice"

_KEPT = timedelta(hours=36)
"""A notice that could not be sent for so long is not sent any more."""


def _notices(actions: Iterable[Action], scene: Scene, step: str) -> list[Touch]:
    """Return the notices among these actions as touches `<step>.notify<number>`; none from the comparison group."""
    written = [each.notify for each in actions if each.notify is not None and not scene.timeline.holdout]
    return [_notice(each, f"{step}.notify{number}", scene) for number, each in enumerate(written, 1)]


def _notice(notify: Notify, step: str, scene: Scene) -> Touch:
    customer, now = scene.customer, scene.now
    limit = later(now, _KEPT)
    touch = Touch(scene.timeline, step, NOTICE, "queued", now, limit, scene.key(step), scene.version)
    written = notify.channel or scene.sop.defaults.channel or ()
    channels = defined_channels(written, customer, scene.definitions)
    if not channels:
        return touch.skip(Reason.CHANNEL_REMOVED, ", ".join(written))
    touch.channel = channels[0]
    try:
        touch.body = body_of(notify, template_context(scene, step), customer, now)
    except MissingValue as error:
        return touch.skip(Reason.MISSING_VALUE, shortened(error.message))
    except TemplateError as error:
        return touch.skip(Reason.TEMPLATE_ERROR, shortened(error.message))
    return touch
