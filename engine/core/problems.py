"""What is wrong with a definition, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from engine.core.sentence import Sentence

Loc = tuple[str | int, ...]
"""The way to a part of a definition: ("steps", 2, "message", "text")."""
Level = Literal["error", "warning"]

LEVELS: dict[Level, Sentence] = {
    "error": Sentence.within("level", "error"),
    "warning": Sentence.within("level", "warning"),
}
"""How bad it is, in words."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a definition, with its place."""

    message: Sentence
    path: str = ""
    """The way to the part, as in traces: steps/2/message/text."""
    file: str = ""
    line: int = 0
    """Counted from 1, as `column`; 0 where there is no place."""
    column: int = 0
    level: Level = "error"
    extra: dict[str, Any] = field(default_factory=dict)

    def said(self) -> Sentence:
        """Return it as it is printed: its place where it has one, how bad it is, and what is wrong."""
        level, message = LEVELS[self.level], self.message
        if not self.file:
            return Sentence("{level}: {message}", level=level, message=message)
        return Sentence(
            "{file}:{line}:{column}: {level}: {message}",
            file=self.file, line=self.line, column=self.column, level=level, message=message,
        )  # fmt: skip

    def __str__(self) -> str:
        return self.said()


def show(loc: Loc) -> str:
    """Return a way as people read it: steps[2].message.text."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return "".join(parts).removeprefix(".")
