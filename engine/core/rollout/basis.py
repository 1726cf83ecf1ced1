"""What a plan was made on: applying it is refused where that is no longer so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from engine.core.errors import BasisChanged
from engine.core.sentence import Sentence

MATTERS, FEW = 0.1, 10
"""Counts that moved by more than this share, and by more than so many, are worth a warning."""


def digest(text: str) -> str:
    """Return the hash by which a definition's text is known."""
    return hashlib.sha256(text.encode()).hexdigest()


class Basis(BaseModel):
    """What a plan was made on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    generation: Annotated[int, Field(ge=0)]
    """In force when it was made."""
    in_force: dict[str, str]
    """File → hash of the definitions in force."""
    planned: dict[str, str]
    """File → hash of the definitions that are to be applied."""
    in_flight: dict[str, int] = {}
    """SOP → active timelines when it was made."""
    back_to: int | None = None
    """The earlier generation whose definitions these are."""

    def check(self, generation: int, in_force: Mapping[str, str], planned: Mapping[str, str], who: Sentence) -> None:
        """Raise BasisChanged where other definitions are in force, or other ones are to be applied, than when it was made.

        Parameters:
            who: who put the definitions in force that now are, and when; for the message.
        """
        if generation != self.generation:
            raise BasisChanged(
                Sentence(
                    "the plan was made on generation {planned}; now generation {generation} is in force ({who}); "
                    "nothing was changed. Look at what it brought with `sop versions` and plan again",
                    planned=self.generation,
                    generation=generation,
                    who=who,
                )
            )
        if in_force != self.in_force:
            raise BasisChanged(
                Sentence(
                    "generation {generation} is in force as the plan says, with other definitions: it was made on another "
                    "installation ({changes}); nothing was changed. Plan again here",
                    generation=generation,
                    changes=_told(self.in_force, in_force),
                )
            )
        if planned != self.planned:
            raise BasisChanged(
                Sentence(
                    "the definitions are not those that were planned: {changes}; nothing was changed. Plan again",
                    changes=_told(self.planned, planned),
                )
            )

    def moved(self, in_flight: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
        """Yield the SOPs whose number of timelines in flight has moved enough to matter: SOP, then, now."""
        for sop in sorted(self.in_flight.keys() | in_flight.keys()):
            then, now = self.in_flight.get(sop, 0), in_flight.get(sop, 0)
            if abs(now - then) > max(FEW, MATTERS * then):
                yield sop, then, now


_MOST_TOLD = 5


def _told(then: Mapping[str, str], now: Mapping[str, str]) -> Sentence:
    names = [name for name in sorted(then.keys() | now.keys()) if then.get(name) != now.get(name)]
    changes = Sentence.joined([_change(name, then, now) for name in names[:_MOST_TOLD]], by=", ")
    more = len(names) - _MOST_TOLD
    return Sentence("{changes} and {number} more", changes=changes, number=more) if more > 0 else changes


def _change(name: str, then: Mapping[str, str], now: Mapping[str, str]) -> Sentence:
    if name not in now:
        return Sentence("{file} is gone", file=name)
    return Sentence("{file} is new", file=name) if name not in then else Sentence("{file} has changed", file=name)
