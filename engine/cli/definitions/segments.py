"""`sop segments preview`: what segments.yaml comes to, before it is applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import typer

from engine import definitions_yaml
from engine.cli import panels, session
from engine.cli.commands import Commands
from engine.cli.definitions import folder as folders
from engine.cli.definitions.folder import Folder
from engine.cli.session import AsJson
from engine.cli.views.output import Column, as_json, coded, note, on_terminal, say, table
from engine.core.errors import DefinitionError
from engine.core.sentence import Sentence
from engine.services.rollout.preview_segments import DimensionPreview, Preview

_KIND = Sentence.within("column", "kind")
_NAME = Sentence.within("column", "name")
_VALUE = Sentence.within("column", "value")
_CUSTOMERS = Sentence.within("column", "customers")
_KINDS = {
    "segment": Sentence.within("kind", "segment"),
    "value": Sentence.within("kind", "value"),
    "move": Sentence.within("kind", "move"),
    "undecided": Sentence.within("kind", "undecided"),
}
_Line = tuple[str, str, str, int]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    segments = Commands(no_args_is_help=True, help="Segments and computed dimensions of segments.yaml.")
    segments.callback()(_group)
    segments.command()(preview)
    app.add_typer(segments, name="segments", rich_help_panel=panels.DEFINITIONS)


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
        raise DefinitionError(Sentence("{path}: correct the errors above first", path=path))
    quiet = json_ or not on_terminal()
    found = session.wiring().segment_previewer.preview(
        loaded.engine, loaded.segments, lambda said: None if quiet else note(Sentence("… {said}", said=said))
    )
    if json_:
        as_json(asdict(found))
        return
    _show(found)
    if not (found.segments or found.dimensions):
        note(Sentence("{path}: segments.yaml defines no segments and no dimensions", path=path))


def _show(found: Preview) -> None:
    """Print one line a segment, value or move."""
    columns = [Column(each) for each in (_KIND, _NAME, _VALUE, _CUSTOMERS)]
    lines: list[_Line] = [(coded("segment", _KINDS), name, "", number) for name, number in found.segments.items()]
    for name, dimension in found.dimensions.items():
        lines += _lines(name, dimension)
    if lines:
        table(columns, lines)


def _lines(name: str, dimension: DimensionPreview) -> Iterator[_Line]:
    for value, number in dimension.sizes.items():
        yield coded("value", _KINDS), name, value, number
    for each in dimension.moves:
        yield coded("move", _KINDS), name, f"{each.before or '-'} → {each.after}", each.customers
    if dimension.undecided:
        yield coded("undecided", _KINDS), name, Sentence("no value holds; they stay"), dimension.undecided
