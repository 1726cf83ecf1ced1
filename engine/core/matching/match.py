"""What one event leads to, for a customer whose row is held: facts, exits, triggers, in this order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.core.conditions.evaluate import broken_while
from engine.core.customers import facts, silence
from engine.core.customers.customer import Customer, Timeline
from engine.core.customers.facts import MomentOccurred
from engine.core.definitions import Sop
from engine.core.definitions.catalog import Definitions
from engine.core.delivery import actions
from engine.core.delivery.actions import notices
from engine.core.events.event import END, SILENT, START, Event
from engine.core.matching import entry, existing_customers, schedules
from engine.core.matching.entry import EntryDecision
from engine.core.matching.triggers import matches, reach
from engine.core.reasons import Reason
from engine.core.timelines.schedule import dates_vary
from engine.core.timelines.touch import Touch

NO_INSTALLATION = "00000000-0000-0000-0000-000000000000"
"""The installation of what is never stored."""


@dataclass(slots=True)
class Matched:
    """The decision about one event: what the store writes, and the trace that explains it."""

    event: Event
    outcome: dict[str, Any] = field(default_factory=dict)
    made: list[Event] = field(default_factory=list)
    """Engine-made events that follow."""
    notices: list[Touch] = field(default_factory=list)
    """What staff is told."""
    changed: bool = False
    moved: bool = False
    """The customer is in another time zone now."""
    installation: str = NO_INSTALLATION
    """What the keys of notices are made of."""


def match(
    customer: Customer, event: Event, definitions: Definitions, now: datetime, installation: str = NO_INSTALLATION
) -> Matched:
    """Apply one event to the customer (in place) and return what it led to."""
    matched = Matched(event, installation=installation)
    if event.type == START:
        _start_by_action(customer, event, definitions, now, matched)
    elif event.type == END:
        _end_by_action(customer, event, now, matched)
    elif event.type == SILENT:
        _match_silence(customer, event, definitions, now, matched)
    else:
        _match_facts(customer, event, definitions, now, matched)
    if definitions.membership_watchers and ("started" in matched.outcome or "exits" in matched.outcome):
        _while_in_sop(customer, definitions, now, matched)
    return matched


def _match_facts(customer: Customer, event: Event, definitions: Definitions, now: datetime, matched: Matched) -> None:
    timezone = customer.timezone
    applied = facts.apply(customer, event, definitions.engine, definitions.segments)
    heard = silence.reset_clocks(customer, event, definitions)
    matched.changed = applied.changed
    if applied.dropped:
        matched.outcome["dropped"] = applied.dropped
    if applied.reason is not None:
        matched.outcome["reason"] = applied.reason
        if not heard.clocks and not heard.moments:
            return
    moved = timezone != customer.timezone
    matched.moved = moved
    if moved:
        heard.moments += silence.schedule_all_crossings(customer, definitions, event.type)
    matched.changed = applied.changed or bool(heard.clocks or heard.moments)
    _follow(customer, event, [*applied.moments, *heard.moments], heard.clocks, definitions, now, matched)
    if applied.changed:
        _look_again(customer, event, definitions, now, everything=moved)


def _follow(
    customer: Customer,
    event: Event,
    moments: list[MomentOccurred],
    clocks: set[str],
    definitions: Definitions,
    now: datetime,
    matched: Matched,
) -> None:
    """Let moments end and start timelines: exits first, then goals, then `while`, then triggers."""
    running = customer.active_timelines()
    _exits(customer, event, moments, definitions, now, matched)
    if clocks:
        _end_silence(customer, clocks, now, matched)
    for timeline in reach(customer, running, event, moments, definitions, now):
        matched.changed = True
        matched.outcome.setdefault("goals", []).append({"sop": timeline.sop, "key": timeline.key, "path": "goal"})
    if matched.changed:
        _while(customer, customer.active_timelines(), definitions, now, matched)
    _triggers(customer, event, moments, definitions, now, matched)


def _match_silence(customer: Customer, event: Event, definitions: Definitions, now: datetime, matched: Matched) -> None:
    """Apply a crossing that the sweep has found, if the customer is still as silent as it saw."""
    moments = silence.cross(customer, event, definitions)
    if moments is None:
        matched.outcome["reason"] = Reason.SUPERSEDED
        return
    matched.changed = True
    _follow(customer, event, moments, set(), definitions, now, matched)


def _end_silence(customer: Customer, clocks: set[str], now: datetime, matched: Matched) -> None:
    """End the timelines that the silence of one of these clocks has started: activity ends the episode."""
    for timeline in customer.active_timelines():
        if timeline.event.get("type") in (SILENT, START) and timeline.event["data"].get("clock") in clocks:
            timeline.end("exited", Reason.ACTIVE_AGAIN, now)
            _note_end(matched, timeline, "clock")


# ── exits ────────────────────────────────────────────────────────────────────────────────────────────────────


def _exits(
    customer: Customer,
    event: Event,
    moments: list[MomentOccurred],
    definitions: Definitions,
    now: datetime,
    matched: Matched,
) -> None:
    """End the timelines for which one of the moments is an exit, if it is not before their start."""
    zone_name = definitions.zone_of(customer.timezone)
    for timeline in customer.active_timelines():
        sop = definitions.sop(timeline.sop)
        if sop is None or event.time < timeline.start:
            continue
        for index, way_out in enumerate(sop.exit):
            if any(matches(way_out, happened, customer, zone_name) for happened in moments):
                _leave(customer, timeline, sop, index, event, definitions, now, matched)
                break


def _leave(
    customer: Customer,
    timeline: Timeline,
    sop: Sop,
    index: int,
    event: Event,
    definitions: Definitions,
    now: datetime,
    matched: Matched,
) -> None:
    way_out = sop.exit[index]
    timeline.end("exited", Reason.EXIT, now, way_out.as_)
    _note_end(matched, timeline, f"exit/{index}/{way_out.kind}")
    if way_out.do:
        place = f"exit/{index}/{event.start_id}"
        matched.made += actions.events(
            way_out.do, timeline, customer, place, event.time, now, max(event.depth, timeline.depth)
        )
        matched.notices += notices(
            way_out.do, f"exit{index}", timeline, sop, customer, definitions, now, matched.installation
        )


def _while(
    customer: Customer, timelines: Iterable[Timeline], definitions: Definitions, now: datetime, matched: Matched
) -> bool:
    """End those of the timelines whose `while` no longer holds; unknown does not end one. Return whether one ended."""
    ended = False
    for timeline in timelines:
        sop = definitions.sop(timeline.sop)
        if (
            sop is not None
            and sop.while_
            and (trace := broken_while(timeline, sop, customer, definitions, now)) is not None
        ):
            timeline.end("exited", Reason.WHILE_ENDED, now, trace.decided_at)
            _note_end(matched, timeline, "while", trace.entries)
            ended = True
    return ended


def _while_in_sop(customer: Customer, definitions: Definitions, now: datetime, matched: Matched) -> None:
    """Being in an SOP is a fact as well: let starts and ends, and the ends they bring, end the timelines that ask for it."""
    ended = True
    while ended:
        watching = [each for each in customer.active_timelines() if each.sop in definitions.membership_watchers]
        ended = _while(customer, watching, definitions, now, matched)


def _note_end(matched: Matched, timeline: Timeline, path: str, trace: list[dict[str, Any]] | None = None) -> None:
    entry = {
        "sop": timeline.sop,
        "key": timeline.key,
        "reason": timeline.reason,
        "detail": timeline.detail,
        "path": path,
    }
    matched.outcome.setdefault("exits", []).append({**entry, "trace": trace} if trace else entry)


# ── triggers ─────────────────────────────────────────────────────────────────────────────────────────────────


def _triggers(
    customer: Customer,
    event: Event,
    moments: Iterable[MomentOccurred],
    definitions: Definitions,
    now: datetime,
    matched: Matched,
) -> None:
    """Decide about every SOP for which one of the moments is a trigger, each SOP once."""
    zone_name = definitions.zone_of(customer.timezone)
    hit: dict[str, tuple[Sop, int]] = {}
    for happened in moments:
        for sop, index in _candidates(happened, definitions):
            if sop.sop not in hit and matches(sop.trigger[index], happened, customer, zone_name):
                hit[sop.sop] = (sop, index)
    for sop, index in sorted(hit.values(), key=lambda each: (-each[0].priority, each[0].sop)):
        trigger = f"trigger/{index}/{sop.trigger[index].kind}"
        _note_start(matched, entry.decide_entry(customer, sop, trigger, event, definitions, now))


def _candidates(happened: MomentOccurred, definitions: Definitions) -> Iterable[tuple[Sop, int]]:
    table = definitions.triggers
    if not table:
        return ()
    return table.get((happened.kind, happened.name), ())


def _note_start(matched: Matched, start: EntryDecision) -> None:
    entry: dict[str, Any] = {"sop": start.sop, "version": start.version, "path": start.trigger}
    if start.detail:
        entry["detail"] = start.detail
    if start.trace:
        entry["trace"] = start.trace
    if start.reason is not None:
        matched.outcome.setdefault("refused", []).append({**entry, "reason": start.reason})
        return
    matched.changed = True
    for ended in start.ended:
        _note_end(matched, ended, start.trigger)
    matched.outcome.setdefault("started", []).append({**entry, "key": start.timeline.key if start.timeline else ""})


# ── engine-made starts and ends ──────────────────────────────────────────────────────────────────────────────


def _start_by_action(
    customer: Customer, event: Event, definitions: Definitions, now: datetime, matched: Matched
) -> None:
    sop = definitions.sop(str(event.data.get("sop")))
    if sop is None:
        matched.outcome["reason"] = Reason.SOP_REMOVED
        return
    if not _still_right(customer, event, sop, definitions):
        matched.outcome["reason"] = Reason.SUPERSEDED
        return
    made = "by_hand" if event.by_hand else "do"
    _note_start(
        matched, entry.decide_entry(customer, sop, str(event.data.get("trigger", made)), event, definitions, now)
    )


def _still_right(customer: Customer, event: Event, sop: Sop, definitions: Definitions) -> bool:
    """Return whether what an engine-made start was made for still is so, now that everything before it is matched."""
    if existing_customers.JOINED in event.data:
        return existing_customers.is_still_met(customer, event, sop, definitions)
    return "trigger" not in event.data or schedules.is_still_due(customer, event, sop, definitions)


def _end_by_action(customer: Customer, event: Event, now: datetime, matched: Matched) -> None:
    cause = (event.cause or {}).get("sop")
    for timeline in customer.active_timelines():
        if timeline.sop == event.data.get("sop") and timeline.start <= event.time:
            timeline.end("exited", Reason.BY_SOP, now, cause)
            _note_end(matched, timeline, "do")
    if "exits" not in matched.outcome:
        matched.outcome["reason"] = Reason.NO_CHANGE


# ── timelines to look at again ───────────────────────────────────────────────────────────────────────────────


def _look_again(customer: Customer, event: Event, definitions: Definitions, now: datetime, *, everything: bool) -> None:
    """Let the planner look again at timelines that a changed fact may move: held back, or counting from an attribute.

    Those that this very event started know the fact already.
    """
    for timeline in customer.active_timelines():
        sop = definitions.sop(timeline.sop)
        if sop is None or timeline.start_id == event.start_id:
            continue
        if everything or timeline.waiting in (Reason.MISSING_VALUE, Reason.TEMPLATE_ERROR) or dates_vary(sop):
            timeline.look_again(now)
