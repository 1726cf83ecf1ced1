"""Nodes to models: pydantic validates, its errors become problems with their places, one for each mistake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine.core.errors import nearest
from engine.core.problems import Loc, Problem, show
from engine.core.sentence import Sentence
from engine.definitions_yaml import keys, wording
from engine.definitions_yaml.nodes import Node

M = TypeVar("M", bound=BaseModel)

_BARE = frozenset(("customer_created", "friend_added", "friend_removed", "replied"))
"""Moments that need no detail: `- replied:` is as good as `- replied`."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of a file that a model is made of."""

    root: Node
    file: str
    prefix: Loc
    """The way from the file's root to it, for places and messages."""

    def problem(self, loc: Loc, message: Sentence, *, key: bool = False) -> Problem:
        """Return a problem at the end of a way in this part; `key`: at the key, not at its value."""
        line, column = self.root.place(loc, key=key)
        whole = (*self.prefix, *loc)
        return Problem(message, "/".join(map(str, whole)), self.file, line, column, extra={"loc": whole})


def validate(model: type[M], node: Node, file: str, prefix: Loc = ()) -> tuple[M | None, list[Problem]]:
    """Return the model made of a node, None where something is wrong, and the problems.

    Parameters:
        prefix: the way from the file's root to the node, for places and messages.
    """
    part = _Part(node, file, prefix)
    problems = [part.problem(loc, _empty(loc, prefix)) for loc in _empties(node)]
    if node.kind != "map":
        message = Sentence(
            "found {found}; wanted `key: value` pairs, beginning with {names}",
            found=wording.found(node), names=_first_keys(model),
        )  # fmt: skip
        return None, problems or [Problem(message, file=file, line=node.line, column=node.column)]
    try:
        made = model.model_validate(node.plain)
    except ValidationError as error:
        seen = {(problem.line, problem.column) for problem in problems}
        details = error.errors(include_url=False)
        further = (each for each in _problems(model, details, part) if (each.line, each.column) not in seen)
        return None, [*problems, *further]
    return (None if problems else made), problems


def _first_keys(model: type[BaseModel]) -> list[str]:
    return [f"`{info.alias or name}`" for name, info in list(model.model_fields.items())[:3]]


def _empties(root: Node) -> Iterator[Loc]:
    """Yield the way to each value that is not written; moments without detail become empty maps."""
    for loc, node in root.walk():
        if node.kind != "word" or node.value is not None:
            continue
        if loc and loc[-1] in _BARE and (loc[-3:-2] in (("trigger",), ("exit",)) or loc[:-1] == ("goal",)):
            node.kind = "map"
        elif loc:
            yield loc


def _empty(loc: Loc, prefix: Loc) -> Sentence:
    return Sentence(
        "`{place}` is empty; write a value or remove it (a text that begins with # needs quotes)",
        place=show((*prefix, *loc)),
    )


def _problems(model: type[BaseModel], errors: list[ErrorDetails], part: _Part) -> Iterator[Problem]:
    located = _without_echoes(model, [_Located(error, part.root) for error in errors])
    places = {each.loc for each in located}
    for _, group in groupby(located, key=lambda each: each.union):
        for loc, members in groupby(_of_fitting_branch(list(group)), key=lambda each: each.loc):
            same_place = list(members)
            if _echo(same_place, places):
                continue
            yield _problem(model, [each.error for each in same_place], loc, part)


def _without_echoes(model: type[BaseModel], located: list[_Located]) -> list[_Located]:
    """A misspelt key is unknown and the right one missing: it is one mistake."""
    unknown = [each.loc for each in located if each.error["type"] == "extra_forbidden"]
    meant = {(*loc[:-1], nearest(str(loc[-1]), keys.allowed_at(model, loc[:-1]))) for loc in unknown}
    return [each for each in located if each.error["type"] != "missing" or each.loc not in meant]


def _echo(said: list[_Located], places: set[Loc]) -> bool:
    """A list counts as empty for pydantic when all its entries are wrong: those are told already."""
    loc = said[0].loc
    deeper = any(len(other) > len(loc) and other[: len(loc)] == loc for other in places)
    return deeper and all(each.error["type"] == "too_short" for each in said)


def _problem(model: type[BaseModel], errors: list[ErrorDetails], loc: Loc, part: _Part) -> Problem:
    kinds = {error["type"] for error in errors}
    if kinds == {"extra_forbidden"}:
        return part.problem(loc, keys.unknown(model, loc, part.prefix), key=True)
    if kinds == {"missing"}:
        return part.problem(loc[:-1], keys.missing(model, loc, part.prefix))
    node, _ = part.root.at(loc)
    return part.problem(loc, wording.describe(errors, node, (*part.prefix, *loc)))


class _Located:
    """One of pydantic's errors with its place in the file, and the union it came from."""

    def __init__(self, error: ErrorDetails, root: Node) -> None:
        self.error = error
        self.branch: str | None = None
        self.union: Loc = error["loc"]
        self.deeper = False
        self.loc = self._locate(error, root)

    def _locate(self, error: ErrorDetails, root: Node) -> Loc:
        node, way = root, []
        names_key = error["type"] in ("extra_forbidden", "missing")
        for index, part in enumerate(error["loc"]):
            last = index == len(error["loc"]) - 1
            child = node.child(part)
            if child is not None or (last and names_key):
                way.append(part)
                node = child or node
                self.deeper = self.branch is not None
            elif self.branch is None and not isinstance(part, int) and _is_label(part):
                self.branch = part
                self.union = tuple(way)
        if self.branch is None:
            self.union = tuple(way)
        return tuple(way)


def _is_label(part: str) -> bool:
    """Tell a union's member (`function-before[..]`, `AllTags`, `int`) from a short form's key (`eq`, `mode`)."""
    return "[" in part or part[:1].isupper() or part in ("bool", "int", "float", "date", "datetime", "str")


def _of_fitting_branch(group: list[_Located]) -> list[_Located]:
    """Of a union's branches keep the ones whose kind fits; all of them where none does."""
    fitting = [each for each in group if each.deeper or not wording.is_kind_error(each.error)]
    return fitting or group
