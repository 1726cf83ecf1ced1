"""A simulation as one self-contained page: no script, nothing loaded from anywhere; timelines and volume drawn in SVG."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from engine.cli.views.calendar_figures import tables
from engine.core.simulation.calendar import Calendar, Line, Run
from engine.core.simulation.simulate import Report
from engine.messages.calendar import CalendarFormatter, Told

_WIDEST, _NARROWEST, _WIDE = 34.0, 5.0, 1360.0
"""Pixels of a day: at most, at least, and of all days where that leaves room."""
_ROW, _HEAD, _LABEL = 40, 24, 12
_CHART, _SHOWN_DATES = 150, 12
_SHAPES = {"message": "circle", "task": "square", "notice": "square", "do": "diamond"}


def page(report: Report, language: str) -> str:
    """Return the page, in `zh` or `en`."""
    words = CalendarFormatter(language, report.timezone)
    calendars = [
        _calendar(each, number, report, CalendarFormatter(language, each.timezone))
        for number, each in enumerate(report.calendars)
    ]
    return _template().render(
        report=report, totals=report.totals, words=words, language=language, calendars=calendars, chart=_chart(report, words),
        tables=tables(report, words),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _template() -> Template:
    text = (files("engine.cli") / "templates" / "calendar.html.j2").read_text("utf-8")
    surroundings = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return surroundings.from_string(text)


# ── a calendar ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Scale:
    """Where moments lie from left to right: days as columns, by the clocks of the customer's zone."""

    first: date
    days: int

    @property
    def day(self) -> float:
        """Pixels of a day."""
        return max(_NARROWEST, min(_WIDEST, _WIDE / self.days))

    @property
    def width(self) -> float:
        """Pixels of all days."""
        return round(self.day * self.days, 1)

    def x(self, moment: datetime) -> float:
        """Return where a moment lies; what lies outside is put at the edge."""
        elapsed = moment.replace(tzinfo=None) - datetime.combine(self.first, time())
        return round(min(max(elapsed / timedelta(days=1), 0), self.days) * self.day, 1)

    def columns(self) -> list[dict[str, Any]]:
        """Return each day's column with its label, where there is room for one."""
        every = max(1, round(40 / self.day))
        days = [self.first + timedelta(days=number) for number in range(self.days)]
        return [
            {
                "x": round(number * self.day, 1),
                "label": f"{day.month}-{day.day}" if number % every == 0 else "",
                "weekend": day.weekday() >= 5,
                "date": day.isoformat(),
            }
            for number, day in enumerate(days)
        ]


def _scale(report: Report, zone_of: datetime) -> Scale:
    begin, until = (each.astimezone(zone_of.tzinfo) for each in (report.begin, report.until))
    return Scale(begin.date(), (until.date() - begin.date()).days + 1)


def _calendar(calendar: Calendar, number: int, report: Report, words: CalendarFormatter) -> dict[str, Any]:
    scale = _scale(report, calendar.lines[0].at if calendar.lines else report.begin)
    told = [(f"c{number}-{index}", line, words.line(line)) for index, line in enumerate(calendar.lines)]
    rows = {run.number: _HEAD + index * _ROW for index, run in enumerate(calendar.runs)}
    return {
        "id": f"c{number}",
        "heading": words.heading(calendar),
        "zone": words.say("zone {name}", name=calendar.timezone),
        "touches": sum(each.tone == "sent" for _, _, each in told),
        "width": scale.width,
        "height": _HEAD + len(rows) * _ROW + 6,
        "columns": scale.columns(),
        "day": scale.day,
        "rows": [_row(run, rows[run.number], scale, words) for run in calendar.runs],
        "marks": [mark for place, line, each in told if (mark := _mark(place, line, each, rows, scale, words))],
        "days": _by_date(told, words),
        "running": [words.running(run) for run in calendar.runs if run.state == "active"],
    }


def _row(run: Run, y: int, scale: Scale, words: CalendarFormatter) -> dict[str, Any]:
    left = scale.x(run.start)
    right = scale.x(run.ended_at) if run.ended_at else scale.width
    late = left > scale.width * 0.6
    name = f"{run.title} [{run.key}]" if run.key else run.title
    return {
        "x": left, "y": y, "width": round(max(right - left, 3), 1), "state": run.state, "label": name, "late": late,
        "label_x": right if late else left, "label_y": y + _LABEL, "middle": y + 25,
        "title": f"{name} · {words.time(run.start)} – {words.time(run.ended_at) if run.ended_at else '…'} · {words.word(run.state)}",
    }  # fmt: skip


def _mark(
    place: str, line: Line, told: Told, rows: dict[int, int], scale: Scale, words: CalendarFormatter
) -> dict[str, Any] | None:
    """Return what is drawn of a line: a touch as a mark, a deferral as a line from when it was due to when it may go."""
    if line.what == "event" or line.timeline not in rows:
        return None
    title = "\n".join((words.time(line.at), told.head, *told.more))
    drawn = {"href": place, "tone": told.tone, "title": title, "y": rows[line.timeline] + 25, "x": scale.x(line.at)}
    if line.what == "held":
        return drawn | {"shape": "line", "x": scale.x(line.due_at), "to": scale.x(line.until)}
    if line.what == "end":
        return drawn | {"shape": "end"}
    return drawn | {"shape": _SHAPES.get(line.step.kind, "circle")}


def _by_date(told: Iterable[tuple[str, Line, Told]], words: CalendarFormatter) -> list[dict[str, Any]]:
    days: dict[str, list[dict[str, Any]]] = {}
    for place, line, each in told:
        day, _, clock = words.time(line.at).partition(" ")
        days.setdefault(day, []).append(
            {"id": place, "at": clock, "mark": each.mark, "tone": each.tone, "head": each.head, "more": each.more}
        )
    return [{"date": day, "lines": lines} for day, lines in days.items()]


# ── the volume of each day ───────────────────────────────────────────────────────────────────────────────────


def _chart(report: Report, words: CalendarFormatter) -> dict[str, Any] | None:
    """Return the volume per day as stacked bars, a colour for each channel; None where nothing goes out."""
    if not report.totals.days:
        return None
    scale = _scale(report, report.begin)
    channels = sorted({each.channel for each in report.totals.days})
    by_date: dict[str, dict[str, int]] = {}
    for each in report.totals.days:
        by_date.setdefault(each.date, {})[each.channel] = each.number
    most = max(sum(day.values()) for day in by_date.values())
    bars = []
    for column in scale.columns():
        bottom = float(_CHART)
        for index, channel in enumerate(channels):
            number = by_date.get(column["date"], {}).get(channel, 0)
            height = round(number / most * (_CHART - 20), 1)
            bottom -= height
            if number:
                title = f"{column['date']} · {channel}: {number:,}"
                bars.append(
                    {"x": column["x"], "y": round(bottom, 1), "height": height, "colour": index % 6, "title": title}
                )
    return {
        "width": scale.width, "height": _CHART, "day": scale.day, "columns": scale.columns(), "bars": bars, "most": most,
        "channels": [{"name": name, "colour": index % 6} for index, name in enumerate(channels)],
    }  # fmt: skip
