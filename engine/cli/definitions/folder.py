"""The definitions folder a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from engine import definitions_yaml
from engine.core.errors import DefinitionError, NotFound
from engine.core.problems import Problem
from engine.core.sentence import Sentence
from engine.definitions_yaml import Loaded
from engine.settings import Settings
from engine.wiring import CHANNEL_TYPES

Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DIR]",
        help="Folder of engine.yaml and sops/; without it, SOP_DEFINITIONS.",
        show_default="sop_definitions",
    ),
]


def read(folder: Path | None) -> tuple[Path, Loaded]:
    """Return the folder and what it defines, with every problem. Raises NotFound where there is no such folder."""
    path = folder or Settings().definitions
    if not path.is_dir():
        raise NotFound(
            Sentence(
                "no folder `{folder}`; name the one that holds engine.yaml, or make one with `sop init {folder}`",
                folder=path,
            )
        )
    return path, definitions_yaml.load(path, CHANNEL_TYPES)


def checked(folder: Path) -> Loaded:
    """Return what a folder defines. Raises DefinitionError listing every problem where there is an error."""
    _, loaded = read(folder)
    if loaded.errors:
        raise DefinitionError(definitions_yaml.render_problems(loaded.problems))
    return loaded


def sources(loaded: Loaded) -> dict[str, tuple[str | None, str]]:
    """Return what is applied: by file name, the SOP's id (None for engine.yaml) and the text."""
    ids = {file: sop for sop, file in loaded.files.items()}
    return {name: (ids.get(name), text) for name, text in loaded.sources.items()}


def problem_as_dict(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON has it."""
    return {
        "level": problem.level, "file": problem.file, "line": problem.line, "column": problem.column, "path": problem.path,
        "message": problem.message,
    }  # fmt: skip
