"""`sop log`: the dispatch log."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, get_args

import typer

from engine.cli import panels, session
from engine.cli.language import language
from engine.cli.session import AsJson
from engine.cli.views.output import Column, as_json, at, coded, line, table
from engine.core.sentence import Sentence
from engine.core.timelines.state_words import STATE_WORDS
from engine.core.timelines.states import TouchState
from engine.messages import languages
from engine.messages.conditions import ConditionFormatter
from engine.services.reports.dispatch_log import DispatchLog
from engine.store.reports.dispatch_log import TouchFilter

_COLUMNS = (
    Column(Sentence.within("column", "time"), 19), Column(Sentence.within("column", "customer"), 16), Column(Sentence("SOP"), 18),
    Column(Sentence.within("column", "step"), 10), Column(Sentence.within("column", "channel"), 8),
    Column(Sentence.within("column", "status"), 9), Column(Sentence.within("column", "reason"), 16),
    Column(Sentence.within("column", "detail")),
)  # fmt: skip

Status = StrEnum("Status", {name: name for name in get_args(TouchState)})  # type: ignore[misc]  # the names are those of the states


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=panels.TOUCHES)(log)


def log(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is sent, until Ctrl-C.")] = False,
    customer: Annotated[str | None, typer.Option(help="Only this customer's.")] = None,
    sop: Annotated[str | None, typer.Option(help="Only this SOP's.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only those in this state.", show_choices=True)] = None,
    channel: Annotated[str | None, typer.Option(help="Only those over this channel.")] = None,
    since: Annotated[str | None, typer.Option(help="7d, 2h, or a date: only since then.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, max=100_000, help="So many of the newest.")] = 50,
    json_: AsJson = False,
) -> None:
    """Show what went where, and what did not and why; newest last. In a pipe: tab-separated lines; --json: an object a line.

    Columns: time of the present state, customer, SOP, step, channel, status, reason, detail.

    Examples:

    sop log --follow

    sop log --sop renovation-lead --status skipped --since 7d
    """
    if follow:
        session.end_at_interrupt()
    parts = session.wiring()
    zone, tongue = session.zone_of(parts), language()
    begin = session.moment(since, parts.clock.now(), zone) if since else None
    dispatched = DispatchLog(
        parts.engine, TouchFilter(customer, sop, None, status.value if status else None, channel, since=begin)
    )

    def shown(row: Any) -> tuple[str, ...]:
        place = at(row.at, zone), row.customer, row.sop, row.step, row.channel or ""
        return *place, coded(row.status, STATE_WORDS), row.reason or "", _detail(row, zone, tongue)

    def show(row: Any) -> None:
        if json_:
            as_json(dict(row._mapping), indent=False)
        else:
            line(_COLUMNS, shown(row))

    found = dispatched.last(limit)
    if json_ or follow:
        for row in found:
            show(row)
    else:
        table(_COLUMNS, [shown(row) for row in found])
    if follow:
        session.follow(dispatched.changes, show)


def _detail(row: Any, zone: str, tongue: str) -> str:
    why = ConditionFormatter(tongue, zone).reason(row.reason, row.detail)
    said = [why] if why else []
    if row.status == "queued" and row.ready_at > row.due_at:
        said.append(f"→ {at(row.ready_at, zone)}")
    return languages.tell(Sentence.joined(said), tongue)
