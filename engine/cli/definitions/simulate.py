"""`sop simulate`: what would happen, on a virtual clock, with nothing sent."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from engine.cli import panels, session
from engine.cli.definitions import folder as folders
from engine.cli.definitions.folder import Folder
from engine.cli.language import language
from engine.cli.views import calendar_html, calendar_table
from engine.cli.views.output import json_text, note
from engine.clocks import wall_now
from engine.core import os_errors
from engine.core.definitions.base import parse_duration
from engine.core.definitions.catalog import Definitions
from engine.core.definitions.lookup import unknown_sop
from engine.core.errors import DefinitionError, EventError, NotFound, SopError, did_you_mean
from engine.core.events.event import Event
from engine.core.sentence import Sentence
from engine.core.simulation.event_file import read_feed
from engine.core.simulation.simulate import Progress, Report, Span, Wanted
from engine.core.simulation.simulate import simulate as play
from engine.definitions_yaml import render_problems
from engine.definitions_yaml.customers import read_customer
from engine.services.rollout.simulate import definitions_of

_DAYS = 40
_MOST_SAID = 20
"""So many problems or warnings are listed; the others are counted."""
_MOST_BYTES = 1024**3


class Format(StrEnum):
    """Forms a report can have."""

    table = "table"
    json = "json"
    html = "html"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=panels.DEFINITIONS)(simulate)


def simulate(
    directory: Folder = None,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE.ndjson", help="Events as POST /v1/events takes them, one a line.")
    ] = None,
    customer: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="One customer described; see --example-customer.")
    ] = None,
    example_customer: Annotated[
        bool, typer.Option("--example-customer", help="Print a commented description to begin with.")
    ] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="The recorded events, from the database, under the definitions of DIR.")
    ] = False,
    since: Annotated[str, typer.Option(help="With --replay: 30d, or 2026-03-01.")] = "30d",
    customer_ref: Annotated[
        list[str] | None, typer.Option("--customer-ref", help="Only these customers; may be given again.")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="So many days from the beginning on.", show_default=str(_DAYS))
    ] = None,
    until: Annotated[str | None, typer.Option(help="Up to this date or time, instead of --days.")] = None,
    sop: Annotated[str | None, typer.Option(help="Show only this SOP; all are played.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Show so many customers; the totals are over all.")] = 20,
    format_: Annotated[
        Format, typer.Option("--format", help="table, json, or html (one self-contained page).")
    ] = Format.table,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it into this file.")] = None,
) -> None:
    """Play the production decisions on a virtual clock and show the calendar of touches. Nothing is sent or stored.

    Examples:

    sop simulate my_sops --events march.ndjson --days 60

    sop simulate --example-customer > c1.yaml; sop simulate my_sops --customer c1.yaml

    sop simulate my_sops --replay --since 30d --format html -o replay.html
    """
    if example_customer:
        typer.echo(example(language()), nl=False)
        return
    _check_source([events is not None, customer is not None, replay])
    _check_end(days, until, replay=replay)
    definitions = _definitions(directory, sop)
    wanted = Wanted(sop, limit)
    if replay:
        report = _replay(definitions, since, wanted, customer_ref)
    else:
        begin, happening = _from_events(events, definitions) if events else _from_customer(customer, definitions)
        if customer_ref:
            happening = _only(happening, customer_ref)
        report = play(happening, definitions, Span(begin, _end(begin, days, until, definitions)), wanted, _progress())
    _show(report, format_, output, language())


def _check_source(named: list[bool]) -> None:
    """Raise BadParameter unless one source of events is named."""
    if sum(named) != 1:
        raise typer.BadParameter(Sentence("name one of --events FILE, --customer FILE, --replay"))


def _check_end(days: int | None, until: str | None, *, replay: bool) -> None:
    """Raise BadParameter where the end is given twice, or for a replay, which goes up to now."""
    if replay and (days is not None or until is not None):
        raise typer.BadParameter(
            Sentence("--replay goes up to now; --days and --until are for --events and --customer")
        )
    if days is not None and until is not None:
        raise typer.BadParameter(Sentence("name --days or --until, not both"))


def _definitions(directory: Path | None, sop: str | None) -> Definitions:
    """Return what a folder defines. Raises DefinitionError where it has errors, NotFound where it lacks the SOP asked for."""
    path, loaded = folders.read(directory)
    if loaded.errors:
        raise DefinitionError(
            Sentence(
                "{path} has errors, nothing was simulated:\n{problems}",
                path=path,
                problems=render_problems(loaded.errors),
            )
        )
    definitions = definitions_of(loaded)
    if sop is not None and sop not in definitions.sops:
        raise unknown_sop(sop, definitions.sops)
    return definitions


def _only(happening: list[Event], refs: list[str]) -> list[Event]:
    """Return these customers' events. Raises NotFound for one whom no event names: it would look as if nothing came of it."""
    known = {each.subject for each in happening}
    for ref in refs:
        if ref not in known:
            raise NotFound(
                Sentence("no event of this file names the customer `{customer}`.", customer=ref)
                + did_you_mean(ref, known)
            )
    return [each for each in happening if each.subject in refs]


def example(language: str) -> str:
    """Return a commented description of a customer."""
    return (files("engine.cli") / "templates" / f"customer.{language}.yaml").read_text("utf-8")


def _replay(definitions: Definitions, since: str, wanted: Wanted, refs: list[str] | None) -> Report:
    simulating = session.wiring().simulator
    begin = session.moment(since, simulating.now(), definitions.engine.timezone)
    return simulating.replay(definitions, begin, wanted, refs, _progress())


def _from_events(path: Path, definitions: Definitions) -> tuple[datetime, list[Event]]:
    feed = read_feed(_bytes(path), str(path), definitions, wall_now())
    if feed.problems:
        raise EventError(
            Sentence.counted(
                "nothing was simulated, {number:,} event cannot be taken:\n{problems}",
                "nothing was simulated, {number:,} events cannot be taken:\n{problems}",
                len(feed.problems),
                problems=_some(feed.problems),
            )
        )
    if feed.warnings:
        note(_some(feed.warnings))
    if feed.duplicates:
        note(Sentence.counted("{number:,} duplicate left out", "{number:,} duplicates left out", feed.duplicates))
    return min(event.time for event in feed.events), feed.events


def _from_customer(path: Path | None, definitions: Definitions) -> tuple[datetime, list[Event]]:
    assert path is not None
    found = read_customer(_bytes(path), str(path), definitions, wall_now().replace(microsecond=0))
    if found.cast is None:
        raise DefinitionError(Sentence("nothing was simulated:\n{problems}", problems=render_problems(found.problems)))
    if found.problems:
        note(render_problems(found.problems))
    return found.cast.start, found.cast.events


def _bytes(path: Path) -> bytes:
    """Return a file's content; `-` is standard input. Raises NotFound or SopError."""
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SopError(Sentence("`{file}` is over 1 GiB; split it by customers", file=path))
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(Sentence("no file `{file}`", file=path)) from None
    except OSError as error:
        raise SopError(Sentence("cannot read `{file}`: {why}", file=path, why=os_errors.reason(error))) from error


def _some(lines: Sequence[str]) -> Sentence:
    """Return the first lines, and how many more there are."""
    said = Sentence("")
    for each in lines[:_MOST_SAID]:
        said = said + "\n" + each if said else said + each
    more = len(lines) - _MOST_SAID
    return said + Sentence("\n… and {number:,} more", number=more) if more > 0 else said


def _end(begin: datetime, days: int | None, until: str | None, definitions: Definitions) -> datetime:
    """Return when the simulation ends. Raises SopError where that lies before its beginning."""
    if until is None:
        return begin + timedelta(days=days or _DAYS)
    try:
        end = begin + parse_duration(until)
    except ValueError:
        end = session.moment(until, begin, definitions.engine.timezone)
    if end <= begin:
        beginning = begin.isoformat(timespec="minutes")
        raise SopError(
            Sentence("--until {until} is not after the beginning, {beginning}", until=until, beginning=beginning)
        )
    return end


def _progress() -> Progress:
    """Return what says, every few seconds, how many customers are done, where a person looks."""
    if not sys.stderr.isatty():
        return lambda done: None
    next_at = time.monotonic() + 2

    def told(done: int) -> None:
        nonlocal next_at
        if time.monotonic() >= next_at:
            next_at = time.monotonic() + 2
            note(Sentence("{number:,} customers …", number=done))

    return told


def _show(report: Report, format_: Format, output: Path | None, language: str) -> None:
    if output is None and format_ is Format.table:
        calendar_table.show(report, language)
        return
    text = _written(report, format_, language)
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise SopError(Sentence("cannot write `{file}`: {why}", file=output, why=os_errors.reason(error))) from error
    totals = report.totals
    customers = Sentence.counted("{number:,} customer", "{number:,} customers", totals.customers)
    touches = Sentence.counted("{number:,} touch", "{number:,} touches", totals.sent)
    note(Sentence("{file}: {customers}, {touches}", file=output, customers=customers, touches=touches))


def _written(report: Report, format_: Format, language: str) -> str:
    if format_ is Format.html:
        return calendar_html.page(report, language)
    return json_text(report) if format_ is Format.json else calendar_table.text(report, language)
