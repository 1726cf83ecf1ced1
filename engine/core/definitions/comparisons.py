"""What a value is compared with."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, model_validator

from engine.core.definitions.base import Model, Scalar


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
            raise ValueError("a comparison needs one of eq, in, gt, gte, lt, lte, contains, matches, exists")
        return self
