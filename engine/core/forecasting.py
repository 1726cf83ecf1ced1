"""What goes out, counted: touches of a playback by day and channel, what holds them back, what is lost."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from engine.core.playback import Playback, Played
from engine.core.reasons import Reason
from engine.core.timing import local_date

GATES = ("cap", "holiday", "quiet_hours")
"""Reasons for which a touch that could go out waits."""
LATE = "late"
"""Lost without a gate in its way: overdue already."""


def _numbers() -> defaultdict[str, float]:
    return defaultdict(float)


@dataclass(slots=True)
class Tally:
    """Touches counted, each with the weight of its customer: how many customers that one stands for."""

    zone_name: str
    """Days are counted in this zone."""
    sent: defaultdict[tuple[date, str], float] = field(default_factory=lambda: defaultdict(float))
    """By day and channel."""
    minutes: defaultdict[tuple[str, datetime], float] = field(default_factory=lambda: defaultdict(float))
    """By channel and minute."""
    held: defaultdict[str, float] = field(default_factory=_numbers)
    """Touches that had to wait, by what they waited for; one may wait for several."""
    lost: defaultdict[str, float] = field(default_factory=_numbers)
    """Touches never sent, by what held them back until it was too late."""

    def add(self, played: Playback, weight: float) -> None:
        """Count what came out for customers who each stand for `weight`."""
        for one in played.touches:
            if one.touch.kind == "do":
                continue
            if one.touch.status == "skipped":
                if one.touch.reason == Reason.EXPIRED:
                    self.lost[_gate(one.touch.detail)] += weight
            else:
                self._send(one, weight)
        waited = {(id(each.timeline), each.step, each.reason) for each in played.waits if each.reason in GATES}
        for _, _, reason in waited:
            self.held[str(reason)] += weight

    def _send(self, one: Played, weight: float) -> None:
        channel = one.touch.channel or "-"
        self.sent[local_date(one.at, self.zone_name), channel] += weight
        self.minutes[channel, one.at.replace(second=0, microsecond=0)] += weight

    def peak(self, channel: str) -> tuple[datetime, float] | None:
        """Return the first minute at which most go out over the channel, and how many; None where none does."""
        ours = [(at, number) for (name, at), number in self.minutes.items() if name == channel]
        return max(ours, key=lambda each: (each[1], -each[0].timestamp()), default=None)


def _gate(detail: str | None) -> str:
    return next((gate for gate in GATES if detail and gate in detail), LATE)


def days_ahead(now: datetime, until: datetime, zone_name: str) -> list[date]:
    """Return the days, in the zone, from that of `now` to that of `until`."""
    first, last = local_date(now, zone_name), local_date(until, zone_name)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
