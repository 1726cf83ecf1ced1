"""Finds every sentence in the source that a person may read: what the catalogue must have a Chinese one of.

Sentences are found where they are marked, by reading the source without importing it:

- `Sentence("…")`, `Sentence.within("context", "…")`, `Sentence.counted("one", "many", …)`, `words.say("…")`
- docstrings of `SopError` and its kin, which are their default messages
- on the command line: docstrings of commands, `help="…"`, `epilog="…"`
- of the models a definition is made of, which editors and the reference show: docstrings and `description="…"`
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TEMPLATE = re.compile(r"words\.say\('([^']+)'")
ENGINE = Path(__file__).parents[1]

_ERRORS = (
    "SopError",
    "DefinitionError",
    "EventError",
    "TemplateError",
    "InstallationError",
    "NotFound",
    "ChannelError",
)
_MODELS = ("core/definitions/", "channels/", "schema/")
_MODEL_BASES = ("Model", "OneOf", "Moment", "ChannelConfig")
"""What such a model derives from; these themselves but `Moment` are parts of no definition."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """A sentence of the source, in English."""

    msgid: str
    context: str | None
    many: str | None
    file: str
    """Relative to the package."""
    line: int


def extracted() -> list[Extracted]:
    """Return every marked sentence of the package, in the order of files and lines."""
    modules = [
        each for path in sorted(ENGINE.rglob("*.py")) for each in of_source(path.read_text("utf-8"), _name(path))
    ]
    return modules + [
        each for path in sorted(ENGINE.rglob("*.j2")) for each in of_template(path.read_text("utf-8"), _name(path))
    ]


def _name(path: Path) -> str:
    return path.relative_to(ENGINE).as_posix()


def of_source(source: str, file: str) -> list[Extracted]:
    """Return the marked sentences of one module."""
    tree = ast.parse(source)
    commands = _registered(tree) if file.startswith("cli/") else set()
    found: list[Extracted] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found += _of_call(node, file)
        elif isinstance(node, ast.ClassDef) and (_is_error(node) or _is_model(node, file)):
            found += _docstring(node, file, whole=not _is_error(node))
        elif isinstance(node, ast.FunctionDef) and node.name in commands:
            found += _docstring(node, file, whole=True)
    return sorted(found, key=lambda each: each.line)


def of_template(text: str, file: str) -> list[Extracted]:
    """Return what a Jinja template says: `words.say('…')`."""
    return [
        Extracted(found[1], None, None, file, text[: found.start()].count("\n") + 1)
        for found in _TEMPLATE.finditer(text)
    ]


def _of_call(node: ast.Call, file: str) -> Iterator[Extracted]:
    texts = [_text(each) for each in node.args]
    first, second = [*texts, None, None][:2]
    match node.func:
        case ast.Name("Sentence") if first:
            yield Extracted(first, None, None, file, node.lineno)
        case ast.Attribute(ast.Name("Sentence"), "within") if first is not None and second is not None:
            yield Extracted(second, first, None, file, node.lineno)
        case ast.Attribute(ast.Name("Sentence"), "counted") if first is not None and second is not None:
            yield Extracted(first, None, second, file, node.lineno)
        case ast.Attribute(_, "say") if first is not None:
            yield Extracted(first, None, None, file, node.lineno)
    keywords = ("help", "epilog") if file.startswith("cli/") else ("description",) if file.startswith(_MODELS) else ()
    for each in node.keywords:
        if each.arg in keywords and (said := _text(each.value)):
            yield Extracted(said, None, None, file, each.value.lineno)


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_error(node: ast.ClassDef) -> bool:
    return node.name == "SopError" or any(isinstance(each, ast.Name) and each.id in _ERRORS for each in node.bases)


def _is_model(node: ast.ClassDef, file: str) -> bool:
    bases = {each.id for each in node.bases if isinstance(each, ast.Name)}
    return file.startswith(_MODELS) and node.name != "OneOf" and not bases.isdisjoint(_MODEL_BASES)


def _docstring(node: ast.ClassDef | ast.FunctionDef, file: str, *, whole: bool) -> Iterator[Extracted]:
    said = ast.get_docstring(node)
    if said:
        yield Extracted(inspect.cleandoc(said) if whole else said.splitlines()[0], None, None, file, node.lineno)


def _registered(tree: ast.Module) -> set[str]:
    """Return the names that a module of commands hands to Typer: everything its `register` and its decorators name."""
    named = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "register"]
    return {each.id for node in named for each in ast.walk(node) if isinstance(each, ast.Name)}
