"""Clocks: how long a customer has not done something, and the levels of that."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

from pydantic import Field, field_validator

from engine.core.definitions.base import Model, Name, Names
from engine.core.sentence import Sentence


class ActivityClock(Model):
    """Measures the time since the customer last did one of some kinds of things."""

    kinds: Names = Field(description="event types that are activity, e.g. message.received, purchase")
    lifecycle: dict[Name, Annotated[int, Field(strict=True, ge=0, le=3650)]] | None = Field(
        None, description="value: days of silence from which it holds, the first 0; becomes the dimension `lifecycle`"
    )

    @field_validator("lifecycle")
    @classmethod
    def _ascending(cls, levels: dict[str, int] | None) -> dict[str, int] | None:
        if levels is None:
            return None
        days = list(levels.values())
        if not days or days[0] != 0 or any(later <= earlier for earlier, later in itertools.pairwise(days)):
            raise ValueError(
                Sentence(
                    "lifecycle levels begin with 0 days and rise: {活跃期: 0, 沉默期: 64, 睡眠期: 127, 流失期: 366}"
                )
            )
        return levels


class StartExisting(Model):
    """Who meets the trigger already starts now, so many a day."""

    start: Literal["now"] = Field(description="now: their anchor is the moment they start")
    per_day: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        description="at most so many a calendar day"
    )
