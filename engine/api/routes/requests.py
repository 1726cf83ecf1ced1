"""The shapes of what operators post and are answered, as OpenAPI tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from engine.core.sentence import Sentence
from engine.store.state.pauses import Scope

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
"""A name as PostgreSQL can take it: no stored value contains NUL."""


class Body(BaseModel):
    """What is posted; what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid")


class Why(Body):
    """Why something is done."""

    reason: str | None = Field(None, max_length=500, description="For those who come after")


class PauseRequest(Why):
    """A channel, or all."""

    channel: Name | None = None
    all: bool = False

    @model_validator(mode="after")
    def _one(self) -> PauseRequest:
        if (self.channel is None) is not self.all:
            raise ValueError(Sentence("name one: `channel`, or `all: true`; an SOP is paused at /v1/sops/{id}/pause"))
        return self

    @property
    def scope(self) -> Scope:
        """What it names."""
        return Scope("all") if self.channel is None else Scope("channel", self.channel)


class ResumeRequest(Body):
    """How to let go what was paused."""

    skip_missed: bool = Field(False, description="Nothing that came due meanwhile goes out, even if still in time")


class WhatToResume(PauseRequest, ResumeRequest):
    """A channel, or all, and how."""


class StartRequest(Body):
    """A start by hand."""

    customer: Name = Field(description="The customer's id in the CRM")
    anchor: AwareDatetime | None = Field(None, description="The moment days are counted from; absent: now")
    data: dict[str, Any] = Field({}, description="What the starting event would bring")


class RecallRequest(Body):
    """A step."""

    step: Name


class TestSendRequest(Body):
    """A test-send."""

    step: Name
    to: Name = Field(description="The customer who gets it")
    variant: Name | None = Field(None, description="Absent: the customer's own")
    channel: Name | None = Field(None, description="Absent: the one that delivery would choose")


class WhatToOptOut(Body):
    """A channel, or all."""

    channel: Name | None = Field(None, description="Absent: all")


class HowToRetry(Body):
    """How to mend a touch."""

    mark_sent: bool = Field(False, description="Instead of sending it again: it is known to have arrived")


class Pause(BaseModel):
    """Something that is paused."""

    kind: str = Field(description="sop, channel or all")
    name: str
    since: datetime
    who: str | None
    reason: str | None


class Pauses(BaseModel):
    """Everything that is paused, the oldest first."""

    pauses: list[Pause]


class StartOutcome(BaseModel):
    """An event made by hand, and what it led to."""

    event: int = Field(description="Its place in the inbox")
    changed: bool = Field(description="false: it was asked for before under this Idempotency-Key")
    started: bool | None = Field(None, description="null: not decided within `wait` seconds")
    outcome: dict[str, Any] | None = Field(None, description="What the matcher did with it, with every condition asked")


class DeadLetter(BaseModel):
    """Something that was set aside."""

    id: int
    kind: str
    subject: str
    error: str
    at: datetime
    type: str | None = None
    source: str | None = None
    event_id: str | None = None


class DeadLettersFound(BaseModel):
    """The newest dead letters, oldest first."""

    dead_letters: list[DeadLetter]


class Replayed(BaseModel):
    """A dead letter whose event is matched anew."""

    letter: int
    event: int


class Discarded(BaseModel):
    """A dead letter that is gone."""

    letter: int


class AuditLine(BaseModel):
    """Something done by hand."""

    id: int
    at: datetime
    who: str
    action: str
    detail: dict[str, Any]


class AuditFound(BaseModel):
    """One page, newest first."""

    audit: list[AuditLine]
    next: int | None = Field(description="Pass it as `before` for the next page; null on the last")
