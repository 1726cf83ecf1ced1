"""`sop doctor` looks at everything; `sop health` at one process, for health checks."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from engine.channels import registry
from engine.cli import client, session
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
from engine.wiring import Wiring, channel_environment

Process = StrEnum("Process", {name: name for name in (*PROCESSES, "api")})  # type: ignore[misc]  # the names are those of the processes
_PANEL = "Installation"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=_PANEL)(doctor)
    app.command(rich_help_panel=_PANEL)(health)


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
        note(f"{errors} wrong, {warnings} to look at" if errors or warnings else "all is well")
    raise typer.Exit(1 if errors else 0)


def _examine(parts: Wiring) -> Iterator[Finding]:
    try:
        parts.urls  # noqa: B018 - asked for its error only
    except InstallationError as error:
        text, _, remedy = str(error).rpartition("; ")
        yield Finding(
            "error",
            Sentence.within("doctor", "servers"),
            Sentence("{text}", text=text),
            Sentence("{text}", text=remedy),
        )
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
        say("\t".join([finding.level, finding.about, " ".join(finding.text.split()), finding.remedy or ""]))
        return
    mark = {"ok": "✓", "warning": "!", "error": "✗"}[finding.level]
    print_styled((f"{mark} ", STYLES[finding.level]), (finding.about, "bold"), (f"  {finding.text}", ""))
    if finding.remedy:
        print_styled((f"    → {finding.remedy}", "dim"))


def health(
    process: Annotated[Process, typer.Argument(help="Which process.", show_default=False)],
) -> None:
    """Exit 0 if a process has shown itself within the last minute (the API: if it answers), else 1. For health checks.

    Example: sop health matcher
    """
    trouble = client.alive(Settings()) if process.value == "api" else _silence(process.value)
    if trouble:
        raise InstallationError(f"{process.value} {trouble}")
    say(f"{process.value} is alive")


def _silence(name: str) -> str | None:
    """Return None for a process that has shown itself lately, else since when it has not."""
    with transaction(session.wiring().engine) as connection:
        age = vitals.heartbeat_age(connection, name)
    if age is None:
        return "has never shown itself"
    return None if age < SILENT_AFTER.total_seconds() else f"has not shown itself for {age:.0f} s"
