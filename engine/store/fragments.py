"""SQL that is joined to other SQL: a type of its own, so that a text from elsewhere never becomes part of a statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SqlFragment:
    """A piece of SQL, or the whole of a statement, with the values it binds.

    Made of literals of a module (`sql`, `SqlFragment("…")`), of columns (`engine.store.columns`), and by the two modules that compile
    definitions (`condition_sql`, `metrics`), which bind every value; a test looks through the store for anything else.
    """

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


NOTHING = SqlFragment("")
TRUE = SqlFragment("true")


def sql(template: str, **parts: SqlFragment) -> SqlFragment:
    """Return a template, which is a literal, with each `{name}` replaced by a fragment, binding what these bind together.

    Braces of the SQL itself are doubled, as in any format.
    """
    values = {name: value for part in parts.values() for name, value in part.values.items()}
    return SqlFragment(template.format(**{name: part.text for name, part in parts.items()}), values)


def bound(fragment: SqlFragment, **values: Any) -> SqlFragment:
    """Return the fragment with more values bound."""
    return SqlFragment(fragment.text, {**fragment.values, **values})


def joined(separator: str, parts: Iterable[SqlFragment]) -> SqlFragment:
    """Return fragments joined by a literal, binding what they bind together."""
    parts = list(parts)
    values = {name: value for part in parts for name, value in part.values.items()}
    return SqlFragment(separator.join(part.text for part in parts), values)


def number(value: int) -> SqlFragment:
    """Return a whole number as it stands in the text, for limits that the planner should see."""
    return SqlFragment(str(int(value)))


def quoted(words: Iterable[str]) -> SqlFragment:
    """Return words of the code (states, reasons) as a list of SQL literals, `('queued', 'handed')`.

    For statements that a partial index serves, where the planner must see the words, and for lists that never change.
    Raises ValueError for what is no plain word.
    """
    listed = list(words)
    if not all(each.replace("_", "").isalnum() and each.isascii() for each in listed):
        raise ValueError(f"not all of these are plain words: {listed}")
    return SqlFragment("(" + ", ".join(f"'{each}'" for each in listed) + ")")
