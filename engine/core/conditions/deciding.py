"""Which of the recorded evaluations decided: what an operator wants to know of a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_GROUPS = ("all", "any")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One condition as it was evaluated."""

    path: str
    """Its way in the YAML: when/0/not/attr/budget."""
    kind: str
    """tag, is, attr, seen, touched, in_sop or event."""
    name: str | None
    """The dimension, attribute or field asked about, where the kind has one."""
    wanted: Any
    actual: Any
    negated: bool
    """It stands under an odd number of `not`."""
    holds: bool | None
    """What it came to, its `not`s applied; None: unknown."""
    unknown: str | None = None
    """The value that was not known."""


def decisive_evaluations(trace: Sequence[dict[str, Any]] | None) -> list[Evaluation]:
    """Return the evaluations that made a group of conditions fail: those that are false, else those that are unknown.

    Conditions are evaluated in order up to the first that fails, so a false one stands in the last group of the trace.
    """
    read = evaluations(trace)
    if not read:
        return []
    last = _group(read[-1].path)
    false = [each for each in read if each.holds is False and _group(each.path) == last]
    return false or [each for each in read if each.holds is None]


def evaluations(trace: Sequence[dict[str, Any]] | None) -> list[Evaluation]:
    """Return all that was evaluated, in order."""
    return [_evaluation(entry) for entry in trace or ()]


def _evaluation(entry: dict[str, Any]) -> Evaluation:
    path = str(entry["path"])
    kind, name, negated = _parsed(_below_root(path))
    holds = entry.get("holds")
    effective = None if holds is None else bool(holds) is not negated
    return Evaluation(
        path, kind, name, entry.get("wanted"), entry.get("actual"), negated, effective, entry.get("unknown")
    )


def _group(path: str) -> str:
    """Return the top-level condition a path lies in: when/0, or steps/d3/when/0; all variants of a step are one group."""
    parts = path.split("/")
    return "/".join(parts[: 3 if _of_variant(parts) else _depth(parts)])


def _depth(parts: list[str]) -> int:
    """Return how many parts of a path lead to its top-level condition."""
    return 6 if _of_variant(parts) else 4 if parts[0] == "steps" else 2


def _of_variant(parts: list[str]) -> bool:
    return parts[0] == "steps" and parts[2:3] == ["variants"]


def _below_root(path: str) -> list[str]:
    parts = path.split("/")
    return parts[_depth(parts) :]


def _parsed(parts: list[str]) -> tuple[str, str | None, bool]:
    """Return kind, name and whether it is negated, of a way such as not / any / 0 / is / stage.

    A segment is looked into: what decided is a condition of its own.
    """
    negated = False
    while parts and parts[0] in (*_GROUPS, "not", "segment"):
        if parts[0] == "not":
            negated = not negated
        parts = parts[{"not": 1, "segment": 3}.get(parts[0], 2) :]
    kind = parts[0] if parts else ""
    return kind, "/".join(parts[1:]) or None, negated


def happening(wanted: Any) -> tuple[str, str | None]:
    """Return what a `seen` or `touched` asked for and since when (ISO 8601); earlier versions wrote `purchase since 2026-…`."""
    if isinstance(wanted, Mapping):
        return str(wanted["what"]), str(wanted["since"])
    what, _, since = str(wanted).partition(" since ")
    return what, since or None
