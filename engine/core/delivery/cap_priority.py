"""Who wants the room under a cap first: the customer's timelines of higher priority."""

from __future__ import annotations

from datetime import datetime

from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Sop
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.delivery.channels import defined_channels, open_channels
from engine.core.delivery.gates import RivalTouch, TouchCandidate, delay_by_calendar
from engine.core.timelines.due_step import DueStep
from engine.core.timelines.schedule import schedule
from engine.core.timelines.touch import DELAY_REASONS, FIXABLE_REASONS


def rival_touches(
    timeline: Timeline, customer: Customer, context: DecisionContext, *, due: bool = False
) -> list[RivalTouch]:
    """Return the messages that the customer's timelines of higher priority have still to send under the caps.

    Parameters:
        due: those that the planner has to look at by now, instead of those to come.
    """
    found: list[RivalTouch] = []
    for other in customer.due_timelines(context.now) if due else customer.active_timelines():
        sop = context.definitions.sop(other.sop)
        if sop is None or other.holdout or other.priority <= timeline.priority or other is timeline:
            continue
        for each in schedule(other, sop, customer, context.definitions):
            if each.step.kind != "message" or each.step.id in other.had or sop.exempt_from(each.step, "caps"):
                continue
            at = _comes(each, other, sop, customer, context.definitions)
            known = defined_channels(sop.channels_of(each.step), customer, context.definitions)
            channels = open_channels(known, "message", customer)
            if channels and (at <= context.now if due else context.now < at) and max(at, context.now) < each.limit:
                found.append(RivalTouch(at, other.sop, tuple(channels)))
    return found


def _comes(due: DueStep, timeline: Timeline, sop: Sop, customer: Customer, definitions: Definitions) -> datetime:
    """Return when the step can go out: at its time, or when what holds it back ends, and not in quiet hours."""
    waits = (
        timeline.next_step == due.step.id
        and timeline.waiting in DELAY_REASONS
        and timeline.waiting not in FIXABLE_REASONS
    )
    at = max(due.opens, timeline.due_at) if waits and timeline.due_at is not None else due.opens
    exempt = frozenset((*(sop.exempt or ()), *(due.step.exempt or ())))
    shut = delay_by_calendar(TouchCandidate(due.step.kind, due.due, customer, definitions, exempt), at)
    return shut.until if shut is not None else at
