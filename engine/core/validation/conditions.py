"""Checks of what conditions and moments compare."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from engine.core.definitions import AttributeType, Comparison
from engine.core.problems import Loc, Problem
from engine.core.validation.files import Part, Subject
from engine.core.validation.fitting import OPERATORS, fits, wanted
from engine.core.validation.patterns import danger


def comparisons_fit(subject: Part) -> Iterator[Problem]:
    """A comparison of an attribute is one that makes sense of its type, with a value of that type."""
    for loc, name, comparison in subject.comparisons():
        declared = subject.engine.attributes.get(name) if name is not None else None
        if name is not None and declared is not None:
            yield from _misfits(subject, loc, name, comparison, declared.type)
    for loc, condition in subject.conditions():
        for metric, comparison in (condition.metric or {}).items():
            yield from _misfits(subject, (*loc, "metric", metric), metric, comparison, "number")


def _misfits(subject: Part, loc: Loc, name: str, comparison: Comparison, kind: AttributeType) -> Iterator[Problem]:
    for operator, limit in written(comparison):
        allowed = OPERATORS[kind]
        if operator not in allowed:
            message = (
                f"`{operator}` does not fit `{name}`, which is declared as {kind}; write one of: {', '.join(allowed)}"
            )
            yield subject.error((*loc, operator), message, key=True)
        elif operator not in ("exists", "contains", "matches"):
            values = limit if operator == "in" else (limit,)
            wrong = next((each for each in values if not fits(each, kind)), None)
            if wrong is not None:
                message = f"`{name}` is declared as {kind} and is compared with `{wrong}`; write {wanted(kind)}"
                yield subject.error((*loc, operator), message)


def written(comparison: Comparison) -> list[tuple[str, Any]]:
    """Return the comparisons that are written, as in the YAML, with what is compared with."""
    return [(field.rstrip("_"), getattr(comparison, field)) for field in sorted(comparison.model_fields_set)]


def patterns_safe(subject: Part) -> Iterator[Problem]:
    """A regular expression compiles and cannot run for ever."""
    for loc, _, comparison in subject.comparisons():
        if comparison.matches is None:
            continue
        try:
            re.compile(comparison.matches)
            reason = danger(comparison.matches)
        except (re.error, OverflowError, RecursionError) as error:
            reason = f"is no regular expression ({error}); a text is found as it stands with `contains`"
        if reason:
            yield subject.error((*loc, "matches"), f"`{comparison.matches}` {reason}")


def start_is_known(subject: Subject) -> Iterator[Problem]:
    """`since: start` stands only where there is a start: not in the SOP's own `when`."""
    for loc, condition in subject.conditions():
        since = next((each.since for each in (condition.seen, condition.touched) if each), None)
        if loc[0] == "when" and since == "start":
            message = "`since: start` has no meaning before the start; write a duration such as 7d, or leave it out"
            yield subject.error((*loc, condition.kind, "since"), message)
