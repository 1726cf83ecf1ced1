"""A step of one timeline with its moments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.core.definitions.steps import Step


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step and its moments."""

    step: Step
    due: datetime
    """By its definition."""
    opens: datetime
    """When it may go out at the earliest: later than due where that day is off."""
    limit: datetime
    """Never later than this: its expiry, or the moment of a later message or task."""
