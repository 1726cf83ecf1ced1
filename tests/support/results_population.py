"""Two thousand customers of one SOP whose fates are drawn beforehand, stored set-based, and counted again in plain Python."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from tests.support.pipeline import START, Pipeline

AB = """
sop: lead
title: 培育
trigger: [{tag_added: vip}]
goal: {event: {type: purchase}, within: 30d}
holdout: 20%
reentry: restart
defaults: {at: "10:00", channel: log}
steps:
  - {id: d1, day: 1, message: {text: 第一天}}
  - id: d3
    day: 3
    variants:
      - {id: vip, when: [{tag: 金卡}], message: {text: 尊享}}
      - {id: a, weight: 50, message: {text: 甲}}
      - {id: b, weight: 50, message: {text: 乙}}
  - {id: call, day: 8, task: {to: owner, title: 回访}}
  - {id: done, day: 9, do: [{add_tag: 培育完成}]}
"""
STAFFED = "staff: [owner]\n"
CHANNEL = "log"


@dataclass
class Touch:
    """One touch, as far as results look at it."""

    step: str
    kind: str
    status: str
    variant: str | None = None
    sent_at: datetime | None = None
    handed_at: datetime | None = None
    fallback: int = 0

    @property
    def given(self) -> datetime | None:
        """When it reached the customer, or the staff."""
        return self.handed_at or self.sent_at if self.kind in ("message", "task") else None


@dataclass
class Timeline:
    """One timeline, as far as results look at it."""

    customer: int
    started: datetime
    holdout: bool
    state: str
    converted: datetime | None
    goal_until: datetime | None
    sop: str = "lead"
    touches: list[Touch] = field(default_factory=list)


def population(number: int, seed: int) -> list[Timeline]:
    """Return the timelines of so many customers: most have one, some two; treated convert more often, `b` more than `a`."""
    draw = random.Random(seed)
    return [timeline for customer in range(1, number + 1) for timeline in _timelines(customer, draw)]


def _timelines(customer: int, draw: random.Random) -> Iterable[Timeline]:
    holdout, variant = draw.random() < 0.2, draw.choice("ab")
    variant = "vip" if draw.random() < 0.1 else variant
    for _ in range(2 if draw.random() < 0.05 else 1):
        started = START + timedelta(minutes=draw.randrange(0, 60 * 24 * 60))
        yield _timeline(customer, started, holdout, variant, draw)
    if draw.random() < 0.05:
        yield Timeline(customer, START, False, "converted", START + timedelta(days=1), None, sop="other")


def _timeline(customer: int, started: datetime, holdout: bool, variant: str, draw: random.Random) -> Timeline:
    chance = 0.06 if holdout else {"a": 0.10, "b": 0.20, "vip": 0.40}[variant]
    converts = started + timedelta(minutes=draw.randrange(0, 30 * 24 * 60)) if draw.random() < chance else None
    told_late = draw.random() < 0.3  # the CRM posts the purchase only when everything has gone out
    one = Timeline(customer, started, holdout, "active", converts, started + timedelta(days=30))
    for step, kind, day in (("d1", "message", 1), ("d3", "message", 3), ("call", "task", 8), ("done", "do", 9)):
        at = started + timedelta(days=day)
        if converts is not None and converts < at and not told_late:
            one.state = "converted"
            return one
        one.touches += _given(step, kind, at, variant if step == "d3" else None, holdout, converts, draw)
    one.state = "completed"
    return one


def _given(
    step: str,
    kind: str,
    at: datetime,
    variant: str | None,
    holdout: bool,
    converts: datetime | None,
    draw: random.Random,
) -> Iterable[Touch]:
    if kind == "do":
        yield Touch(step, kind, "sent", sent_at=at)
    elif holdout:
        yield Touch(step, kind, "skipped", variant)
    elif draw.random() < 0.1:
        yield Touch(step, kind, draw.choice(["failed", "skipped", "expired", "cancelled"]), variant)
    elif kind == "task":
        yield Touch(step, kind, "handed" if converts is None else "cancelled", variant, handed_at=at)
    elif draw.random() < 0.1:
        yield Touch(step, kind, "expired", variant, handed_at=at)
        yield Touch(step, kind, "sent", variant, sent_at=at + timedelta(hours=2), fallback=1)
    else:
        yield Touch(step, kind, "sent", variant, sent_at=at)


def store(pipeline: Pipeline, timelines: list[Timeline]) -> None:
    """Put the timelines and their touches in, in three statements."""
    pipeline.run(
        "insert into customers (ref) select 'p' || n from generate_series(1, :n) n",
        n=max(each.customer for each in timelines),
    )
    pipeline.run(
        """insert into timelines (customer_id, sop, version, key, priority, anchor, started_at, start_id, event, state, ended_at, due_at,
                                  holdout, goal_until, converted_at)
           select c.id, v.sop, 1, v.place::text, 50, v.started, v.started, 'crm/' || v.place, '{}', v.state,
                  case when v.state <> 'active' then v.started end, v.started, v.holdout, v.goal_until, v.converted
           from unnest(cast(:customers as bigint[]), cast(:sops as text[]), cast(:started as timestamptz[]), cast(:states as text[]),
                       cast(:holdouts as boolean[]), cast(:goals as timestamptz[]), cast(:converted as timestamptz[]))
                with ordinality v(customer, sop, started, state, holdout, goal_until, converted, place)
                join customers c on c.ref = 'p' || v.customer
           order by place""",
        customers=[each.customer for each in timelines],
        sops=[each.sop for each in timelines],
        started=[each.started for each in timelines],
        states=[each.state for each in timelines],
        holdouts=[each.holdout for each in timelines],
        goals=[each.goal_until for each in timelines],
        converted=[each.converted for each in timelines],
    )
    _store_touches(pipeline, [(place, each) for place, one in enumerate(timelines, 1) for each in one.touches])


def _store_touches(pipeline: Pipeline, touches: list[tuple[int, Touch]]) -> None:
    pipeline.run(
        """insert into touches (timeline_id, customer_id, sop, version, step, kind, channel, status, due_at, planned_at, ready_at,
                                send_before, limit_at, key, body, variant, fallback, sent_at, handed_at, lease_until)
           select l.id, l.customer_id, l.sop, 1, v.step, v.kind, 'log', v.status, l.started_at, l.started_at, l.started_at,
                  l.started_at, l.started_at, 'k', '{}', v.variant, v.fallback, v.sent, v.handed, null
           from unnest(cast(:places as text[]), cast(:steps as text[]), cast(:kinds as text[]), cast(:statuses as text[]),
                       cast(:variants as text[]), cast(:fallbacks as smallint[]), cast(:sent as timestamptz[]),
                       cast(:handed as timestamptz[]))
                v(place, step, kind, status, variant, fallback, sent, handed) join timelines l on l.key = v.place""",
        places=[str(place) for place, _ in touches],
        steps=[each.step for _, each in touches],
        kinds=[each.kind for _, each in touches],
        statuses=[each.status for _, each in touches],
        variants=[each.variant for _, each in touches],
        fallbacks=[each.fallback for _, each in touches],
        sent=[each.sent_at for _, each in touches],
        handed=[each.handed_at for _, each in touches],
    )


# ── counted again ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Counted:
    """What plain counting comes to for one arm."""

    timelines: int
    customers: int
    converted: int
    open: int
    median_seconds: float | None


def count_arm(timelines: list[Timeline], holdout: bool, now: datetime) -> Counted:
    mine = [each for each in timelines if each.holdout is holdout]
    customers: dict[int, list[Timeline]] = {}
    for each in mine:
        customers.setdefault(each.customer, []).append(each)
    converted = {name: own for name, own in customers.items() if any(each.converted for each in own)}
    waiting = [
        name
        for name, own in customers.items()
        if name not in converted and any(each.goal_until is not None and each.goal_until >= now for each in own)
    ]
    took = [
        (min(each.converted for each in own if each.converted) - min(each.started for each in own)).total_seconds()
        for own in converted.values()
    ]
    return Counted(len(mine), len(customers), len(converted), len(waiting), median(took) if took else None)


def count_sent(timelines: list[Timeline], step: str, variant: str | None = None) -> tuple[int, int]:
    """Return how many customers were given the step (of this variant), and how many of them converted from then on."""
    given: dict[int, bool] = {}
    for each in timelines:
        for touch in each.touches:
            if touch.step == step and touch.given is not None and variant in (None, touch.variant):
                after = each.converted is not None and each.converted >= touch.given
                given[each.customer] = given.get(each.customer, False) or after
    return len(given), sum(given.values())
