"""The figures of a simulation as tables in words, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.core.sentence import Sentence
from engine.core.simulation.simulate import Report
from engine.core.simulation.totals import CapTotal, ChannelTotal, StepTotal
from engine.messages.calendar import CalendarFormatter

Rows = Sequence[tuple[Any, ...]]


_SOP, _STEP, _KIND, _STATUS = Sentence("SOP"), Sentence("step"), Sentence("kind"), Sentence("came out")
_NUMBER, _REASON, _CHANNEL = Sentence("number"), Sentence("reason"), Sentence("channel")
_CHANNEL_HEADS = (
    _CHANNEL, _NUMBER, Sentence("busiest day"), _NUMBER, Sentence("busiest minute"), _NUMBER,
    Sentence.within("calendar", "rate"),
)  # fmt: skip
_CAP_HEADS = (Sentence("cap"), Sentence("most of one customer"), Sentence("customers who reach it"))
_COMPARED_HEADS = (
    Sentence("really sent"), Sentence("would be sent"), Sentence("difference"), Sentence("really skipped"),
    Sentence("would be skipped"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FigureTable:
    """A table: its title, the phrases over its columns, and rows of numbers and texts."""

    title: str
    heads: tuple[Sentence, ...]
    rows: Rows


def tables(report: Report, words: CalendarFormatter) -> list[FigureTable]:
    """Return every table that has rows."""
    totals = report.totals
    made = (
        (Sentence("Timelines"), (_SOP, _STATUS, _NUMBER), [(each.sop, words.outcome_of(each), each.number) for each in totals.timelines]),
        (Sentence("By step"), (_SOP, _STEP, _KIND, _STATUS, _NUMBER, _REASON), [_step(each, words) for each in totals.steps]),
        (Sentence("Put off"), (_SOP, _STEP, _NUMBER, _REASON),
         [(each.sop, each.step, each.number, words.why(each.reason)) for each in totals.held]),
        (Sentence("Channels"), _CHANNEL_HEADS, [_channel(each, words) for each in totals.channels]),
        (Sentence("Caps"), _CAP_HEADS, [_cap(each, words) for each in totals.caps]),
        (Sentence("Volume per day"), (Sentence("date"), _CHANNEL, _NUMBER),
         [(each.date, each.channel, each.number) for each in totals.days]),
        (Sentence("Compared with what happened"), (_SOP, _STEP, *_COMPARED_HEADS),
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
    pattern = (
        Sentence("{max} within {days} d") if total.channel is None else Sentence("{channel}: {max} within {days} d")
    )
    said = words.say(pattern, days=total.days, max=total.max, channel=total.channel)
    return said, total.fullest, total.customers_full


def _channel(total: ChannelTotal, words: CalendarFormatter) -> tuple[Any, ...]:
    rate = words.say("no limit")
    if total.rate is not None:
        rate = f"{total.rate} · " + words.say("takes {seconds:g} s to send", seconds=total.drained_in)
    return (
        total.channel, total.number, total.busiest_day, total.on_busiest_day, words.time(total.busiest_minute),
        total.in_busiest_minute, rate,
    )  # fmt: skip
