"""`sop event` posts one event; `sop events` shows the inbox."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from engine.cli import client, panels, session
from engine.cli.language import language
from engine.cli.session import AsJson
from engine.cli.views.output import Column, as_json, at, clean, line, note, say, table
from engine.core.errors import SopError
from engine.core.explain.story import EventEntry, decisions
from engine.core.sentence import Sentence
from engine.messages.story import StoryFormatter, gist
from engine.services.reports.dispatch_log import Inbox
from engine.settings import Settings

_ALREADY = datetime.min.replace(tzinfo=UTC)
"""Stands for moments that an answer does not tell."""
_WAIT = 10.0
"""Seconds `--wait` waits."""
_RECEIVED, _CUSTOMER = Sentence.within("column", "received"), Sentence.within("column", "customer")
_INBOX = (
    Column(_RECEIVED, 19), Column(_CUSTOMER, 16), Column(Sentence.within("column", "event"), 34),
    Column(Sentence.within("column", "led to")),
)  # fmt: skip
_REJECTED = (
    Column(_RECEIVED, 19), Column(Sentence.within("column", "source"), 12), Column(Sentence.within("column", "id"), 20),
    Column(Sentence.within("column", "why")),
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=panels.TOUCHES)(event)
    app.command(rich_help_panel=panels.TOUCHES)(events)


def event(
    kind: Annotated[
        str, typer.Argument(metavar="TYPE", help="tag.added, stage.changed, message.received, purchase, …")
    ],
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id in the CRM.")],
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="The event's data. What is JSON (a number, true, [..], {..}) is read as such; a.b=… nests.",
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Say what came of it, within 10 seconds.")] = False,
    time: Annotated[
        str | None, typer.Option(help="When it happened, e.g. 2026-03-01T10:00:00+08:00; without it, now.")
    ] = None,
    id_: Annotated[
        str | None, typer.Option("--id", help="Its id; without it, a new one. The same id again is a duplicate.")
    ] = None,
    source: Annotated[str, typer.Option(help="The system that saw it.")] = "cli",
    json_: AsJson = False,
) -> None:
    """Post one event through the API.

    Examples:

    sop event tag.added C1 tag=装修意向 --wait

    sop event customer.updated C1 attributes.name=王女士 attributes.budget=200000

    sop event message.received C1 channel=wecom text=我想预约
    """
    posted: dict[str, Any] = {
        "specversion": "1.0",
        "source": source,
        "id": id_ or secrets.token_hex(8),
        "type": kind,
        "subject": customer,
    }
    if time is not None:
        posted["time"] = time
    posted["data"] = data_of(values or [])
    answer = client.post_event(Settings(), posted, _WAIT if wait else None)
    if json_:
        as_json({"id": posted["id"], **answer})
    else:
        _tell(posted, answer, StoryFormatter(language(), None))
    if wait and not _outcome(answer):
        note(
            Sentence(
                "taken, and not matched within {seconds} seconds; is the matcher running? `sop doctor` looks",
                seconds=round(_WAIT),
            )
        )
        raise typer.Exit(1)


def data_of(values: list[str]) -> dict[str, Any]:
    """Return an event's data from KEY=VALUE texts. Raises SopError for a text of another form."""
    data: dict[str, Any] = {}
    for each in values:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise SopError(Sentence("`{given}` is not KEY=VALUE; write e.g. tag=装修意向", given=each))
        *parents, last = name.split(".")
        inner = data
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise SopError(
                    Sentence(
                        "`{given}`: `{name}` has a value already, so nothing can stand below it",
                        given=each,
                        name=parent,
                    )
                )
        inner[last] = _value(value)
    return data


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _tell(posted: dict[str, Any], answer: dict[str, Any], words: StoryFormatter) -> None:
    for warning in answer.get("warnings", []):
        note(Sentence("warning: {text}", text=clean(warning)))
    if answer.get("duplicates"):
        say(Sentence("{id}: a duplicate, it came before; nothing was done again", id=clean(posted["id"])))
    else:
        say(Sentence("{id}: accepted", id=clean(posted["id"])))
    told = _outcome(answer)
    for each in words.outcome(told) if told else ():
        say(f"  {clean(each)}")


def _outcome(answer: dict[str, Any]) -> EventEntry | None:
    """Return the posted event with what came of it, None where that is not known (yet)."""
    for each in answer.get("events") or ():
        if each.get("outcome") is not None:
            return _told(each["type"], {}, each["outcome"])
    return None


def _told(kind: str, data: dict[str, Any], outcome: dict[str, Any] | None, row: Any = None) -> EventEntry:
    matched = row.matched_at if row is not None else _ALREADY
    return EventEntry(
        0, "", "", kind, _ALREADY, _ALREADY, data, row.cause if row is not None else None, matched,
        (outcome or {}).get("reason"), list((outcome or {}).get("dropped", ())), decisions(outcome),
    )  # fmt: skip


def events(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes in, until Ctrl-C.")] = False,
    rejected: Annotated[bool, typer.Option("--rejected", help="Those that were not taken, and why.")] = False,
    customer: Annotated[str | None, typer.Option(help="Only this customer's.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, max=10_000, help="So many of the newest.")] = 30,
    json_: AsJson = False,
) -> None:
    """Show the inbox: the newest events and what each led to. In a pipe: tab-separated lines; --json: an object a line.

    Examples:

    sop events --follow

    sop events --rejected --limit 5
    """
    if follow:
        session.end_at_interrupt()
    parts = session.wiring()
    zone = session.zone_of(parts)
    words = StoryFormatter(language(), zone)
    inbox = Inbox(parts.engine, customer, rejected=rejected)
    columns = _REJECTED if rejected else _INBOX

    def shown(row: Any) -> tuple[str, ...]:
        if rejected:
            return at(row.received_at, zone), row.source or "", row.event_id or "", row.error
        told = _told(row.type, row.data, row.outcome, row)
        about = f"{row.type} {gist(row.type, row.data)}".strip()
        return at(row.received_at, zone), row.subject, about, words.joined(words.outcome(told))

    def show(row: Any) -> None:
        if json_:
            as_json(dict(row._mapping), indent=False)
        else:
            line(columns, shown(row))

    found = inbox.last(limit)
    if json_ or follow:
        for row in found:
            show(row)
    else:
        table(columns, [shown(row) for row in found])
    if follow:
        session.follow(inbox.changes, show)
