"""The model's days off, quiet hours and caps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.simulation import language
from tests.simulation.language import Due, at, day_of, exempt, kind
from tests.simulation.people import Person
from tests.simulation.timelines import Line, Touch

if TYPE_CHECKING:
    from tests.simulation.planning import Planning

COUNTED = ("queued", "sent")


@dataclass
class Gates:
    """Days off, quiet hours and caps, for one touch on its way."""

    planning: Planning
    line: Line
    due: datetime
    kind: str
    free: set[str]
    """What it is exempt from."""
    channel: str | None = None
    itself: Touch | None = None
    """Where it is counted already."""
    cause: str = ""
    """What moved it last."""
    gives_way: bool = True
    """To messages of higher priority later that day."""

    @property
    def person(self) -> Person:
        return self.planning.person

    def moved(self, moment: datetime, *, caps: bool = False) -> datetime:
        """The first moment from this one on at which nothing holds it back."""
        while True:
            later = self._later(moment, caps)
            if later is None:
                return moment
            moment = later

    def _later(self, moment: datetime, caps: bool) -> datetime | None:
        self.cause, before = "calendar", self.cause
        if "calendar" not in self.free and (opens := language.open_day(moment, self.due, self.person)) != moment:
            return opens
        self.cause = "quiet_hours"
        if "quiet_hours" not in self.free and (end := language.quiet_end(moment, self.person)) is not None:
            return end
        self.cause = "cap"
        later = self._capped(moment) if caps else None
        if later is None:
            self.cause = before
        return later

    def caps(self) -> list[dict[str, Any]]:
        """Those it falls under."""
        counts = self.kind == "message" and "caps" not in self.free
        every = self.person.engine.get("caps", []) if counts else []
        return [cap for cap in every if cap.get("channel", self.channel) == self.channel]

    def _capped(self, moment: datetime) -> datetime | None:
        """To the next day where a cap is full; to the first of those that go first where they will fill it later that day."""
        zone = self.person.zone
        day = day_of(moment, zone)
        for cap in self.caps():
            room = cap["max"] - self._most(cap, day)
            if room <= 0:
                return language.same_time(self.due, day + timedelta(days=1), zone)
            rivals = [
                when
                for when, channels in self.others()
                if when > moment and day_of(when, zone) == day and cap.get("channel", channels[0]) in channels
            ]
            if len(rivals) >= room:
                return min(rivals)
        return None

    def own_time(self, moment: datetime) -> datetime:
        """On another day than it was due, its own time of day."""
        day = day_of(moment, self.person.zone)
        another = day > day_of(self.due, self.person.zone)
        return language.same_time(self.due, day, self.person.zone) if another else moment

    def _most(self, cap: dict[str, Any], day: date) -> int:
        """How many messages count in the fullest span of the cap's days that holds this day and ends no earlier."""
        days = int(cap["per"][:-1])
        counted = [
            touch.counts_on
            for line in self.person.lines
            for touch in line.touches
            if touch is not self.itself and touch.counts_on and touch.status in COUNTED
            and cap.get("channel", touch.channel) == touch.channel
        ]  # fmt: skip
        ends = [day + timedelta(days=each) for each in range(days)]
        return max(sum(end - timedelta(days=days) < each <= end for each in counted) for end in ends)

    def others(self, *, due: bool = False) -> Iterator[tuple[datetime, list[str]]]:
        """When messages of the customer's other timelines, of higher priority, are still to come, and over which channels.

        With `due`: those to be planned now.
        """
        planning, now = self.planning, self.planning.now
        for line in self.person.active_lines() if self.line.active and self.gives_way else ():
            if line is self.line or line.holdout or line.priority <= self.line.priority or (due and line.look > now):
                continue
            sop = planning.model.sops[line.sop]
            for each in line.left(sop, self.person):
                channels = planning.channels(each.step, sop)
                if kind(each.step) != "message" or "caps" in exempt(each.step, sop) or not channels:
                    continue
                when = self._comes(line, each, sop)
                if (when <= now if due else now < when) and max(when, now) < each.limit:
                    yield when, channels

    def _comes(self, line: Line, due: Due, sop: dict[str, Any]) -> datetime:
        """When a step can go out: when what holds it back ends, and not in quiet hours."""
        waits = line.next is not None and line.next.id == due.id and line.held_by is not None
        when = max(due.opens, line.look) if waits else due.opens
        return Gates(self.planning, line, due.due, kind(due.step), exempt(due.step, sop)).moved(when)

    def closes(self, moment: datetime, limit: datetime) -> datetime:
        """When what allows it at this moment ends."""
        person, ends = self.person, [limit]
        day = day_of(moment, person.zone)
        if "quiet_hours" not in self.free:
            ends.append(language.quiet_start(moment, person) or limit)
        midnights = [day + timedelta(days=each) for each in range(1, 10)]
        if "calendar" not in self.free:
            ends += [at(each, "00:00", person.zone) for each in midnights if language.off(each, person.engine)]
        if self.kind == "message" and person.engine.get("caps"):
            ends.append(at(midnights[0], "00:00", person.zone))
        return min(ends)

    def queued(self, due: Due, now: datetime) -> Touch:
        day = day_of(now, self.person.zone) if self.kind == "message" else None
        closes = self.closes(now, due.limit)
        return Touch(
            due.id, "queued", None, now, self.channel, self.kind == "task", due.due, due.limit, now, closes, day
        )
