"""When customers are left alone: quiet hours, days off, and caps on how much they get."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from engine.core.definitions.base import Duration, Model, Name, TimeOfDay
from engine.core.sentence import Sentence, codes

MAX_CAP_DAYS = 366
_WHOLE_DAYS = re.compile(r"[0-9]{1,4}d")
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"

Skip = Literal["public_holiday", "weekend"]


def _day(value: Any) -> Any:
    """A date, or its ISO text: never a number, which would be read as seconds since 1970."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    elif isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError(Sentence("`{value}` is not a date; write it as 2026-10-08", value=str(value)))


def _once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    repeated = sorted({str(each) for each in values if values.count(each) > 1})
    if repeated:
        raise ValueError(Sentence("listed twice: {names}; remove one", names=codes(repeated)))
    return values


Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "examples": ["2026-10-08"]}),
]
Dates = Annotated[tuple[Day, ...], Field(max_length=2000), AfterValidator(_once)]


class WorkCalendar(Model):
    """The days on which customers get no messages and staff no tasks: both move to the next open day."""

    country: Name = Field(description="whose public holidays: an ISO 3166 code such as CN, HK, US", examples=["CN"])
    subdivision: Name | None = Field(None, description="a part of the country with holidays of its own: CA, BY, ENG")
    skip: Annotated[tuple[Skip, ...], Field(min_length=1), AfterValidator(_once)] = Field(
        description="public_holiday: the whole official break, weekend days that adjoin a holiday too; weekend: "
        "every weekend; make-up workdays are workdays with both"
    )
    also: Dates = Field((), description="dates skipped besides, e.g. those of a break not announced yet: [2027-02-11]")
    except_: Dates = Field((), alias="except", description="dates never skipped, e.g. a make-up workday: [2027-02-20]")

    @model_validator(mode="after")
    def _either_or(self) -> WorkCalendar:
        both = sorted(str(each) for each in set(self.also) & set(self.except_))
        if both:
            raise ValueError(Sentence("{days} stands under `also` and under `except`; remove one", days=both))
        return self


class QuietHours(Model):
    """From when until when a customer is left alone, by the clock where they are: ["21:00", "09:00"]."""

    start: TimeOfDay = Field(description='from this time of day nothing goes out: "21:00"')
    end: TimeOfDay = Field(
        description='from this time of day it may go out again: "09:00"; earlier than the start: of the next day'
    )

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        if isinstance(value, QuietHours) or (
            isinstance(value, dict) and all(isinstance(each, time) for each in value.values())
        ):
            return value  # from code; people write the pair
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
            raise ValueError(Sentence('write two times of day, from and to: ["21:00", "09:00"]'))
        return {"start": value[0], "end": value[1]}

    @model_validator(mode="after")
    def _some_hours(self) -> QuietHours:
        if self.start == self.end:
            raise ValueError(
                Sentence(
                    "quiet hours begin and end at {time}: that is either never or always; write two different "
                    "times, or remove them (to send nothing at all, write a pause instead: `sop pause --all`)",
                    time=f"{self.start:%H:%M}",
                )
            )
        return self

    @model_serializer
    def _as_pair(self) -> list[str]:
        return [f"{clock:%H:%M}" for clock in (self.start, self.end)]

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the pair that people write."""
        clocks = [
            {"type": "string", "pattern": _CLOCK, "description": info.description}
            for info in (cls.model_fields["start"], cls.model_fields["end"])
        ]
        return {
            "type": "array", "prefixItems": clocks, "minItems": 2, "maxItems": 2,
            "description": cls.__doc__, "examples": [["21:00", "09:00"]],
        }  # fmt: skip

    @property
    def over_midnight(self) -> bool:
        """Whether they end on the day after they begin."""
        return self.end < self.start

    def cover(self, clock: time) -> bool:
        """Return whether a clock that shows `clock` lies in them: the start does, the end does not."""
        if self.over_midnight:
            return clock >= self.start or clock < self.end
        return self.start <= clock < self.end


def _at_least_one(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value < 1:
        raise ValueError(
            Sentence(
                "{number} messages would be none at all; write 1 or more, or to stop sending, write a pause instead: "
                "`sop pause --all` or `sop pause --channel C`",
                number=value,
            )
        )
    return value


def _cap_days(value: Any) -> Any:
    if isinstance(value, timedelta) and not value % timedelta(days=1):
        value = f"{value.days}d"
    days = int(value[:-1]) if isinstance(value, str) and _WHOLE_DAYS.fullmatch(value) else 0
    if not 1 <= days <= MAX_CAP_DAYS:
        raise ValueError(
            Sentence(
                "`{value}` is not a number of calendar days; write 1d (the customer's local day) to {limit}d, "
                "today included",
                value=str(value),
                limit=MAX_CAP_DAYS,
            )
        )
    return timedelta(days=days)


class Cap(Model):
    """At most so many messages to one customer in so many of their calendar days, over all SOPs."""

    max: Annotated[int, Field(strict=True, ge=1, le=10_000), BeforeValidator(_at_least_one)] = Field(
        description="at most so many messages, sent, handed or waiting to be sent; tasks do not count"
    )
    per: Annotated[
        Duration,
        BeforeValidator(_cap_days),
        WithJsonSchema(
            {
                "type": "string",
                "pattern": r"^([1-9]|[1-9][0-9]|[12][0-9][0-9]|3[0-5][0-9]|36[0-6])d$",
                "examples": ["1d", "7d"],
            }
        ),
    ] = Field(description="in so many calendar days of the customer, today included: 1d, 7d, at most 366d")
    channel: Name | None = Field(None, description="only messages over this channel count; without it, over all")

    @property
    def days(self) -> int:
        """The number of calendar days, today included."""
        return self.per.days
