"""A simulation: customers played on the virtual clock, told as calendars and figures. Nothing is sent, nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from engine.core.customers.customer import Customer
from engine.core.definitions.catalog import NO_INSTALLATION, DecisionContext, Definitions
from engine.core.events.event import Event
from engine.core.playback.run import play_each
from engine.core.playback.segment_refresh import SegmentRefreshes
from engine.core.simulation.calendar import Calendar, calendar_of
from engine.core.simulation.totals import Totals, TotalsBuilder
from engine.core.time.arithmetic import BEGINNING_OF_TIME, zone

Progress = Callable[[int], None]
"""Told how many customers are done."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One step as it really went since then, and as it would have gone."""

    sop: str
    step: str
    had_sent: int
    would_sent: int
    had_skipped: int
    would_skipped: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a simulation came to. Moments are in the engine's zone, those of a calendar in its customer's."""

    begin: datetime
    until: datetime
    timezone: str
    sops: dict[str, str]
    """Titles of the SOPs, by id."""
    totals: Totals
    calendars: list[Calendar]
    """Of the first customers, by ref."""
    not_shown: int
    """So many customers have a calendar that is left out."""
    compared: list[Compared] | None = None
    """Of a replay: what really happened beside what would have."""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a report is to show."""

    sop: str | None = None
    """Only this SOP. All are played: they influence each other."""
    limit: int = 20
    """So many calendars."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when is played, the end included."""

    begin: datetime
    until: datetime


class Simulation:
    """Plays customers over a span of time, part by part. Of customers not shown only figures are kept."""

    def __init__(
        self,
        definitions: Definitions,
        span: Span,
        wanted: Wanted,
        installation: str = NO_INSTALLATION,
        progress: Progress = lambda done: None,
    ) -> None:
        self._definitions, self._span, self._wanted = definitions, span, wanted
        self._installation, self._progress = installation, progress
        self._counting = TotalsBuilder(definitions, wanted.sop)
        self._calendars: list[Calendar] = []
        self._not_shown = 0

    def play(
        self,
        events: Iterable[Event],
        refreshes: SegmentRefreshes | None,
        customers: Iterable[Customer] = (),
        known_at: datetime = BEGINNING_OF_TIME,
    ) -> None:
        """Play these events.

        Parameters:
            refreshes: numbers and computed dimensions of these customers; None where none are defined.
            customers: those known already; they are changed.
            known_at: the moment at which they are as given.
        """
        played_each = play_each(
            customers,
            events,
            DecisionContext(self._definitions, known_at, self._installation),
            self._span.until,
            refreshes,
        )
        for customer, played in played_each:
            self._counting.add(played)
            if len(self._calendars) < self._wanted.limit:
                calendar = calendar_of(customer, played, self._definitions, self._span.until, self._wanted.sop)
                self._calendars += [calendar] if calendar.lines else []
            elif played.log:
                self._not_shown += 1
            self._progress(self._counting.customers)

    def report(self, compared: list[Compared] | None = None) -> Report:
        """Return what came out."""
        zone_name = self._definitions.engine.timezone
        here = zone(zone_name)
        titles = {name: defined.sop.title for name, defined in self._definitions.sops.items()}
        return Report(
            self._span.begin.astimezone(here), self._span.until.astimezone(here), zone_name, titles, self._counting.totals(),
            self._calendars, self._not_shown, compared,
        )  # fmt: skip


def simulate(
    events: Iterable[Event],
    definitions: Definitions,
    span: Span,
    wanted: Wanted = Wanted(),
    progress: Progress = lambda done: None,
) -> Report:
    """Play events of customers of whom nothing else is known and return the report.

    Parameters:
        span: the time told of, and within which numbers are refreshed; what comes before is played too.
        wanted: what the report is to show.
        progress: is told how many customers are done.
    """
    events = list(events)
    simulation = Simulation(definitions, span, wanted, progress=progress)
    simulation.play(events, refreshes_of(definitions, events, span.begin, span.until))
    return simulation.report()


def refreshes_of(
    definitions: Definitions, events: Iterable[Event], begin: datetime, until: datetime, *, whole: bool = True
) -> SegmentRefreshes | None:
    """Return the refreshes of numbers and computed dimensions, None where none are defined. See `SegmentRefreshes`.

    Parameters:
        events: all that the numbers are worked out from.
        begin, until: the first refresh and the last lie within.
        whole: these are the events of all customers; else scores, which compare them, are left as they are.
    """
    segments = definitions.segments
    if not segments.stored_metrics and not segments.dimensions:
        return None
    return SegmentRefreshes(definitions, events, begin, until, whole=whole)


def compared(totals: Totals, had: Mapping[tuple[str, str], tuple[int, int]], order: Iterable[str]) -> list[Compared]:
    """Return each step as it really went beside how it would have gone, the SOPs in this order.

    Parameters:
        had: SOP and step → how many were sent, how many skipped.
    """
    would: dict[tuple[str, str], list[int]] = {}
    for each in totals.steps:
        would.setdefault((each.sop, each.step), [0, 0])[each.status == "skipped"] += each.number
    places = {sop: number for number, sop in enumerate(order)}
    steps = sorted(
        dict.fromkeys([*would, *had]), key=lambda step: (places.get(step[0], len(places)), step[0])
    )  # stable: the steps of an SOP stay in the totals' order
    return [
        Compared(sop, step, had.get((sop, step), (0, 0))[0], would.get((sop, step), [0, 0])[0],
                 had.get((sop, step), (0, 0))[1], would.get((sop, step), [0, 0])[1])
        for sop, step in steps
    ]  # fmt: skip
