"""Places of problems that core found: it knows the way in the definition, the file knows where that stands."""

from __future__ import annotations

from dataclasses import replace

from engine.core.problems import Loc, Problem
from engine.core.sentence import Sentence
from engine.definitions_yaml.nodes import Node


def placed(problem: Problem, root: Node | None, text: str) -> Problem:
    """Return the problem with line and column; inside a template, those of the word itself where they can be known.

    Parameters:
        root: the file's nodes; None leaves the problem at the file's beginning.
    """
    if root is None:
        return replace(problem, line=1, column=1)
    loc: Loc = problem.extra.get("loc", ())
    node, _ = root.at(loc)
    inside = problem.extra.get("line")
    if inside and node.kind == "word":
        return _in_template(problem, node, text.split("\n"), inside, problem.extra.get("column", 0))
    line, column = root.place(loc, key=bool(problem.extra.get("key")))
    return replace(problem, line=line, column=column)


def _in_template(problem: Problem, node: Node, lines: list[str], inside: int, column: int) -> Problem:
    if node.style == "|":
        first = lines[node.line] if node.line < len(lines) else ""
        indent = len(first) - len(first.lstrip(" "))
        return replace(problem, line=node.line + inside, column=indent + max(column, 1))
    if inside == 1 and "\\" not in node.raw and node.style != ">":
        return replace(problem, line=node.line, column=node.column + bool(node.style) + max(column, 1) - 1)
    message = Sentence("{said} (line {line} of the text)", said=problem.message, line=inside)
    return replace(problem, line=node.line, column=node.column, message=message)
