"""`sop key create`: access to the API."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli import panels, session
from engine.cli.commands import Commands
from engine.cli.views.output import note, say
from engine.core.sentence import Sentence


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = Commands(no_args_is_help=True, help="Keys for the API.")
    group.command()(create)
    app.add_typer(group, name="key", rich_help_panel=panels.INSTALLATION)


def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, e.g. crm.")],
    scope: Annotated[
        list[str], typer.Option(help="What it may do: events:write, read, operate, admin. May be repeated.")
    ],
) -> None:
    """Make an API key and print it. It is stored as a hash: this is the only time it can be read.

    Example: sop key create crm --scope events:write
    """
    key = session.wiring().api_keys.create(name, scope)
    say(key)
    note(Sentence("Keep it now; it is not shown again. Send it as `Authorization: Bearer …`."))
