"""What is wrong with a definition, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Loc = tuple[str | int, ...]
"""The way to a part of a definition: ("steps", 2, "message", "text")."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a definition, with its place."""

    message: str
    path: str = ""
    """The way to the part, as in traces: steps/2/message/text."""
    file: str = ""
    line: int = 0
    """Counted from 1, as `column`; 0 where there is no place."""
    column: int = 0
    level: Literal["error", "warning"] = "error"
    extra: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        return f"{place}{self.level}: {self.message}"


def show(loc: Loc) -> str:
    """Return a way as people read it: steps[2].message.text."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return "".join(parts).removeprefix(".")
