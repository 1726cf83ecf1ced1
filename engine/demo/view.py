"""What somebody watching the demo sees: a live panel in a terminal, a line a day elsewhere."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.core.events.event import ENGINE_SOURCE
from engine.core.sentence import Sentence
from engine.core.time.arithmetic import local_date, zone
from engine.core.timelines.state_words import STATE_WORDS
from engine.messages.languages import tell
from engine.messages.reasons import sentence
from engine.store.database import Row

_RECENT = 12
_COLUMNS = {
    Sentence.within("column", "customer"): 8,
    Sentence("SOP"): 18,
    Sentence.within("column", "step"): 9,
    Sentence.within("column", "status"): 8,
}
"""Headings of the dispatch log, and how wide each column is."""


class View:
    """Collects what happens and shows it."""

    def __init__(self, console: Console, titles: Mapping[str, str], zone_name: str, days: int, language: str) -> None:
        self._console, self._titles, self._zone, self._days, self._language = console, titles, zone_name, days, language
        self._recent: deque[Row] = deque(maxlen=_RECENT)
        self._sent: Counter[str] = Counter()
        self._today: Counter[str] = Counter()
        self._woken: set[str] = set()
        self._date = ""
        self._day = 0
        self._now: datetime | None = None
        self._events = 0
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None

    def showing(self) -> AbstractContextManager[object]:
        """Return the context within which the view is live."""
        return self._live if self._live is not None else nullcontext()

    def moment(self, now: datetime, events: int, touches: list[Row]) -> None:
        """Take in what came out at one moment."""
        self._new_day(local_date(now, self._zone).isoformat())
        self._now, self._events = now, events
        self._woken |= {row.start_id for row in touches if row.start_id.startswith(f"{ENGINE_SOURCE}/silent:")}
        for row in touches:
            if row.kind != "do" and row.status == "sent":
                self._sent[row.sop] += 1
            self._today[
                "sent"
                if row.status == "sent" and row.kind != "do"
                else row.status
                if row.status == "skipped"
                else "other"
            ] += 1
            self._recent.append(row)
        if self._live is not None:
            self._live.update(self._panel())

    def close(self) -> None:
        """Show the last day."""
        self._new_day("")

    def _new_day(self, date: str) -> None:
        if date == self._date:
            return
        if self._date and self._live is None:
            self._console.print(self._say(self._day_done()), highlight=False)
        self._date, self._day, self._today = date, self._day + 1, Counter()

    def _panel(self) -> Panel:
        assert self._now is not None
        local = self._now.astimezone(zone(self._zone))
        head = Text(self._say(self._headline(f"{local:%Y-%m-%d %H:%M:%S}")))
        bar = Table.grid(expand=True)  # a bar of its own does not end its line
        bar.add_row(ProgressBar(total=self._days, completed=min(self._day, self._days)))
        return Panel(Group(head, bar, self._by_sop(), self._last()), title="sop demo", padding=(1, 2))

    def _day_done(self) -> Sentence:
        """Return what a day brought, where days are shown a line each."""
        said = Sentence(
            "day {day:2d}  {date}  {events:5d} events so far  {sent:4d} sent, {skipped:3d} skipped",
            day=self._day, date=self._date, events=self._events, sent=self._today["sent"], skipped=self._today["skipped"],
        )  # fmt: skip
        return (
            said + Sentence("   {number} woken from silence so far", number=len(self._woken)) if self._woken else said
        )

    def _headline(self, now: str) -> Sentence:
        return Sentence(
            "Day {day} of {days}   {now}   {events} events   {sent} touches sent   {woken} customers woken from silence",
            day=self._day, days=self._days, now=now, events=self._events, sent=self._sent.total(), woken=len(self._woken),
        )  # fmt: skip

    def _say(self, text: str) -> str:
        return tell(text, self._language)

    def _by_sop(self) -> Table:
        table = Table(box=None, padding=(0, 2), show_header=False)
        most = max(self._sent.values(), default=1)
        for sop, number in self._sent.most_common():
            title = Text(self._titles.get(sop, sop), style="cyan")
            table.add_row(title, Text(str(number), justify="right"), "▇" * (number * 40 // most))
        return table

    def _last(self) -> Table:
        table = Table(box=None, padding=(0, 2), title=self._say(Sentence("dispatch log")), title_justify="left")
        for name, width in _COLUMNS.items():
            table.add_column(self._say(name), no_wrap=True, width=width)
        table.add_column("", no_wrap=True, overflow="ellipsis", width=max(20, self._console.width - 72))
        for row in self._recent:
            style = "green" if row.status == "sent" else "yellow"
            status = Text(self._say(STATE_WORDS.get(row.status, row.status)), style=style)
            table.add_row(row.ref, self._titles.get(row.sop, row.sop), row.step, status, self._what(row))
        return table

    def _what(self, row: Row) -> str:
        if row.reason:
            return tell(sentence(row.reason), self._language)
        body = row.body or {}
        text = str(
            body.get("text") or body.get("title") or "; ".join(str(action) for action in body.get("do", []))
        ).split("\n")[0]
        return text[:44] + ("…" if len(text) > 44 else "")
