"""Conditions: something that holds, does not hold, or is unknown."""

from __future__ import annotations

from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.core.definitions.base import Duration, Model, Name, Names, OneOf, Scalar, Silent, SopId
from engine.core.sentence import Sentence, codes


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


class Comparison(Model):
    """What a value is compared with; all that is written must hold. A bare value means eq, a list means in."""

    eq: Scalar | None = Field(None, description="equal to")
    in_: tuple[Scalar, ...] | None = Field(None, alias="in", description="one of these")
    gt: int | float | date | datetime | None = Field(None, description="greater than (later than)")
    gte: int | float | date | datetime | None = Field(None, description="at least")
    lt: int | float | date | datetime | None = Field(None, description="less than (earlier than)")
    lte: int | float | date | datetime | None = Field(None, description="at most")
    contains: str | None = Field(None, description="a text containing this, or a list with this element")
    matches: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="a regular expression found in the text"
    )
    exists: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="true: the value is known; false: it is not"
    )

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return {"in": value}
        return value if isinstance(value, (dict, Comparison)) else {"eq": value}

    @model_validator(mode="after")
    def _something(self) -> Comparison:
        if not self.model_fields_set:
            names = [info.alias or name for name, info in type(self).model_fields.items()]
            raise ValueError(Sentence("a comparison needs one of {names}", names=codes(names)))
        return self

    @cached_property
    def written(self) -> dict[str, Any]:
        """What is written, by operator as in the YAML, in the operators' order."""
        return {name.rstrip("_"): getattr(self, name) for name in sorted(self.model_fields_set)}
