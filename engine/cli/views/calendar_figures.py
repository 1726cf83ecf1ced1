"""The figures of a simulation as tables in words, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.core.simulation.simulate import Report
from engine.core.simulation.totals import CapTotal, ChannelTotal, StepTotal
from engine.messages.calendar import CalendarFormatter

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class FigureTable:
    """A table: its title, the phrases over its columns, and rows of numbers and texts."""

    title: str
    heads: tuple[str, ...]
    rows: Rows


def tables(report: Report, words: CalendarFormatter) -> list[FigureTable]:
    """Return every table that has rows."""
    totals = report.totals
    made = (
        ("sim_by_timeline", ("sim_sop", "sim_status", "sim_number"),
         [(each.sop, words.outcome_of(each), each.number) for each in totals.timelines]),
        ("sim_by_step", ("sim_sop", "sim_step", "sim_kind", "sim_status", "sim_number", "sim_reason"),
         [_step(each, words) for each in totals.steps]),
        ("sim_held_back", ("sim_sop", "sim_step", "sim_number", "sim_reason"),
         [(each.sop, each.step, each.number, words.why(each.reason)) for each in totals.held]),
        ("sim_by_channel", ("sim_channel", "sim_number", "sim_busiest_day", "sim_number", "sim_busiest_minute", "sim_number", "sim_rate"),
         [_channel(each, words) for each in totals.channels]),
        ("sim_by_cap", ("sim_cap", "sim_fullest", "sim_full"), [_cap(each, words) for each in totals.caps]),
        ("sim_by_day", ("sim_date", "sim_channel", "sim_number"),
         [(each.date, each.channel, each.number) for each in totals.days]),
        ("sim_compared", ("sim_sop", "sim_step", "sim_had", "sim_would", "sim_difference", "sim_had_skipped", "sim_would_skipped"),
         [(each.sop, each.step, each.had_sent, each.would_sent, f"{each.would_sent - each.had_sent:+d}", each.had_skipped,
           each.would_skipped) for each in report.compared or ()]),
    )  # fmt: skip
    return [FigureTable(words.say(title), heads, rows) for title, heads, rows in made if rows]


def _step(total: StepTotal, words: CalendarFormatter) -> tuple[Any, ...]:
    status = "done" if total.kind == "do" and total.status == "sent" else total.status
    return (
        total.sop, total.step, words.word(total.kind), words.word(status), total.number,
        words.reason(total.reason, total.detail)
    )  # fmt: skip


def _cap(total: CapTotal, words: CalendarFormatter) -> tuple[Any, ...]:
    phrase = "sim_cap_is" if total.channel is None else "sim_cap_on"
    said = words.say(phrase, days=total.days, max=total.max, channel=total.channel)
    return said, total.fullest, total.customers_full


def _channel(total: ChannelTotal, words: CalendarFormatter) -> tuple[Any, ...]:
    rate = words.say("sim_unlimited")
    if total.rate is not None:
        rate = f"{total.rate} · {words.say('sim_drained', seconds=total.drained_in)}"
    return (
        total.channel, total.number, total.busiest_day, total.on_busiest_day, words.time(total.busiest_minute),
        total.in_busiest_minute, rate,
    )  # fmt: skip
