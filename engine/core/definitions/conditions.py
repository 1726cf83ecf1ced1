"""Conditions: something that holds, does not hold, or is unknown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.core.definitions.base import Duration, Model, Name, Names, OneOf, SopId
from engine.core.definitions.clocks import Silent
from engine.core.definitions.comparisons import Comparison


class Seen(Model):
    """The customer did something."""

    type: Name = Field(description="the activity's event type, e.g. purchase")
    since: Literal["start"] | Duration | None = Field(
        None, description="start: since the timeline started; 7d: in the last 7 days; absent: ever"
    )


class Touched(Model):
    """The customer got a touch of an SOP."""

    sop: SopId = Field(description="of this SOP")
    since: Literal["start"] | Duration | None = Field(None, description="start, or a duration such as 7d; absent: ever")


class Condition(OneOf):
    """Something that holds, does not hold, or is unknown. Exactly one key; lists mean any."""

    all: Conditions | None = Field(None, description="all of these hold")
    any: Conditions | None = Field(None, description="one of these holds")
    not_: Condition | None = Field(None, alias="not", description="this does not hold")
    tag: Names | None = Field(None, description="the customer has one of these tags")
    is_: dict[str, Names] | None = Field(
        None, alias="is", description="dimensions have these values, e.g. {stage: [新加好友, 意向客户]}"
    )
    attr: dict[str, Comparison] | None = Field(None, description="attributes compare so, e.g. {budget: {gte: 100000}}")
    seen: Seen | None = Field(None, description="the customer did this, e.g. {type: purchase, since: 7d}")
    touched: Touched | None = Field(None, description="the customer got a touch of this SOP")
    silent: Silent | None = Field(
        None, description="at least so many days without activity, e.g. {clock: any, days: 30}"
    )
    in_sop: Names | None = Field(None, description="the customer is in one of these SOPs now")
    metric: dict[str, Comparison] | None = Field(
        None, description="numbers of segments.yaml compare so, e.g. {spend_2y: {gte: 20000}}"
    )
    segment: Names | None = Field(None, description="the customer belongs to one of these segments of segments.yaml")
    event: dict[str, Comparison] | None = Field(None, description="the starting event's data compare so")


Conditions = Annotated[tuple[Condition, ...], Field(min_length=1)]
