"""`sop diff · plan · versions`: what applying definitions would change, before it is done."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError

from engine import definitions_yaml
from engine.cli import panels, session
from engine.cli.definitions import folder as folders
from engine.cli.definitions.folder import Folder
from engine.cli.language import language
from engine.cli.session import AsJson
from engine.cli.views import plan as view
from engine.cli.views.output import Column, as_json, at, json_text, note, on_terminal, say, table
from engine.core import os_errors
from engine.core.errors import DefinitionError, NotFound, SopError
from engine.core.rollout.basis import Basis
from engine.core.sentence import Sentence
from engine.messages.story import StoryFormatter
from engine.services.rollout.plan_apply import Plan, Target
from engine.wiring import Wiring

_FORMAT = "sop-plan/1"
_MOST_DAYS = 366

Generation = Annotated[
    int | None, typer.Option("--version", metavar="N", min=1, help="The definitions of an earlier generation, instead of a folder's.")
]  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (diff, plan, versions):
        app.command(rich_help_panel=panels.DEFINITIONS)(command)


def diff(directory: Folder = None, version: Generation = None, json_: AsJson = False) -> None:
    """Say what differs between a folder and what is in force, field by field, steps by their id.

    Example: sop diff my_sops; sop diff --version 3
    """
    parts = session.wiring()
    _, target = target_of(parts, directory, version)
    found, words = parts.apply_planner.diff(target), StoryFormatter(language(), None)
    if json_:
        as_json(view.differences_as_dict(found, words))
        return
    view.show_differences(found, words, whole=True)


def plan(
    directory: Folder = None,
    version: Generation = None,
    days: Annotated[
        int, typer.Option(min=0, max=_MOST_DAYS, help="Work out what goes out for so many days ahead; 0: not at all.")
    ] = 14,
    sample: Annotated[
        int, typer.Option(min=1, help="Look at so many customers at most, for each SOP and for what goes out; scaled up beyond.")
    ] = 2_000,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the plan, for `sop apply --plan FILE`.")
    ] = None,
    json_: AsJson = False,
) -> None:  # fmt: skip
    """Show what applying would do: what changes, which timelines end, get or lose steps, who joins, what goes out. Nothing is written.

    Example: sop plan my_sops; sop plan my_sops --out plan.json; sop plan --version 3
    """
    parts = session.wiring()
    path, target = target_of(parts, directory, version)
    quiet = json_ or not on_terminal()
    found = parts.apply_planner.plan(target, days or None, sample, lambda said: _going_on(said, quiet))
    words = StoryFormatter(language(), found.zone)
    if out is not None:
        write(out, found, path, words)
    if json_:
        as_json(view.plan_as_dict(found, words))
        return
    if target.loaded.warnings:
        note(definitions_yaml.render_problems(target.loaded.warnings))
    view.show_plan(found, words)
    if out is not None:
        note(f"\nsop apply --plan {out}")


def _going_on(said: str, quiet: bool) -> None:
    if not quiet:
        note(Sentence("… {said}", said=said))


def versions(
    newest: Annotated[int, typer.Option("--newest", "-n", min=1, help="So many, the newest first.")] = 20,
    json_: AsJson = False,
) -> None:
    """List the generations: number, when, who, what each changed. `sop plan --version N` shows what going back would do.

    Example: sop versions; sop plan --version 3; sop apply --version 3
    """
    parts = session.wiring()
    found = parts.version_history.newest(newest)
    if json_:
        as_json([asdict(each) for each in found])
        return
    zone, words = session.zone_of(parts), StoryFormatter(language(), None)
    columns = [
        Column(Sentence.within("column", "generation")), Column(Sentence.within("column", "applied")),
        Column(Sentence.within("column", "by")), Column(Sentence.within("column", "what")),
    ]  # fmt: skip
    table(
        columns, ([each.generation, at(each.at, zone), each.who, view.generation_said(each, words)] for each in found)
    )


# ── shared with apply ────────────────────────────────────────────────────────────────────────────────────────


def target_of(parts: Wiring, directory: Path | None, version: int | None) -> tuple[Path | None, Target]:
    """Return the definitions asked for, and the folder they stand in. Problems of a folder are printed.

    Raises DefinitionError where the folder has an error, NotFound where there is no such folder or generation.
    """
    if version is not None:
        if directory is not None:
            raise SopError(Sentence("name a folder or --version, not both"))
        return None, parts.apply_planner.generation(version)
    path, loaded = folders.read(directory)
    if loaded.errors:
        say(definitions_yaml.render_problems(loaded.problems))
        raise DefinitionError(
            Sentence.counted(
                "{path}: correct the {number:,} error above first",
                "{path}: correct the {number:,} errors above first",
                len(loaded.errors),
                path=path,
            )
        )
    return path, Target(folders.sources(loaded), loaded)


def write(file: Path, found: Plan, folder: Path | None, words: StoryFormatter) -> None:
    """Write a plan into a file, with what it was made on.

    Parameters:
        folder: the folder it is about; None: an earlier generation.
        words: in whose language the plan's sentences are written.

    Raises SopError where the file cannot be written.
    """
    whole = {
        "format": _FORMAT, "folder": str(folder.resolve()) if folder else None, "plan": view.plan_as_dict(found, words)
    }  # fmt: skip
    try:
        file.write_text(json_text(whole) + "\n", encoding="utf-8")
    except OSError as error:
        raise SopError(Sentence("cannot write `{file}`: {why}", file=file, why=os_errors.reason(error))) from error


def read(file: Path) -> tuple[Path | None, Basis]:
    """Return the folder a plan file is about (None: an earlier generation), and what the plan was made on.

    Raises NotFound or SopError where the file cannot be used.
    """
    try:
        whole: Any = orjson.loads(file.read_bytes())
        if not isinstance(whole, dict) or whole.get("format") != _FORMAT:
            raise SopError(
                Sentence("`{file}` is no plan of this version; write one with `sop plan --out {file}`", file=file)
            )
        return Path(whole["folder"]) if whole["folder"] else None, Basis.model_validate(whole["plan"]["basis"])
    except OSError as error:
        raise NotFound(
            Sentence(
                "cannot read `{file}`: {why}; write a plan with `sop plan --out {file}`",
                file=file,
                why=os_errors.reason(error),
            )
        ) from error
    except (json.JSONDecodeError, KeyError, TypeError, ValidationError) as error:
        raise SopError(
            Sentence("`{file}` is no whole plan; write one with `sop plan --out {file}`", file=file)
        ) from error
