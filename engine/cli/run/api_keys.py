"""`sop key create`: access to the API."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli import session
from engine.cli.views.output import note, say
from engine.services.operations.api_keys import SCOPES


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Keys for the API.")
    group.command()(create)
    app.add_typer(group, name="key", rich_help_panel="Installation")


def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, e.g. crm.")],
    scope: Annotated[list[str], typer.Option(help=f"What it may do: {', '.join(SCOPES)}. May be repeated.")],
) -> None:
    """Make an API key and print it. It is stored as a hash: this is the only time it can be read.

    Example: sop key create crm --scope events:write
    """
    key = session.wiring().api_keys.create(name, scope)
    say(key)
    note("Keep it now; it is not shown again. Send it as `Authorization: Bearer …`.")
