"""`sop doctor` looks at everything; `sop health` at one process, for health checks."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from engine.channels import registry
from engine.cli import client, panels, session
from engine.cli.language import tell
from engine.cli.session import AsJson
from engine.cli.views.output import STYLES, as_json, note, on_terminal, print_styled, say
from engine.clocks import wall_now
from engine.core.errors import InstallationError
from engine.core.sentence import Sentence
from engine.messages.findings import SILENT_AFTER, Finding
from engine.services.reports.doctor import PROCESSES, Doctor
from engine.settings import Settings
from engine.store.database import transaction
from engine.store.reports import vitals
from engine.wiring import NoServers, Wiring, channel_environment

Process = StrEnum("Process", {name: name for name in (*PROCESSES, "api")})  # type: ignore[misc]  # the names are those of the processes


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=panels.INSTALLATION)(doctor)
    app.command(rich_help_panel=panels.INSTALLATION)(health)


def doctor(json_: AsJson = False) -> None:
    """Look at servers, processes, definitions and what is stuck; say what is wrong and how to mend it.

    Exit code 1 if something is wrong; warnings alone do not fail. In a pipe: level, subject, text, remedy, tab-separated.
    """
    found = []
    for each in _examine(session.wiring()):
        found.append(each)
        if not json_:
            _show(each)
    if json_:
        as_json(found)
    errors = sum(each.level == "error" for each in found)
    warnings = sum(each.level == "warning" for each in found)
    if not json_:
        note(
            Sentence("{errors} wrong, {warnings} to look at", errors=errors, warnings=warnings)
            if errors or warnings
            else Sentence("all is well")
        )
    raise typer.Exit(1 if errors else 0)


def _examine(parts: Wiring) -> Iterator[Finding]:
    try:
        parts.urls  # noqa: B018 - asked for its error only
    except NoServers as error:
        yield Finding("error", Sentence.within("doctor", "servers"), error.text, error.remedy)
        return
    environment = channel_environment()
    yield from Doctor(
        parts.engine,
        lambda: dict(parts.redis.info("server")),
        parts.current,
        lambda name, config: registry.build(name, config, environment, wall=wall_now),
        parts.clock,
    ).examine()


def _show(finding: Finding) -> None:
    if not on_terminal():
        told = tell(finding.about), " ".join(tell(finding.text).split()), tell(finding.remedy or "")
        say("\t".join([finding.level, *told]))
        return
    mark = {"ok": "✓", "warning": "!", "error": "✗"}[finding.level]
    print_styled((f"{mark} ", STYLES[finding.level]), (finding.about, "bold"), (f"  {tell(finding.text)}", ""))
    if finding.remedy:
        print_styled((f"    → {tell(finding.remedy)}", "dim"))


def health(
    process: Annotated[Process, typer.Argument(help="Which process.", show_default=False)],
) -> None:
    """Exit 0 if a process has shown itself within the last minute (the API: if it answers), else 1. For health checks.

    Example: sop health matcher
    """
    trouble = client.alive(Settings()) if process.value == "api" else _silence(process.value)
    if trouble:
        raise InstallationError(trouble)
    say(Sentence("{process} is alive", process=process.value))


def _silence(name: str) -> Sentence | None:
    """Return None for a process that has shown itself lately, else since when it has not."""
    with transaction(session.wiring().engine) as connection:
        age = vitals.heartbeat_age(connection, name)
    if age is None:
        return Sentence("{process} has never shown itself", process=name)
    if age < SILENT_AFTER.total_seconds():
        return None
    return Sentence("{process} has not shown itself for {seconds} s", process=name, seconds=f"{age:.0f}")
