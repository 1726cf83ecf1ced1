"""A simulation as lines in a terminal: calendars, then figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len

from engine.cli.views import calendar_figures
from engine.cli.views.calendar_figures import FigureTable
from engine.cli.views.output import clean, print_styled
from engine.core.simulation.calendar import Calendar
from engine.core.simulation.simulate import Report
from engine.messages.calendar import CalendarFormatter

_TONES = {
    "sent": "green", "done": "cyan", "skipped": "yellow", "held": "magenta", "start": "bold", "end": "bold", "event": "dim",
}  # fmt: skip
Parts = tuple[tuple[str, str], ...]
"""Texts of one line, each with its style."""


def show(report: Report, language: str) -> None:
    """Print a report."""
    for parts in lines(report, language):
        print_styled(*parts)


def text(report: Report, language: str) -> str:
    """Return a report as plain text."""
    return "\n".join("".join(clean(text) for text, _ in parts) for parts in lines(report, language))


def lines(report: Report, language: str) -> Iterator[Parts]:
    """Yield a report line by line."""
    words, totals = CalendarFormatter(language, report.timezone), report.totals
    period = words.say(
        "{begin} to {until} ({zone}), customers: {customers:,}, events: {events:,}",
        begin=words.time(report.begin), until=words.time(report.until), zone=report.timezone,
        customers=totals.customers, events=totals.events,
    )  # fmt: skip
    yield ((period, "bold"), ("  " + words.say("A simulation: nothing was sent."), ""))
    yield from ((("! " + each, "yellow"),) for each in report.warnings)
    for calendar in report.calendars:
        yield from _calendar(calendar, CalendarFormatter(language, calendar.timezone))
    if report.not_shown:
        yield ((words.say("customers not shown: {number:,}; --limit shows more", number=report.not_shown), "dim"),)
    yield from _figures(report, words)


def _calendar(calendar: Calendar, words: CalendarFormatter) -> Iterator[Parts]:
    yield (("", ""),)
    yield ((words.heading(calendar), "bold"), ("  ·  " + words.say("zone {name}", name=calendar.timezone), ""))
    for line in calendar.lines:
        told = words.line(line)
        yield ((f"  {words.time(line.at)}  ", ""), (f"{told.mark} {told.head}", _TONES[told.tone]))
        yield from (((f"      {more}", ""),) for more in told.more)
    yield from (((f"  {words.running(run)}", "dim"),) for run in calendar.runs if run.state == "active")


def _figures(report: Report, words: CalendarFormatter) -> Iterator[Parts]:
    totals = report.totals
    yield (("", ""),)
    said = words.say("touches: {sent:,}, skipped: {skipped:,}", sent=totals.sent, skipped=totals.skipped)
    yield ((words.say("Totals"), "bold"), (f"  {said}", ""))
    if not totals.timelines:
        yield (("  " + words.say("nobody met any trigger"), "yellow"),)
    for each in calendar_figures.tables(report, words):
        yield from _table(each, words)


def _table(table: FigureTable, words: CalendarFormatter) -> Iterator[Parts]:
    """Yield a table with its columns aligned, numbers to the right."""
    shown = [tuple(words.say(head) for head in table.heads), *(tuple(map(_cell, row)) for row in table.rows)]
    widths = [max(cell_len(row[index]) for row in shown) for index in range(len(table.heads))]
    right = [isinstance(value, int) for value in table.rows[0]]
    yield ((f"  {table.title}", "bold"),)
    for number, row in enumerate(shown):
        cells = (_padded(text, width, left) for text, width, left in zip(row, widths, right, strict=True))
        yield (("    " + "  ".join(cells).rstrip(), "dim" if number == 0 else ""),)


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else clean(value)


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
