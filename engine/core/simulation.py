"""A simulation: customers played on the virtual clock, told as calendars and figures. Nothing is sent, nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from engine.core.calendar_report import Calendar, calendar_of
from engine.core.calendar_totals import Counting, Totals
from engine.core.catalog import Definitions
from engine.core.customer import Customer
from engine.core.events import Event
from engine.core.playback import EVER, play_each
from engine.core.timing import zone

NOWHERE = "00000000-0000-0000-0000-000000000000"
"""The installation of what happens in memory only."""

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
class Cast:
    """Who is played: customers known already, and the events to come."""

    events: Iterable[Event]
    begin: datetime
    customers: Iterable[Customer] = ()
    known_at: datetime = EVER
    """The moment at which the customers are as given."""


def simulate(
    cast: Cast,
    definitions: Definitions,
    until: datetime,
    wanted: Wanted = Wanted(),
    installation: str = NOWHERE,
    progress: Progress = lambda done: None,
) -> Report:
    """Play everybody up to and including `until` and return the report. Of customers not shown only figures are kept."""
    counting = Counting(definitions, wanted.sop)
    calendars: list[Calendar] = []
    not_shown = 0
    for customer, played in play_each(cast.customers, cast.events, definitions, cast.known_at, until, installation):
        counting.add(played)
        if len(calendars) < wanted.limit:
            calendar = calendar_of(customer, played, definitions, until, wanted.sop)
            calendars += [calendar] if calendar.lines else []
        else:
            not_shown += 1
        progress(counting.customers)
    zone_name = definitions.engine.timezone
    here = zone(zone_name)
    titles = {name: defined.sop.title for name, defined in definitions.sops.items()}
    return Report(
        cast.begin.astimezone(here), until.astimezone(here), zone_name, titles, counting.totals(), calendars, not_shown
    )
