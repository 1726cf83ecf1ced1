"""engine.yaml: what all SOPs share."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from engine.core.definitions.base import Model, Name, Names
from engine.core.definitions.calendar import Cap, QuietHours, WorkCalendar
from engine.core.definitions.clocks import ActivityClock

LIFECYCLE = "lifecycle"
"""The dimension whose values are a clock's levels."""

AttributeType = Literal["text", "number", "bool", "date", "datetime", "list"]


class Attribute(Model):
    """What conditions and templates may use of a customer."""

    type: AttributeType = Field(description="text, number, bool (true or false), date, datetime or list")
    default: Any = Field(None, description="taken where the value is missing")

    @model_validator(mode="before")
    @classmethod
    def _bare_type(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value


class Dimension(Model):
    """A named set of values a customer is in exactly one of."""

    values: Names = Field(description="all values, in their usual order")


class EngineConfig(Model):
    """engine.yaml: what all SOPs share."""

    timezone: Name = Field("Asia/Shanghai", description="IANA zone of customers without one of their own")
    quiet_hours: QuietHours | None = Field(
        None,
        description='["21:00", "09:00"]: in the customer\'s zone nothing goes out from the first to the second time of day',
    )
    caps: tuple[Cap, ...] = Field(
        (),
        max_length=20,
        description="how many messages a customer gets at most: [{max: 1, per: 1d}, {max: 4, per: 7d}]",
    )
    calendar: WorkCalendar | None = Field(
        None, description="days off, on which nothing goes out: {country: CN, skip: [public_holiday]}"
    )
    attributes: dict[str, Attribute] = Field(
        default_factory=dict, description="name: text | number | bool | date | datetime | list"
    )
    dimensions: dict[str, Dimension] = Field(
        default_factory=dict, description="e.g. stage: {values: [...]}, set by the CRM"
    )
    clocks: dict[Name, ActivityClock] = Field(
        default_factory=dict, description="name: {kinds: [...]}; how long customers have been silent"
    )
    staff: tuple[Name, ...] = Field(("owner",), description="roles a customer's staff can have")
    channels: dict[str, dict[str, Any]] = Field(default_factory=dict, description="name: {type: log | webhook, ...}")

    @property
    def lifecycle(self) -> tuple[str, ActivityClock] | None:
        """The clock that the dimension `lifecycle` comes from, with its name."""
        return next(((name, clock) for name, clock in self.clocks.items() if clock.lifecycle), None)

    @property
    def all_dimensions(self) -> dict[str, tuple[str, ...]]:
        """Every dimension's values: those the CRM sets and, computed from a clock, `lifecycle`."""
        known = {name: declared.values for name, declared in self.dimensions.items()}
        if self.lifecycle is not None:
            known[LIFECYCLE] = tuple(self.lifecycle[1].lifecycle or ())
        return known
