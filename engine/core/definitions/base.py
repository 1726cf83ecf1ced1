"""What all parts of the language share: plain types with their forms, and models that refuse unknown keys."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from engine.core.sentence import Listed, Sentence, codes

_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?) ?%")
_WINDOW = re.compile(r"([0-9]{2}:[0-9]{2}) ?[-–] ?([0-9]{2}:[0-9]{2})")
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


# ── written forms ────────────────────────────────────────────────────────────────────────────────────────────


def parse_duration(text: str) -> timedelta:
    """Return the duration written as a whole number and a unit: 90s, 15m, 36h, 2d (a day is 24 hours).

    Raises ValueError with what is allowed.
    """
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match:
        raise ValueError(
            Sentence("`{text}` is not a duration; write a whole number and a unit: 90s, 15m, 36h, 2d", text=str(text))
        )
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def parse_time_of_day(text: str) -> time:
    """Return the time of day written as "HH:MM", 00:00 to 23:59. Raises ValueError with what is allowed."""
    match = _TIME_OF_DAY.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ValueError(
            Sentence('`{text}` is not a time of day; write "HH:MM" in quotes, "00:00" to "23:59"', text=str(text))
        )
    return time(int(match[1]), int(match[2]))


def parse_percent(text: str) -> float:
    """Return the share written as "10%" or "2.5%", 0 to 100. Raises ValueError with what is allowed."""
    match = _PERCENT.fullmatch(text) if isinstance(text, str) else None
    if not match or float(match[1]) > 100:
        raise ValueError(
            Sentence('`{text}` is not a percentage; write a number from 0 to 100 with its sign: "10%"', text=str(text))
        )
    return float(match[1])


def parse_window(text: str) -> tuple[time, time]:
    """Return the begin and end of "HH:MM-HH:MM", within one day. Raises ValueError with what is allowed."""
    match = _WINDOW.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ValueError(
            Sentence('`{text}` is not a window; write "HH:MM-HH:MM" in quotes, e.g. "10:00-11:30"', text=str(text))
        )
    begin, end = parse_time_of_day(match[1]), parse_time_of_day(match[2])
    if begin >= end:
        raise ValueError(
            Sentence(
                "the window `{text}` ends before it begins; windows do not go over midnight: write two steps",
                text=str(text),
            )
        )
    return begin, end


# ── types ────────────────────────────────────────────────────────────────────────────────────────────────────


def _one_or_many(value: Any) -> Any:
    if not isinstance(value, (str, list, tuple)):
        raise PydanticCustomError("names_type", "write a name or a list of names")
    return [value] if isinstance(value, str) else value


def _duration(value: Any) -> Any:
    return value if isinstance(value, timedelta) else parse_duration(value)


def _time_of_day(value: Any) -> Any:
    return value if isinstance(value, time) else parse_time_of_day(value)


def _percent(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 100:
        meant = value * 100 if 0 < value < 1 else value
        raise ValueError(
            Sentence(
                '`{value}` is a number without its sign; write a percentage: "{meant:g}%"', value=value, meant=meant
            )
        )
    return parse_percent(value)


def _same_names(names: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(Sentence("listed twice: {names}; remove one", names=codes(repeated)))
    return names


Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
_NAME = {"type": "string", "minLength": 1, "maxLength": 200}
Names = Annotated[
    tuple[Name, ...],
    BeforeValidator(_one_or_many),
    AfterValidator(_same_names),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1, "uniqueItems": True}]}),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,6}(s|m|h|d)$", "examples": ["36h", "2d"]}),
]
TimeOfDay = Annotated[
    time,
    BeforeValidator(_time_of_day),
    WithJsonSchema({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["10:00"]}),
]
SopId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
StepId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$")]
Percent = Annotated[
    float,
    BeforeValidator(_percent),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(0?[0-9]{1,2}(\.[0-9]{1,2})?|100(\.0{1,2})?) ?%$", "examples": ["10%"]}
    ),
]
EventType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.\-]{0,99}$")]
EventField = Annotated[str, Field(pattern=r"^event\.data\.[^\s]+$")]
DateSource = Annotated[str, Field(pattern=r"^(event\.data|attr)\.[^\s.][^\s]*$")]
Scalar = bool | int | float | date | datetime | str


NONE_FOUND = Sentence("none")
"""What stands where one of several keys is wanted and none is written."""


class Model(BaseModel):
    """A part of the language: unknown keys are refused, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)


class OneOf(Model):
    """A part with exactly one of its keys, such as a condition or an action."""

    beside: ClassVar[frozenset[str]] = frozenset()
    """Fields that may stand beside the one key."""

    @classmethod
    def keys(cls) -> list[str]:
        """Return the keys of which exactly one is written."""
        return [field.alias or name for name, field in cls.model_fields.items() if name not in cls.beside]

    @model_validator(mode="before")
    @classmethod
    def _bare_word(cls, value: Any) -> Any:
        """`- replied` is short for `- replied: {}`."""
        if isinstance(value, str):
            return {value: {}}
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> OneOf:
        written = sorted(self.model_fields_set - self.beside)
        if len(written) != 1:
            found = Listed(tuple(f"`{name.rstrip('_')}`" for name in written), "and") if written else NONE_FOUND
            raise ValueError(
                Sentence("write exactly one of {names} here; found {found}", names=codes(self.keys()), found=found)
            )
        return self

    @cached_property
    def kind(self) -> str:
        """The one key written, as in the YAML."""
        return next(iter(self.model_fields_set - self.beside)).rstrip("_")


Days = Annotated[int, Field(strict=True, ge=1, le=3650)]


class Silent(Model):
    """So many calendar days without any activity of a clock."""

    clock: Name = Field("any", description="a clock of engine.yaml")
    days: Days = Field(description="calendar days in the customer's zone; crossed at 00:00")
