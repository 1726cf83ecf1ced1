"""One customer's story as values: every event with what it led to, every timeline, every step had or to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from engine.core.conditions.deciding import Evaluation, decisive_evaluations
from engine.core.conditions.trace import Truth
from engine.core.definitions import Moment, Sop
from engine.core.definitions.words import event_type, key_word
from engine.core.sentence import Listed, Sentence


@dataclass(frozen=True, slots=True)
class Decision:
    """What one event did to one SOP of the customer."""

    what: Literal["started", "refused", "ended", "converted"]
    sop: str
    path: str
    """The trigger or exit in the YAML."""
    key: str = ""
    version: int | None = None
    reason: str | None = None
    detail: str | Mapping[str, Any] | None = None
    deciding: list[Evaluation] = field(default_factory=list)
    """The conditions that decided, for a refusal or an end by a condition."""


@dataclass(frozen=True, slots=True)
class EventEntry:
    """One event and what came of it."""

    row: int
    source: str
    id: str
    type: str
    time: datetime
    received_at: datetime
    data: dict[str, Any]
    cause: dict[str, Any] | None
    """For an engine-made event: the SOP and place that made it."""
    matched_at: datetime | None
    """None: it waits for the matcher."""
    reason: str | None = None
    """Why it changed nothing."""
    dropped: list[str] = field(default_factory=list)
    """Values that were not taken, in words."""
    decisions: list[Decision] = field(default_factory=list)


StepStatus = Literal[
    "planned", "due", "held", "undated", "unreached",
    "queued", "sending", "sent", "failed", "unknown", "handed", "cancelled", "expired", "skipped",
]  # fmt: skip
"""A touch's status; or, of a step without one: planned for later, due now, held back, without a date, never reached."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that counts under caps."""

    sop: str
    step: str
    channel: str | None
    on: date
    """The customer's date on which it counts."""


@dataclass(frozen=True, slots=True)
class StepEntry:
    """One step of a timeline: carried out, skipped, waiting, or to come."""

    step: str
    kind: str
    status: StepStatus
    due_at: datetime | None
    at: datetime | None = None
    """When it came to this status."""
    until: datetime | None = None
    """Waits so long: the next try, or the moment at which it expires."""
    channel: str | None = None
    attempt: int = 0
    reason: str | None = None
    detail: str | None = None
    deciding: list[Evaluation] = field(default_factory=list)
    waited: str | None = None
    """Of one that was carried out: what delayed it before."""
    variant: str | None = None
    """The variant chosen; of a step to come, the one that is as things stand."""
    fallback: int = 0
    """So many channels were tried before this one."""
    expected: datetime | None = None
    """Of a step to come: when it goes out, or is skipped, if nothing else happens."""
    moved_by: list[str] = field(default_factory=list)
    """Of a step to come: the reasons for which that is later than due."""
    skip: str | None = None
    """Of a step to come: the reason for which it will be skipped if nothing else happens."""
    skip_detail: str | None = None
    room: list[Taken] = field(default_factory=list)
    """Of one that a cap delays: the messages that took the room."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One run through one SOP."""

    id: int
    sop: str
    title: str | None
    """None where the SOP is no longer defined."""
    version: int
    key: str
    state: str
    anchor: datetime
    ended_at: datetime | None
    reason: str | None
    detail: str | None
    steps: list[StepEntry] = field(default_factory=list)
    holdout: bool = False
    """In the comparison group: it runs, and no message or task goes out."""
    converted_at: datetime | None = None
    """When the goal was reached, perhaps after the end."""
    goal_until: datetime | None = None
    """So long a goal not yet reached counts."""


MissKind = Literal["other", "unmatched", "nothing", "before", "fields", "rest", "came_from"]
"""another name; it waits for the matcher; it changed nothing; before the SOP was applied; fields of the data differ;
other tags are lacking; where the value came from, or went to, is not what is wanted."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An event like the one a trigger waits for, and what kept it from being one."""

    row: int
    time: datetime
    type: str
    actual: str
    """What it named: the tag, the value, or empty."""
    kind: MissKind
    wanted: list[str] = field(default_factory=list)
    """The names wanted; of `rest` the tags lacking; of `came_from` the values."""
    reason: str | None = None
    """Of `nothing`: why it changed nothing."""
    fields: list[Evaluation] = field(default_factory=list)
    """Of `fields`: those of the data that differ."""


@dataclass(frozen=True, slots=True)
class Closest:
    """A trigger, and which events of the customer came closest to it."""

    trigger: str
    path: str
    type: str | None = None
    """The type of event it is made of; None: a clock or the calendar makes it."""
    events: list[NearMiss] = field(default_factory=list)
    others: int = 0
    """So many more of that type are not shown."""
    hits: int = 0
    """So many did trigger the SOP; what came of them is told with the events."""
    now: Evaluation | None = None
    """Of a clock or a date: how it stands."""


@dataclass(frozen=True, slots=True)
class ConditionNow:
    """One of the conditions under `when` or `while`, evaluated now."""

    path: str
    holds: Truth
    asked: list[Evaluation]
    """Where it does not hold, what decided; else all that was evaluated."""


@dataclass(frozen=True, slots=True)
class WouldStart:
    """What a trigger would lead to now: the production decision, made on a copy."""

    starts: bool
    reason: str | None
    detail: str | Mapping[str, Any] | None
    conditions: list[ConditionNow]


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why an SOP did not start for a customer."""

    applied_at: datetime | None
    """When the SOP was first applied; what came before could not start it."""
    closest: list[Closest]
    """For each trigger, the events that came closest."""
    would_start: WouldStart
    """What a trigger now would lead to."""


@dataclass(frozen=True, slots=True)
class Story:
    """All there is to tell about one customer."""

    customer: str
    now: datetime
    timezone: str
    stands: dict[str, str]
    """Dimension: value."""
    tags: list[str]
    attributes: dict[str, Any]
    staff: dict[str, str]
    opt_outs: list[str]
    events: list[EventEntry]
    """In inbox order; the newest, if there are more than were asked for."""
    earlier_events: bool
    """There are older events, left out."""
    timelines: list[TimelineEntry]
    rejected_events: int
    """Events that name this customer and were not taken."""
    asked: str | None = None
    """The one SOP asked about."""
    asked_title: str | None = None
    waits_for: list[Sentence] = field(default_factory=list)
    """The triggers of the SOP asked about, where nothing here ever hit one."""
    why_not: WhyNot | None = None
    """Where nothing hit one, or it is asked for: how close events came, and whether it would start now."""


def decisions(outcome: Mapping[str, Any] | None, sop: str | None = None) -> list[Decision]:
    """Return what an event's recorded outcome says about each SOP, or about one."""
    recorded = outcome or {}
    every = [
        *(_decision("ended", entry) for entry in recorded.get("exits", ())),
        *(_decision("converted", entry) for entry in recorded.get("goals", ())),
        *(_decision("started", entry) for entry in recorded.get("started", ())),
        *(_decision("refused", entry) for entry in recorded.get("refused", ())),
    ]
    return [each for each in every if sop is None or each.sop == sop]


def _decision(what: Literal["started", "refused", "ended", "converted"], entry: Mapping[str, Any]) -> Decision:
    return Decision(
        what, entry["sop"], entry.get("path", ""), entry.get("key") or "", entry.get("version"), entry.get("reason"), entry.get("detail"),
        [] if what == "started" else decisive_evaluations(entry.get("trace")),
    )  # fmt: skip


_SIGNS = {"eq": "=", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤"}


def triggers_of(sop: Sop) -> list[Sentence]:
    """Return what an SOP waits for, as written: `tag_added: 装修意向, 楼盘A`."""
    return [as_written(each) for each in sop.trigger]


def as_written(moment: Moment) -> Sentence:
    """Return a moment as a definition has it: `event: type order.signed`."""
    kind, detail = key_word(moment.kind), getattr(moment, moment.kind)
    if isinstance(detail, tuple):
        return Sentence("{name}: {value}", name=kind, value=detail)
    written = detail.model_dump(mode="json", exclude_unset=True, by_alias=True) if detail is not None else {}
    named = sorted(written.items(), key=lambda each: each[0] in ("from", "to"))  # the dimension first
    shown = [_pair(name, value) for name, value in named]
    return Sentence("{name}: {value}", name=kind, value=shown) if shown else Sentence("{name}", name=kind)


def _pair(name: str, value: Any) -> Sentence:
    shown = event_type(value) if name == "type" and isinstance(value, str) else _plain(value)
    return Sentence("{name} {value}", name=_SIGNS.get(name) or key_word(name), value=shown)


def _plain(value: Any) -> object:
    if isinstance(value, list):
        return Listed(tuple(_plain(each) for each in value))
    if isinstance(value, dict):
        return Listed(tuple(_pair(name, each) for name, each in value.items()))
    return str(value)
