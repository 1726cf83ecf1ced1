"""Moments: something that happened. Triggers, exits and goals are written as these."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from engine.core.definitions.base import EventType, Model, Name, Names, OneOf, Silent
from engine.core.definitions.conditions import Comparison
from engine.core.errors import did_you_mean
from engine.core.sentence import Sentence, sentence_of
from engine.core.time.arithmetic import zone
from engine.core.time.cron import checked


class AllTags(Model):
    """All of these tags are now set (or gone), and one of them just was."""

    all: Names = Field(description="all of these, and one of them just now")


class Friend(Model):
    """A new friend in 企业微信, or one who left."""

    staff: Names | None = Field(None, description="only with these staff ids")
    state: Names | None = Field(None, description="only from these 渠道活码 states")


class Replied(Model):
    """A message from the customer."""

    contains: Names | None = Field(None, description="the text contains one of these words")
    channel: Names | None = Field(None, description="only on these channels")


class EventMoment(Model):
    """An event of this type, optionally only where its data compare so."""

    type: EventType = Field(description="the event's type, e.g. order.signed")
    where: dict[str, Comparison] = Field(default_factory=dict, description="field of the event's data: comparison")


def _zone(name: str) -> str:
    try:
        zone(name)
    except ValueError as error:
        hint = did_you_mean(name, available_timezones())
        raise ValueError(Sentence("{said}.{hint}", said=sentence_of(error), hint=hint)) from None
    return name


class DateMoment(Model):
    """The day an attribute names has come, at the customer's local midnight; the earliest negative `day` of the steps begins before it."""

    attribute: Name = Field(description="an attribute of type date or datetime, e.g. birthday")
    every: Literal["year", "once"] = Field(
        "year", description="year: on that day of every year; once: on that very date"
    )


class Schedule(Model):
    """A time of day and week; who enters is decided by `when`."""

    cron: Annotated[str, AfterValidator(checked)] = Field(
        description='five fields, e.g. "0 10 * * MON"', examples=["0 10 * * MON"]
    )
    timezone: Annotated[Name, AfterValidator(_zone)] | None = Field(
        None, description="IANA zone of the times; absent: the engine's"
    )


class Nothing(Model):
    """No further detail."""


DimensionChange = dict[str, Any]


class Change(Model):
    """A dimension's value changed: `{stage: 意向客户}`, optionally `from` (entered) or `to` (left) which value."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)
    from_: Names | None = Field(None, alias="from", description="only from these values")
    to: Names | None = Field(None, description="only to these values")
    __pydantic_extra__: dict[str, Names]

    @model_validator(mode="after")
    def _one_dimension(self) -> Change:
        if len(self.__pydantic_extra__) != 1:
            raise ValueError(Sentence("name exactly one dimension with its values, e.g. {stage: 意向客户}"))
        return self

    @property
    def dimension(self) -> str:
        """The dimension watched."""
        return next(iter(self.__pydantic_extra__))

    @property
    def values(self) -> tuple[str, ...]:
        """The values watched."""
        return next(iter(self.__pydantic_extra__.values()))


def _empty(value: Any) -> Any:
    return {} if value is None or value is True else value


class Moment(OneOf):
    """Something that happened. Exactly one key."""

    tag_added: Names | AllTags | None = Field(
        None,
        description="a tag was set: one, a list (any), or {all: [..]}",
        examples=["装修意向", ["楼盘A", "装修意向"]],
    )
    tag_removed: Names | AllTags | None = Field(None, description="a tag was taken away")
    entered: Change | None = Field(
        None,
        description="a dimension now has this value, e.g. {stage: 到店客户}",
        examples=[{"stage": "到店客户", "from": "意向客户"}],
    )
    left: Change | None = Field(
        None, description="a dimension no longer has this value", examples=[{"stage": "到店客户", "to": "成交客户"}]
    )
    customer_created: Annotated[Nothing, BeforeValidator(_empty)] | None = Field(
        None, description="the CRM created the customer"
    )
    friend_added: Annotated[Friend, BeforeValidator(_empty)] | None = Field(
        None, description="a new friend in 企业微信"
    )
    friend_removed: Annotated[Friend, BeforeValidator(_empty)] | None = Field(None, description="a friend left")
    replied: Annotated[Replied, BeforeValidator(_empty)] | None = Field(
        None, description="the customer wrote", examples=[{"contains": ["预约", "量房"]}]
    )
    silent: Silent | None = Field(None, description="so many days without activity, e.g. {clock: any, days: 30}")
    event: EventMoment | None = Field(
        None,
        description="any event, by its type",
        examples=[{"type": "order.signed", "where": {"amount": {"gte": 100}}}],
    )
    date: DateMoment | None = Field(
        None, description="the day an attribute names, e.g. {attribute: birthday, every: year}; a trigger only"
    )
    schedule: Schedule | None = Field(
        None, description='at set times, e.g. {cron: "0 10 * * MON"}; who enters is decided by `when`; a trigger only'
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The tags, or `dimension=value`, it waits for; empty where it names none."""
        tags = self.tag_added or self.tag_removed
        if tags is not None:
            return tags.all if isinstance(tags, AllTags) else tags
        change = self.entered or self.left
        return tuple(f"{change.dimension}={value}" for value in change.values) if change else ()
