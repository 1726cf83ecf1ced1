"""Falling back: a touch that was handed to staff and not confirmed in time goes over the next channel of its list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.core.definitions import Sop
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.delivery.channels import defined_channels, open_channels
from engine.core.delivery.gates import count
from engine.core.delivery.reschedule import Queued, Rescheduled, reschedule
from engine.core.timelines.touch import Touch, touch_key


@dataclass(frozen=True, slots=True)
class UnconfirmedTouch:
    """A touch that staff was handed and has not confirmed."""

    touch: Queued
    body: dict[str, Any]
    version: int
    variant: str | None
    fallback: int


def fallback_touch(unconfirmed: UnconfirmedTouch, context: DecisionContext) -> Touch | None:
    """Return the touch over the next channel; None where there is none, or its time is over: staff may still confirm.

    It waits like any other for days, hours and caps; the one it replaces does not stand in its way.
    """
    old, timeline = unconfirmed.touch, unconfirmed.touch.timeline
    sop = context.definitions.sop(old.sop)
    channel = _next_channel(old, sop, context.definitions) if sop is not None else None
    if sop is None or timeline is None or channel is None or context.now >= old.limit:
        return None
    step = next(each for each in sop.steps if each.id == old.step)
    _count(old, -1)  # the one it replaces does not stand in its way
    held = reschedule(_over(old, channel), context)
    if held.expired:
        _count(old, 1)
        return None
    number = unconfirmed.fallback + 1
    key = touch_key(context.installation, old.customer.ref, timeline, old.step, number)
    touch = Touch(timeline, old.step, old.kind, "queued", old.due_at, old.limit, key, unconfirmed.version)
    touch.channel, touch.body, touch.variant, touch.fallback = channel, unconfirmed.body, unconfirmed.variant, number
    touch.fallback_after = sop.fallback_of(step)
    _allow(touch, held)
    return touch


def _next_channel(old: Queued, sop: Sop, definitions: Definitions) -> str | None:
    """Return the channel after the one that was tried, among those the customer can be reached on."""
    step = next((each for each in sop.steps if each.id == old.step), None)
    if step is None:
        return None
    known = defined_channels(sop.channels_of(step), old.customer, definitions)
    rest = known[known.index(old.channel) + 1 :] if old.channel in known else []
    return next(iter(open_channels(rest, old.kind, old.customer)), None)


def _over(old: Queued, channel: str) -> Queued:
    """Return it over another channel, where it does not count yet."""
    return replace(old, channel=channel, counted_on=None)


def _count(old: Queued, number: int) -> None:
    if old.counted_on is not None:
        count(old.customer, old.counted_on, old.channel, number)


def _allow(touch: Touch, held: Rescheduled) -> None:
    touch.ready_at, touch.send_before = held.ready_at, held.send_before
    touch.counted_on, touch.delayed_by = held.counted_on, held.waited
