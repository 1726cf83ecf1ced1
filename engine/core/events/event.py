"""Events as values: facts about one customer, CloudEvents-shaped."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ENGINE_SOURCE = "engine"
"""The source of events the engine makes itself; nobody else may use it."""

MAX_DEPTH = 8
"""SOPs may set each other off so deep; what goes deeper is cut."""

START, END = "engine.start", "engine.exit"
"""Engine-made: start an SOP for a customer; end an SOP's timelines of a customer."""

STAGE = "stage.changed"
"""A dimension has a new value: what the CRM sets, what SOPs set, and what a refresh computes."""

SILENT = "engine.silent"
"""Engine-made: a customer has crossed a threshold of silence."""


@dataclass(frozen=True, slots=True)
class Event:
    """A fact about one customer."""

    source: str
    id: str
    type: str
    subject: str
    """The customer's ref in the CRM."""
    time: datetime
    """When it happened, aware, UTC."""
    received_at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    backfill: bool = False
    """Facts only: starts nothing."""
    depth: int = 0
    cause: dict[str, Any] | None = None
    row: int = 0
    """Its place in the inbox; 0 before it is there."""

    @property
    def start_id(self) -> str:
        """Source and id: what identifies a timeline's start everywhere."""
        return f"{self.source}/{self.id}"

    @property
    def refresh(self) -> str | None:
        """The computed dimension whose refresh made this event, None for any other."""
        return (self.cause or {}).get("refresh") if self.source == ENGINE_SOURCE else None

    @property
    def by_hand(self) -> str | None:
        """The operator who made this event, None for any other."""
        return (self.cause or {}).get("by") if self.source.split("/")[0] == ENGINE_SOURCE else None
