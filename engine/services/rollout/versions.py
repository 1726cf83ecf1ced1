"""The generations of definitions: what was put in force when, by whom, and what each changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine

from engine.store.database import Row, transaction
from engine.store.state import definitions as store


@dataclass(slots=True)
class Generation:
    """One generation, and how it differs from the one before."""

    generation: int
    at: datetime
    who: str
    in_force: bool
    new: dict[str, int] = field(default_factory=dict)
    """SOP (or file that all share) → its version."""
    changed: dict[str, int] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    same_as: int | None = None
    """The newest earlier generation of the very same definitions: this one went back to it."""


class VersionHistory:
    """Tells the generations."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, most: int | None = None) -> list[Generation]:
        """Return the generations, the newest first, `most` of them."""
        with transaction(self._engine) as connection:
            found = store.generations(connection)
        return [_told(number, found) for number in range(len(found))][:most]


def _told(place: int, found: Sequence[Row]) -> Generation:
    row = found[place]
    now, before = _by_name(row), _by_name(found[place + 1]) if place + 1 < len(found) else {}
    told = Generation(row.generation, row.applied_at, row.applied_by, in_force=place == 0)
    told.new = {name: each["version"] for name, each in now.items() if name not in before}
    told.changed = {
        name: each["version"] for name, each in now.items() if name in before and before[name]["id"] != each["id"]
    }
    told.removed = sorted(before.keys() - now.keys())
    ids = {each["id"] for each in row.definitions}
    told.same_as = next(
        (old.generation for old in found[place + 1 :] if {each["id"] for each in old.definitions} == ids), None
    )
    return told


def _by_name(row: Row) -> dict[str, dict[str, int]]:
    return {each["sop"] or each["name"]: each for each in row.definitions}
