"""What one event leads to, for a customer whose row is locked: facts, exits, triggers, in this order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.core.conditions.evaluate import broken_while
from engine.core.customers import facts, silence
from engine.core.customers.customer import Customer, Timeline
from engine.core.customers.facts import MomentOccurred
from engine.core.definitions import Sop
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.delivery.actions import Occasion, carry_out
from engine.core.delivery.scene import Scene
from engine.core.events.event import END, SILENT, START, Event
from engine.core.matching import existing_customers, schedules
from engine.core.matching.entry import decide_entry
from engine.core.matching.matched import Matched
from engine.core.matching.triggers import matches, reach
from engine.core.reasons import Reason
from engine.core.timelines.schedule import dates_vary


def match(customer: Customer, event: Event, context: DecisionContext) -> Matched:
    """Apply one event to the customer (in place) and return what it led to."""
    return MatchRun(customer, event, context, Matched(event)).run()


@dataclass(frozen=True, slots=True)
class MatchRun:
    """One event and the customer it is about, while it is matched."""

    customer: Customer
    event: Event
    context: DecisionContext
    matched: Matched

    def run(self) -> Matched:
        """Apply the event: those the engine made for one SOP, a crossing of silence, or facts."""
        if self.event.type == START:
            self._start_by_action()
        elif self.event.type == END:
            self._end_by_action()
        elif self.event.type == SILENT:
            self._match_silence()
        else:
            self._match_facts()
        outcome = self.matched.outcome
        if self.context.definitions.membership_watchers and ("started" in outcome or "exits" in outcome):
            self._end_by_membership()
        return self.matched

    def _match_facts(self) -> None:
        customer, event, definitions, matched = self.customer, self.event, self.context.definitions, self.matched
        timezone = customer.timezone
        changes = facts.apply(customer, event, definitions.engine, definitions.segments)
        clocks = silence.reset_clocks(customer, event, definitions)
        matched.changed = changes.changed
        if changes.dropped:
            matched.outcome["dropped"] = changes.dropped
        if changes.reason is not None:
            matched.outcome["reason"] = changes.reason
            if not clocks.clocks and not clocks.moments:
                return
        matched.moved = timezone != customer.timezone
        if matched.moved:
            clocks.moments += silence.schedule_all_crossings(customer, definitions, event.type)
        matched.changed = changes.changed or bool(clocks.clocks or clocks.moments)
        self._follow([*changes.moments, *clocks.moments], clocks.clocks)
        if changes.changed:
            self._look_again(everything=matched.moved)

    def _match_silence(self) -> None:
        """Apply a crossing that the sweep has found, if the customer is still as silent as it saw."""
        moments = silence.cross(self.customer, self.event, self.context.definitions)
        if moments is None:
            self.matched.outcome["reason"] = Reason.SUPERSEDED
            return
        self.matched.changed = True
        self._follow(moments, set())

    def _follow(self, moments: list[MomentOccurred], clocks: set[str]) -> None:
        """Let moments end and start timelines: exits first, then goals, then `while`, then triggers."""
        customer, matched = self.customer, self.matched
        running = customer.active_timelines()
        self._exits(moments)
        if clocks:
            self._end_silence(clocks)
        for timeline in reach(customer, running, self.event, moments, self.context):
            matched.changed = True
            matched.outcome.setdefault("goals", []).append({"sop": timeline.sop, "key": timeline.key, "path": "goal"})
        if matched.changed:
            self._while(customer.active_timelines())
        self._triggers(moments)

    # ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _end_silence(self, clocks: set[str]) -> None:
        """End the timelines that the silence of one of these clocks has started: activity ends the episode."""
        for timeline in self.customer.active_timelines():
            if timeline.event.get("type") in (SILENT, START) and timeline.event["data"].get("clock") in clocks:
                timeline.end("exited", Reason.ACTIVE_AGAIN, self.context.now)
                self.matched.end(timeline, "clock")

    def _exits(self, moments: list[MomentOccurred]) -> None:
        """End the timelines for which one of the moments is an exit, if it is not before their start."""
        definitions = self.context.definitions
        zone_name = definitions.zone_of(self.customer.timezone)
        for timeline in self.customer.active_timelines():
            sop = definitions.sop(timeline.sop)
            if sop is None or self.event.time < timeline.start:
                continue
            for index, way_out in enumerate(sop.exit):
                if any(matches(way_out, each, self.customer, zone_name) for each in moments):
                    self._leave(timeline, sop, index)
                    break

    def _leave(self, timeline: Timeline, sop: Sop, index: int) -> None:
        way_out, event = sop.exit[index], self.event
        timeline.end("exited", Reason.EXIT, self.context.now, way_out.as_)
        self.matched.end(timeline, f"exit/{index}/{way_out.kind}")
        if way_out.do:
            depth = max(event.depth, timeline.depth)
            occasion = Occasion(f"exit/{index}/{event.start_id}", f"exit{index}", event.time, depth)
            made, notices = carry_out(way_out.do, Scene(timeline, sop, self.customer, self.context), occasion)
            self.matched.made += made
            self.matched.notices += notices

    def _while(self, timelines: Iterable[Timeline]) -> bool:
        """End those of the timelines whose `while` no longer holds; unknown does not end one. Return whether one ended."""
        ended = False
        for timeline in timelines:
            sop = self.context.definitions.sop(timeline.sop)
            if sop is None or not sop.while_:
                continue
            trace = broken_while(timeline, sop, self.customer, self.context)
            if trace is not None:
                timeline.end("exited", Reason.WHILE_ENDED, self.context.now, trace.decided_at)
                self.matched.end(timeline, "while", trace.entries)
                ended = True
        return ended

    def _end_by_membership(self) -> None:
        """Being in an SOP is a fact as well: let starts and ends, and the ends they bring, end the timelines that ask for it."""
        watchers = self.context.definitions.membership_watchers
        ended = True
        while ended:
            ended = self._while([each for each in self.customer.active_timelines() if each.sop in watchers])

    # ── triggers ─────────────────────────────────────────────────────────────────────────────────────────────

    def _triggers(self, moments: Iterable[MomentOccurred]) -> None:
        """Decide about every SOP for which one of the moments is a trigger, each SOP once."""
        definitions = self.context.definitions
        zone_name = definitions.zone_of(self.customer.timezone)
        hit: dict[str, tuple[Sop, int]] = {}
        for moment in moments:
            for sop, index in _candidates(moment, definitions):
                if sop.sop not in hit and matches(sop.trigger[index], moment, self.customer, zone_name):
                    hit[sop.sop] = (sop, index)
        for sop, index in sorted(hit.values(), key=lambda each: (-each[0].priority, each[0].sop)):
            self._enter(sop, f"trigger/{index}/{sop.trigger[index].kind}")

    def _enter(self, sop: Sop, trigger: str) -> None:
        self.matched.enter(decide_entry(self.customer, sop, trigger, self.event, self.context))

    # ── starts and ends that the engine made ─────────────────────────────────────────────────────────────────

    def _start_by_action(self) -> None:
        data = self.event.data
        sop = self.context.definitions.sop(str(data.get("sop")))
        if sop is None:
            self.matched.outcome["reason"] = Reason.SOP_REMOVED
        elif not self._still_right(sop):
            self.matched.outcome["reason"] = Reason.SUPERSEDED
        else:
            self._enter(sop, str(data.get("trigger", "by_hand" if self.event.by_hand else "do")))

    def _still_right(self, sop: Sop) -> bool:
        """Return whether what an engine-made start was made for still is so, now that everything before it is matched."""
        customer, event, definitions = self.customer, self.event, self.context.definitions
        if existing_customers.JOINED in event.data:
            return existing_customers.is_still_met(customer, event, sop, definitions)
        return "trigger" not in event.data or schedules.is_still_due(customer, event, sop, definitions)

    def _end_by_action(self) -> None:
        cause = (self.event.cause or {}).get("sop")
        for timeline in self.customer.active_timelines():
            if timeline.sop == self.event.data.get("sop") and timeline.start <= self.event.time:
                timeline.end("exited", Reason.BY_SOP, self.context.now, cause)
                self.matched.end(timeline, "do")
        if "exits" not in self.matched.outcome:
            self.matched.outcome["reason"] = Reason.NO_CHANGE

    # ── timelines to look at again ───────────────────────────────────────────────────────────────────────────

    def _look_again(self, *, everything: bool) -> None:
        """Let the planner look again at timelines that a changed fact may move: delayed, or counting from an attribute.

        Those that this very event started know the fact already.
        """
        for timeline in self.customer.active_timelines():
            sop = self.context.definitions.sop(timeline.sop)
            if sop is None or timeline.start_id == self.event.start_id:
                continue
            if everything or timeline.waiting in (Reason.MISSING_VALUE, Reason.TEMPLATE_ERROR) or dates_vary(sop):
                timeline.look_again(self.context.now)


def _candidates(moment: MomentOccurred, definitions: Definitions) -> Iterable[tuple[Sop, int]]:
    table = definitions.triggers
    if not table:
        return ()
    return table.get((moment.kind, moment.name), ())
