"""Notices: what `do: notify` tells staff. They go out although the timeline may have ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Action, Notify, Sop
from engine.core.definitions.catalog import Definitions
from engine.core.delivery.content import body_of, template_context
from engine.core.delivery.reaching import defined_channels
from engine.core.errors import MissingValue, TemplateError
from engine.core.reasons import Reason
from engine.core.time.arithmetic import later
from engine.core.timelines.touch import Touch, touch_key

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
