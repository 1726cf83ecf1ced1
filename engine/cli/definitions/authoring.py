"""`sop init · validate · schema`: the definitions folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from engine import definitions_yaml
from engine.cli import panels
from engine.cli.definitions import folder as folders
from engine.cli.definitions.folder import Folder
from engine.cli.language import language
from engine.cli.session import AsJson
from engine.cli.views.output import as_json, note, say
from engine.core import os_errors
from engine.core.errors import SopError, did_you_mean
from engine.core.sentence import Sentence
from engine.definitions_yaml import Loaded
from engine.definitions_yaml.shipped import shipped_definitions
from engine.messages.languages import speech
from engine.schema import json_schema as schemas
from engine.schema import reference as references
from engine.schema.reference_pages import EDITIONS
from engine.wiring import CHANNEL_TYPES

_SCHEMAS = {
    "engine.schema.json": "engine.yaml",
    "segments.schema.json": "segments.yaml",
    "sop.schema.json": "sops/*.yaml",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (init, validate, schema, reference):
        app.command(rich_help_panel=panels.DEFINITIONS)(command)


def init(directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")]) -> None:
    """Make a folder of commented definitions, ready to edit.

    Example: sop init my_sops; sop validate my_sops; sop apply my_sops
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise SopError(Sentence("`{folder}` is not empty; name a new folder, nothing was written", folder=directory))
    try:
        shutil.copytree(shipped_definitions(), directory, dirs_exist_ok=True)
        write_schemas(directory)
        _point_at_schemas(directory)
    except OSError as error:
        raise SopError(
            Sentence("cannot write to `{folder}`: {why}", folder=directory, why=os_errors.reason(error))
        ) from error
    for path in sorted(each for each in directory.rglob("*.yaml")):
        say(str(path))
    note(Sentence("Edit them, then `sop validate {folder}` and `sop apply {folder}`.", folder=directory))


def _point_at_schemas(directory: Path) -> None:
    """Begin each file with the line by which editors find its schema, for completion and hover texts."""
    for path in directory.rglob("*.yaml"):
        path.write_text(f"{_schema_line(path.name)}\n{path.read_text('utf-8')}", "utf-8")


def _schema_line(file: str) -> str:
    """Return the first line of engine.yaml, segments.yaml, or any other name: an SOP's file."""
    schema_file = f"{Path(file).stem}.schema.json" if file in ("engine.yaml", "segments.yaml") else "../sop.schema.json"
    return f"# yaml-language-server: $schema={schema_file}"


def validate(directory: Folder = None, json_: AsJson = False) -> None:
    """Check definitions: every problem with file, line, column and remedy. Exit code 1 if there is an error.

    Example: sop validate my_sops
    """
    path, loaded = folders.read(directory)
    if json_:
        as_json([folders.problem_as_dict(each) for each in loaded.problems])
    else:
        if loaded.problems:
            say(definitions_yaml.render_problems(loaded.problems))
        note(_summary(path, loaded))
    raise typer.Exit(1 if loaded.errors else 0)


def _summary(path: Path, loaded: Loaded) -> Sentence:
    return Sentence(
        "{path}: {sops}, {errors}, {warnings}",
        path=path,
        sops=Sentence.counted("{number:,} SOP is fine", "{number:,} SOPs are fine", len(loaded.sops)),
        errors=Sentence.counted("{number:,} error", "{number:,} errors", len(loaded.errors)),
        warnings=Sentence.counted("{number:,} warning", "{number:,} warnings", len(loaded.warnings)),
    )


def schema(
    engine: Annotated[
        bool, typer.Option("--engine", help="The schema of engine.yaml instead of that of an SOP.")
    ] = False,
    segments: Annotated[
        bool, typer.Option("--segments", help="The schema of segments.yaml instead of that of an SOP.")
    ] = False,
    write: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write all schemas into this definitions folder.")
    ] = None,
) -> None:
    """Print the JSON Schema of an SOP file, for completion and checks in an editor.

    Example: sop schema --write my_sops
    """
    if write is None:
        say(_schema_text("engine.schema.json" if engine else "segments.schema.json" if segments else "sop.schema.json"))
        return
    if not write.is_dir():
        raise SopError(Sentence("no folder `{folder}`; name the definitions folder", folder=write))
    write_schemas(write)
    note(Sentence("Put this on the first line of engine.yaml:"))
    say(_schema_line("engine.yaml"))
    note(Sentence("on the first line of segments.yaml:"))
    say(_schema_line("segments.yaml"))
    note(Sentence("and this on the first line of each file in sops/:"))
    say(_schema_line("any.yaml"))


def reference(
    page: Annotated[
        str, typer.Argument(help="One page: engine, segments, sop, steps, moments, conditions, channels.")
    ] = "README",
    write: Annotated[Path | None, typer.Option(metavar="DIR", help="Write all pages into this folder.")] = None,
) -> None:
    """Print a page of the reference: every key of the definitions, its values, its default, what it means.

    Example: sop reference steps
    """
    pages = _reference(language())
    if write is not None:
        _write_reference(write)
    elif f"{page}.md" in pages:
        say(pages[f"{page}.md"])
    else:
        names = [name.removesuffix(".md") for name in pages]
        raise SopError(
            Sentence("no page `{page}`; there are: {pages}.", page=page, pages=names) + did_you_mean(page, names)
        )


def _reference(language: str) -> dict[str, str]:
    return references.pages(CHANNEL_TYPES, language, speech(language))


def _write_reference(directory: Path) -> None:
    """Write the pages of every language, which lead to each other."""
    for tongue, edition in EDITIONS.items():
        folder = directory / edition.folder
        folder.mkdir(parents=True, exist_ok=True)
        for page, text in _reference(tongue).items():
            (folder / page).write_text(text, encoding="utf-8")


def write_schemas(directory: Path) -> None:
    """Write the schemas of all kinds of file into a definitions folder, with hover texts in the reader's language."""
    for name in _SCHEMAS:
        (directory / name).write_text(_schema_text(name) + "\n", encoding="utf-8")


def _schema_text(name: str) -> str:
    said = speech(language())
    made = {
        "engine.schema.json": lambda: schemas.engine_schema(CHANNEL_TYPES, said),
        "segments.schema.json": lambda: schemas.segments_schema(said),
    }
    whole = made.get(name, lambda: schemas.sop_schema(said))()
    return json.dumps(whole, ensure_ascii=False, indent=2)
