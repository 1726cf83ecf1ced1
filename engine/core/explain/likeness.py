"""How like two names are: what was posted beside what an SOP waits for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher


def similarity(one: str, other: str) -> float:
    """Return how much two names are spelled alike, 0 to 1."""
    return SequenceMatcher(None, one.casefold(), other.casefold()).ratio()


def nearest_first(names: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """Return names in order of their likeness to the one wanted they are most like."""
    return sorted(names, key=lambda name: (-max((similarity(name, each) for each in wanted), default=0.0), name))


def comparable(name: str, names: Sequence[str]) -> bool:
    """Return whether a name could be one of these: a value of the same dimension; tags all compare."""
    dimension, has, _ = names[0].partition("=") if names else ("", "", "")
    return not has or name.partition("=")[0] == dimension
