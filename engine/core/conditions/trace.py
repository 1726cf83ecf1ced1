"""The recorded evaluation behind a decision: every condition by its path in the YAML, wanted and actual."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

Truth = bool | None
"""True, False, or None for unknown."""


@dataclass(slots=True)
class Trace:
    """Collects evaluations while a decision is made. Each entry: path, wanted, actual, holds (null: unknown)."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Values that were not known, by name, and have kept what is evaluated from being known."""

    def note(self, path: str, wanted: Any, actual: Any, holds: Truth) -> Truth:
        """Record one evaluation and return its truth.

        Parameters:
            path: of the condition in the YAML, such as `when/0/tag`.
            wanted, actual: what was asked for and what was there, of any kind that `plain` can turn into JSON.
            holds: what it came to.
        """
        self.entries.append({"path": path, "wanted": plain(wanted), "actual": plain(actual), "holds": holds})
        return holds

    @property
    def unknown(self) -> str | None:
        """The first value whose being unknown left the whole unknown, by name."""
        return self.missing[0] if self.missing else None

    @property
    def decided_at(self) -> str | None:
        """Path of the last evaluation: where something does not hold, the one that decided it."""
        return self.entries[-1]["path"] if self.entries else None

    def note_unknown(self, path: str, wanted: Any, name: str, actual: Any = None) -> None:
        """Record that `name` was not known, or of another kind, where a comparison needed it.

        Parameters:
            path: of the condition in the YAML.
            wanted: the comparison, by operator.
            name: of the value, with its group: customer.attributes.budget.
            actual: the value of another kind, None where there is none.
        """
        self.entries.append(
            {"path": path, "wanted": plain(wanted), "actual": plain(actual), "holds": None, "unknown": name}
        )
        self.missing.append(name)


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (tuple, set, frozenset)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    return value
