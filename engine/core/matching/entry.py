"""May this SOP start for this customer, and what does the start end?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.trace import Trace, plain
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Sop
from engine.core.definitions.catalog import DecisionContext
from engine.core.events.data import value_at
from engine.core.events.event import ENGINE_SOURCE, Event
from engine.core.reasons import Reason
from engine.core.timelines.holdout import held_out
from engine.core.timelines.schedule import goal_end, next_step, schedule, set_next_step


@dataclass(slots=True)
class EntryDecision:
    """The decision about one SOP whose trigger was hit."""

    sop: str
    version: int
    trigger: str
    """Path of the moment in the YAML, or `do` for an engine-made start."""
    reason: Reason | None = None
    """Why it was refused; None when it started."""
    detail: str | Mapping[str, Any] | None = None
    """A name, or values: since or until when, how old in seconds."""
    timeline: Timeline | None = None
    trace: list[dict[str, Any]] = field(default_factory=list)
    ended: list[Timeline] = field(default_factory=list)
    """Timelines that end because this one starts."""


def decide_entry(customer: Customer, sop: Sop, trigger: str, event: Event, context: DecisionContext) -> EntryDecision:
    """Decide whether `event` starts `sop` for the customer, and start it: the timeline is added to theirs.

    Parameters:
        trigger: path of the moment that was hit, or `do` or `by_hand` for a start that the engine made.
        context: definitions and moment of the decision.
    """
    decision = EntryDecision(sop.sop, context.definitions.sops[sop.sop].version, trigger)
    return EntryAttempt(customer, sop, event, context, decision).decide()


@dataclass(slots=True)
class EntryAttempt:
    """One customer at the door of one SOP. The checks go on until one refuses."""

    customer: Customer
    sop: Sop
    event: Event
    context: DecisionContext
    decision: EntryDecision
    key: str = ""
    """Of the timeline; empty for an SOP without one."""

    def decide(self) -> EntryDecision:
        """Return the decision, with the timeline started unless a check refuses."""
        for check in (
            self._check_key, self._check_acceptance, self._check_age, self._check_conditions, self._check_reentry,
            self._check_group,
        ):  # fmt: skip
            check()
            if self.decision.reason is not None:
                return self.decision
        self._enrol()
        return self.decision

    def _refuse(self, reason: Reason, detail: str | Mapping[str, Any] | None = None) -> None:
        self.decision.reason, self.decision.detail = reason, detail

    def _check_key(self) -> None:
        if self.sop.key is None:
            return
        value = value_at(self.event.data, self.sop.key.removeprefix("event.data."))
        if isinstance(value, (str, int, float)) and value != "":
            self.key = str(value)[:200]
        else:
            self._refuse(Reason.NO_KEY, self.sop.key)

    def _check_acceptance(self) -> None:
        if not self.sop.accept:
            self._refuse(Reason.NOT_ACCEPTING)

    def _check_age(self) -> None:
        event, limit = self.event, self.sop.max_event_age
        age = event.received_at - event.time
        if event.backfill:
            self._refuse(Reason.BACKFILL)
        elif event.source != ENGINE_SOURCE and age > limit:
            self._refuse(
                Reason.STALE_EVENT, {"age_seconds": age.total_seconds(), "limit_seconds": limit.total_seconds()}
            )

    def _check_conditions(self) -> None:
        event, trace = self.event, Trace()
        about = Context(self.customer, self.context.definitions, self.context.now, event.data, event.time)
        met = evaluate_all(self.sop.when, about, "when", trace)
        refusal = Reason.CONDITION
        if met is True:
            met = evaluate_all(self.sop.while_, about, "while", trace)
            refusal = Reason.WHILE_NOT_MET
        self.decision.trace = trace.entries
        if met is None:
            self._refuse(Reason.UNKNOWN, trace.unknown)
        elif met is False:
            self._refuse(refusal)

    def _check_reentry(self) -> None:
        sop, last = self.sop, self.customer.starts.get((self.sop.sop, self.key))
        running = [each for each in self.customer.active_timelines() if (each.sop, each.key) == (sop.sop, self.key)]
        cooldown = sop.reentry.cooldown
        if sop.reentry.mode == "never" and last is not None:
            self._refuse(Reason.ALREADY_HAD, plain(last))
        elif running and sop.reentry.mode != "restart":
            self._refuse(Reason.ALREADY_ACTIVE, {"since": plain(running[0].anchor)})
        elif cooldown and last is not None and self.event.time < last + cooldown:
            self._refuse(Reason.COOLDOWN, {"until": plain(last + cooldown)})
        else:
            self.decision.ended += running

    def _check_group(self) -> None:
        """At most one active timeline in a group: the new one replaces those of equal or lower priority."""
        if self.sop.group is None:
            return
        ended = self.decision.ended
        rivals = [
            each for each in self.customer.active_timelines() if each.group == self.sop.group and each not in ended
        ]
        higher = next((each for each in rivals if each.priority > self.sop.priority), None)
        if higher is not None:
            self._refuse(Reason.GROUP_BUSY, higher.sop)
            self.decision.ended = []
        else:
            ended += rivals

    def _enrol(self) -> None:
        """Start the timeline, and end those it takes the place of."""
        sop, event, customer = self.sop, self.event, self.customer
        for other in self.decision.ended:
            replaced = other.sop != sop.sop or other.key != self.key
            reason = Reason.REPLACED if replaced else Reason.RESTARTED
            other.end("exited", reason, self.context.now, sop.sop if replaced else None)
        timeline = self._timeline()
        timeline.goal_until = goal_end(sop, timeline.anchor)
        following = next_step(timeline, schedule(timeline, sop, customer, self.context.definitions))
        if following is not None:
            set_next_step(timeline, following)
        else:
            timeline.due_at = self.context.now
        customer.timelines.append(timeline)
        last = customer.starts.get((sop.sop, self.key))
        customer.starts[(sop.sop, self.key)] = max(last, event.time) if last else event.time
        self.decision.timeline = timeline

    def _timeline(self) -> Timeline:
        sop, event = self.sop, self.event
        origin = {"type": event.type, "time": plain(event.time), "data": event.data}
        if event.cause:
            origin["path"] = event.cause.get("path", [])
        return Timeline(
            sop.sop, self.decision.version, self.key, sop.group, sop.priority, _anchor(event), event.start_id, origin,
            depth=event.depth, changed=True, started_at=event.time, holdout=held_out(sop, self.customer.ref),
        )  # fmt: skip


def _anchor(event: Event) -> datetime:
    """Return the moment the steps count from: the event's time, or the one an engine-made start names."""
    named = event.data.get("anchor") if event.source == ENGINE_SOURCE else None
    return datetime.fromisoformat(named) if isinstance(named, str) else event.time
