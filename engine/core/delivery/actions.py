"""What `do` makes: engine-made events with deterministic ids, which the matcher applies like any other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from engine.core.conditions.trace import plain
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Action, Notify, Sop
from engine.core.definitions.catalog import Definitions
from engine.core.delivery.content import body_of, defined_channels, template_context
from engine.core.errors import MissingValue, TemplateError
from engine.core.events.event import END, ENGINE_SOURCE, START, Event
from engine.core.reasons import Reason
from engine.core.time.arithmetic import later
from engine.core.timelines.touch import Touch, touch_key


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


NOTICE = "notice"

_KEPT = timedelta(hours=36)
"""A notice that could not be sent for so long is not sent any more."""


def notices(
    actions: Sequence[Action] | None,
    place: str,
    timeline: Timeline,
    sop: Sop,
    customer: Customer,
    definitions: Definitions,
    now: datetime,
    installation: str,
) -> list[Touch]:
    """Return the notices among these actions as touches `<place>.notify<number>`; none from the comparison group."""
    told = [action.notify for action in actions or () if action.notify is not None and not timeline.holdout]
    return [
        _notice(each, f"{place}.notify{number}", timeline, sop, customer, definitions, now, installation)
        for number, each in enumerate(told, 1)
    ]


def _notice(
    notify: Notify,
    step: str,
    timeline: Timeline,
    sop: Sop,
    customer: Customer,
    definitions: Definitions,
    now: datetime,
    installation: str,
) -> Touch:
    key = touch_key(installation, customer.ref, timeline, step)
    touch = Touch(timeline, step, NOTICE, "queued", now, later(now, _KEPT), key, definitions.sops[sop.sop].version)
    written = notify.channel or sop.defaults.channel or ()
    known = defined_channels(written, customer, definitions)
    if not known:
        return touch.skip(Reason.CHANNEL_REMOVED, ", ".join(written))
    touch.channel = known[0]
    try:
        touch.body = body_of(notify, template_context(customer, timeline, sop, step, definitions, now), customer, now)
    except MissingValue as error:
        return touch.skip(Reason.MISSING_VALUE, str(error)[:300])
    except TemplateError as error:
        return touch.skip(Reason.TEMPLATE_ERROR, str(error)[:300])
    return touch
