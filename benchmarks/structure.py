"""How the house stands: sizes of folders, files and functions, parameters, chains of imports. `python -m benchmarks.structure`."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("engine", "workers")
EDGES = ("engine/cli/", "engine/api/routes/")
"""Commands and endpoints: their parameters are what a person may say, and frameworks read them from the signature."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function or method, nested ones too."""

    path: str
    name: str
    lines: int
    parameters: int
    """Without `self` and `cls`."""


def files() -> list[Path]:
    """Return the modules of the product, migrations too."""
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def folder_sizes() -> Counter[str]:
    """Return how many modules lie in each folder, `__init__.py` left out."""
    return Counter(_name(path.parent) for path in files() if path.name != "__init__.py")


def file_sizes() -> Counter[str]:
    """Return the number of lines of each file."""
    return Counter({_name(path): len(path.read_text("utf-8").splitlines()) for path in files()})


@cache
def functions() -> tuple[Function, ...]:
    """Return every function of the product."""
    return tuple(each for path in files() for each in _functions(path))


def _functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Function(_name(path), node.name, size, _parameters(node.args))


def _parameters(arguments: ast.arguments) -> int:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len([each for each in every if each.arg not in ("self", "cls")])


def many_parameters(limit: int = 6) -> list[Function]:
    """Return the functions outside commands and endpoints that take `limit` parameters or more."""
    return [each for each in functions() if each.parameters >= limit and not each.path.startswith(EDGES)]


def undocumented() -> list[str]:
    """Return the public functions whose docstring lacks what it owes: their parameters (four or more), or what they raise.

    Docstrings of commands and endpoints are what a person reads as help, and say neither.
    """
    return [missing for path in files() if "migrations" not in path.parts for missing in _undocumented(path)]


def _undocumented(path: Path) -> Iterator[str]:
    edge = _name(path).startswith(EDGES)
    for node in _public(ast.parse(path.read_text("utf-8"))):
        text = ast.get_docstring(node) or ""
        if not edge and _parameters(node.args) >= 4 and "Parameters:" not in text:
            yield f"{_name(path)} {node.name}: Parameters"
        if not edge and _raises(node) and "aise" not in text:
            yield f"{_name(path)} {node.name}: Raises"


def _public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions and methods that others may call: no leading underscore on the way to them."""
    bodies = [tree.body, *(each.body for each in tree.body if isinstance(each, ast.ClassDef) and each.name[0] != "_")]
    for node in (each for body in bodies for each in body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            yield node


def _raises(node: ast.AST) -> bool:
    """Tell whether a function raises by itself: not again what it caught, not in a function inside it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if (isinstance(child, ast.Raise) and child.exc is not None) or _raises(child):
            return True
    return False


def longest_chain(package: str = "engine.core") -> list[str]:
    """Return the longest chain of imports between modules of a package; a circle of imports counts once."""
    graph = grimp.build_graph("engine")
    modules = {each for each in graph.modules if each.startswith(package + ".")}
    packages = {each for each in modules if graph.find_children(each)}
    leads_to = {
        module: sorted((graph.find_modules_directly_imported_by(module) & modules) - {module}) for module in modules
    }
    return list(max((_chain(module, leads_to, {}) for module in sorted(modules - packages)), key=len, default=()))


def _chain(
    module: str, leads_to: dict[str, list[str]], known: dict[str, tuple[str, ...]], above: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    if module not in known:
        inside = above | {module}
        further = [_chain(each, leads_to, known, inside) for each in leads_to[module] if each not in inside]
        known[module] = (module, *max(further, key=len, default=()))
    return known[module]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def main() -> None:
    """Print the figures."""
    folder, modules = folder_sizes().most_common(1)[0]
    file, lines = file_sizes().most_common(1)[0]
    sizes = sorted(each.lines for each in functions())
    longest = max(functions(), key=lambda each: each.lines)
    inner = [each for each in functions() if not each.path.startswith(EDGES)]
    many, chain = many_parameters(), longest_chain()
    print(f"modules                 {len(files())}, the most in one folder {modules} ({folder})")
    print(f"lines of a file         at most {lines} ({file})")
    print(
        f"lines of a function     median {sizes[len(sizes) // 2]}, at most {longest.lines} ({longest.path} {longest.name})"
    )
    print(f"six parameters or more  {len(many)} of {len(inner)} functions, {len(many) / len(inner):.1%}")
    print(
        f"longest chain in core   {len(chain)} modules: {' > '.join(each.removeprefix('engine.core.') for each in chain)}"
    )
    owing = undocumented()
    print(f"docstrings owing        {len(owing)}: parameters, or what is raised")
    if "--list" in sys.argv:
        print(
            *(f"  {each.parameters} {each.path} {each.name}" for each in many),
            *(f"  {each}" for each in owing),
            sep="\n",
        )


if __name__ == "__main__":
    main()
