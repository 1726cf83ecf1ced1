"""What a simulation comes to over all customers: touches by step and reason, timelines, and the volume of each day and channel."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.core.definitions import Cap
from engine.core.definitions.catalog import Definitions
from engine.core.playback.played import Playback, Played
from engine.core.reasons import Reason
from engine.core.time.arithmetic import local_date
from engine.core.timelines.touch import Touch

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class StepTotal:
    """So many touches of one step came out so."""

    sop: str
    step: str
    kind: str
    status: str
    reason: str | None
    detail: str | None
    """Of one that expired: what delayed it."""
    number: int


@dataclass(frozen=True, slots=True)
class HeldTotal:
    """So many customers had a step delayed for a reason."""

    sop: str
    step: str
    reason: str
    number: int


@dataclass(frozen=True, slots=True)
class TimelineTotal:
    """So many timelines of an SOP started, were refused, ended so, or still run."""

    sop: str
    what: str
    """started, refused, active, or the state they ended in."""
    reason: str | None
    detail: str | None
    number: int


@dataclass(frozen=True, slots=True)
class DayTotal:
    """So many touches go out on one date (in the engine's zone) over one channel."""

    date: str
    channel: str
    number: int


@dataclass(frozen=True, slots=True)
class ChannelTotal:
    """What one channel has to carry."""

    channel: str
    number: int
    busiest_day: str
    on_busiest_day: int
    busiest_minute: datetime
    in_busiest_minute: int
    rate: str | None
    """As written: 50/s."""
    drained_in: float | None
    """Seconds that what is due in the busiest minute takes at this rate."""


@dataclass(frozen=True, slots=True)
class CapTotal:
    """How close messages come to one cap of engine.yaml."""

    max: int
    days: int
    """Calendar days of the customer."""
    channel: str | None
    """None: over all channels."""
    fullest: int
    """The most messages any customer gets within so many days; exempt ones count too."""
    customers_full: int
    """So many customers have the cap reached at least once."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of a simulation."""

    customers: int
    events: int
    sent: int
    skipped: int
    timelines: list[TimelineTotal]
    steps: list[StepTotal]
    held: list[HeldTotal]
    days: list[DayTotal]
    channels: list[ChannelTotal]
    caps: list[CapTotal]


@dataclass(slots=True)
class TotalsBuilder:
    """Counts customer by customer, so that nothing needs to be kept of them. `sop`: only this one."""

    definitions: Definitions
    sop: str | None = None
    customers: int = 0
    events: int = 0
    _steps: Counter[tuple[str, str, str, str, str | None, str | None]] = field(default_factory=Counter)
    _held: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _timelines: Counter[tuple[str, str, str | None, str | None]] = field(default_factory=Counter)
    _days: Counter[tuple[str, str]] = field(default_factory=Counter)
    _minutes: dict[str, Counter[datetime]] = field(default_factory=dict)
    _fullest: dict[Cap, list[int]] = field(default_factory=dict)
    """By cap: the most of anybody, and how many reach it."""

    def add(self, played: Playback) -> None:
        """Count what came out for one customer."""
        self.customers += 1
        self.events += len(played.matched)
        for each in played.touches:
            self._touch(each)
        self._held.update(
            {
                (waited.timeline.sop, waited.step, waited.reason): 1
                for waited in played.waits
                if self._counts(waited.timeline.sop)
            }
        )
        self._caps([each.touch for each in played.touches if each.touch.counted_on is not None])
        self._started_and_refused(entry.outcome for entry in played.matched)
        for _, timeline in played.timelines:
            if self._counts(timeline.sop):
                self._timelines[
                    (timeline.sop, timeline.state, timeline.reason, _named(timeline.reason, timeline.detail))
                ] += 1

    def _counts(self, sop: str) -> bool:
        return self.sop is None or sop == self.sop

    def _touch(self, played: Played) -> None:
        touch = played.touch
        if not self._counts(touch.timeline.sop):
            return
        status = "sent" if touch.status == "queued" else touch.status
        held_by = touch.detail if touch.reason == Reason.EXPIRED else None
        self._steps[(touch.timeline.sop, touch.step, touch.kind, status, touch.reason, held_by)] += 1
        if touch.status == "queued" and touch.channel:
            date = local_date(played.at, self.definitions.engine.timezone).isoformat()
            self._days[(date, touch.channel)] += 1
            self._minutes.setdefault(touch.channel, Counter())[played.at.replace(second=0, microsecond=0)] += 1

    def _caps(self, touches: Iterable[Touch]) -> None:
        """Count how full each cap gets for one customer, over all SOPs."""
        counted = [(touch.counted_on, touch.channel) for touch in touches if touch.status != "skipped"]
        for cap in self.definitions.engine.caps:
            on = [day for day, channel in counted if day is not None and cap.channel in (None, channel)]
            most = max((sum(timedelta(0) <= last - day < cap.per for day in on) for last in set(on)), default=0)
            total = self._fullest.setdefault(cap, [0, 0])
            total[0], total[1] = max(total[0], most), total[1] + (most >= cap.max)

    def _started_and_refused(self, outcomes: Iterable[Mapping[str, Any]]) -> None:
        for outcome in outcomes:
            for entry in outcome.get("started", ()):
                if self._counts(entry["sop"]):
                    self._timelines[(entry["sop"], "started", None, None)] += 1
            for entry in outcome.get("refused", ()):
                if self._counts(entry["sop"]):
                    self._timelines[(entry["sop"], "refused", entry["reason"], None)] += 1

    def totals(self) -> Totals:
        """Return the figures, in the definitions' order."""
        order = {sop: number for number, sop in enumerate(self.definitions.sops)}
        steps = sorted(
            self._steps.items(), key=lambda each: (order.get(each[0][0], -1), *self._place(each[0][:2]), str(each[0]))
        )
        held = sorted(
            self._held.items(), key=lambda each: (order.get(each[0][0], -1), *self._place(each[0][:2]), str(each[0]))
        )
        runs = sorted(
            self._timelines.items(),
            key=lambda each: (order.get(each[0][0], -1), _WHAT.get(each[0][1], 9), -each[1], str(each[0])),
        )
        return Totals(
            self.customers,
            self.events,
            sum(
                number for (_, _, kind, status, *_), number in self._steps.items() if status == "sent" and kind != "do"
            ),
            sum(number for (_, _, _, status, *_), number in self._steps.items() if status == "skipped"),
            [TimelineTotal(*key, number) for key, number in runs],
            [StepTotal(*key, number) for key, number in steps],
            [HeldTotal(*key, number) for key, number in held],
            [DayTotal(*key, number) for key, number in sorted(self._days.items())],
            [self._channel(name) for name in sorted(self._minutes)],
            [CapTotal(cap.max, cap.days, cap.channel, *each) for cap, each in self._fullest.items()],
        )

    def _place(self, step: tuple[str, str]) -> tuple[int, str]:
        """Return where a step stands in its SOP; its notices and the like come behind it."""
        sop = self.definitions.sop(step[0])
        ids = [each.id for each in sop.steps] if sop else []
        base = step[1].partition(".")[0]
        return ids.index(base) if base in ids else len(ids), step[1]

    def _channel(self, name: str) -> ChannelTotal:
        days = {date: number for (date, channel), number in self._days.items() if channel == name}
        busiest = max(days, key=lambda date: (days[date], date))
        minute, most = max(self._minutes[name].items(), key=lambda each: (each[1], each[0]))
        rate = self.definitions.engine.channels.get(name, {}).get("rate")
        a_second = per_second(rate)
        return ChannelTotal(
            name, sum(days.values()), busiest, days[busiest], minute, most, str(rate) if a_second else None,
            round(most / a_second, 1) if a_second else None,
        )  # fmt: skip


_WHAT = {"started": 0, "refused": 1, "active": 2, "completed": 3, "converted": 4, "exited": 5, "cancelled": 6}


def _named(reason: str | None, detail: str | None) -> str | None:
    """Return the detail where it is a name out of the definitions, which there are few of: of an exit, of who replaced it."""
    return detail if reason in (Reason.EXIT, Reason.REPLACED) else None


def per_second(rate: object) -> float | None:
    """Return a rate such as 50/s or 1000/m as so many a second, None where it is none."""
    match = _RATE.fullmatch(str(rate)) if rate is not None else None
    return float(match[1]) / timedelta(seconds=_SECONDS[match[2]]).total_seconds() if match else None
