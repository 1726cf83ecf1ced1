"""`sop db upgrade`: the database's schema."""

from __future__ import annotations

import typer

from engine.cli import panels, session
from engine.cli.commands import Commands
from engine.cli.views.output import say
from engine.core.sentence import Sentence
from engine.store import schema


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = Commands(no_args_is_help=True, help="The database's schema.")
    group.command()(upgrade)
    app.add_typer(group, name="db", rich_help_panel=panels.INSTALLATION)


def upgrade() -> None:
    """Bring the database's schema up to date. Safe to repeat, and from several machines at once.

    Example: SOP_DATABASE_URL=postgresql://sop@db/sop sop db upgrade
    """
    engine = session.wiring().engine
    before = schema.current(engine)
    schema.upgrade(engine)
    after = schema.current(engine)
    if before == after:
        say(Sentence("schema {version}, nothing to do", version=after))
    else:
        say(Sentence("schema {before} → {after}", before=before or Sentence.within("schema", "empty"), after=after))
