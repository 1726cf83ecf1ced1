"""`sop segments preview`: what segments.yaml comes to, before it is applied."""

from __future__ import annotations

from dataclasses import asdict

import typer

from engine import definitions_yaml
from engine.cli import session
from engine.cli.definitions import folder as folders
from engine.cli.definitions.folder import Folder
from engine.cli.session import AsJson
from engine.cli.views.output import Column, as_json, note, on_terminal, say, table
from engine.core.errors import DefinitionError
from engine.services.rollout.preview_segments import DimensionPreview, Preview

_PANEL = "Definitions"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    segments = typer.Typer(no_args_is_help=True, help="Segments and computed dimensions of segments.yaml.")
    segments.callback()(_group)
    segments.command()(preview)
    app.add_typer(segments, name="segments", rich_help_panel=_PANEL)


def _group() -> None:
    """Segments and computed dimensions of segments.yaml."""


def preview(directory: Folder = None, json_: AsJson = False) -> None:
    """Show how many customers each segment and value would have, and who would move from where to where. Nothing is written.

    Example: sop segments preview my_sops
    """
    path, loaded = folders.read(directory)
    if loaded.engine is None or loaded.segments is None:
        wrong = [each for each in loaded.errors if not each.file.startswith("sops/")]
        say(definitions_yaml.render_problems(wrong))
        raise DefinitionError(f"{path}: correct the errors above first")
    quiet = json_ or not on_terminal()
    found = session.wiring().segment_previewer.preview(
        loaded.engine, loaded.segments, lambda said: None if quiet else note(f"… {said}")
    )
    if json_:
        as_json(asdict(found))
        return
    _show(found)
    if not (found.segments or found.dimensions):
        note(f"{path}: segments.yaml defines no segments and no dimensions")


def _show(found: Preview) -> None:
    """Print one line a segment, value or move."""
    columns = [Column("kind"), Column("name"), Column("value"), Column("customers")]
    lines = [("segment", name, "", number) for name, number in found.segments.items()]
    for name, dimension in found.dimensions.items():
        lines += _lines(name, dimension)
    if lines:
        table(columns, lines)


def _lines(name: str, dimension: DimensionPreview) -> list[tuple[str, str, str, int]]:
    lines = [("value", name, value, number) for value, number in dimension.sizes.items()]
    lines += [("move", name, f"{each.before or '-'} → {each.after}", each.customers) for each in dimension.moves]
    if dimension.undecided:
        lines.append(("undecided", name, "no value holds; they stay", dimension.undecided))
    return lines
