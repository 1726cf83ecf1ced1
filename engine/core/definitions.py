"""The definition language as values: what stands in `sops/*.yaml`, checked for form.

Meaning that spans files (do the names exist?) is checked in `engine.core.checks`; places in the text are the
business of `engine.definitions_yaml`. The field descriptions here are what editors show (`sop schema`).
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from engine.core.timing import parse_duration, parse_time_of_day


def _one_or_many(value: Any) -> Any:
    if not isinstance(value, (str, list, tuple)):
        raise PydanticCustomError("names_type", "write a name or a list of names")
    return [value] if isinstance(value, str) else value


def _duration(value: Any) -> Any:
    return value if isinstance(value, timedelta) else parse_duration(value)


def _time_of_day(value: Any) -> Any:
    return value if isinstance(value, time) else parse_time_of_day(value)


def _same_names(names: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"listed twice: {', '.join(repeated)}; remove one")
    return names


Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[
    tuple[Name, ...],
    BeforeValidator(_one_or_many),
    AfterValidator(_same_names),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
Duration = Annotated[
    timedelta, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": r"^\d{1,6}(s|m|h|d)$", "examples": ["36h", "2d"]})
]
TimeOfDay = Annotated[
    time, BeforeValidator(_time_of_day), WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["10:00"]})
]
SopId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
StepId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$")]
EventType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.\-]{0,99}$")]
EventField = Annotated[str, Field(pattern=r"^event\.data\.[^\s]+$")]
DateSource = Annotated[str, Field(pattern=r"^(event\.data|attr)\.[^\s.][^\s]*$")]
Scalar = bool | int | float | date | datetime | str


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
            found = " and ".join(f"`{name.rstrip('_')}`" for name in written) or "none"
            raise ValueError(f"write exactly one of {', '.join(self.keys())} here; found {found}")
        return self

    @property
    def kind(self) -> str:
        """The one key written, as in the YAML."""
        return next(iter(self.model_fields_set - self.beside)).rstrip("_")


# ── comparisons ──────────────────────────────────────────────────────────────────────────────────────────────


class Comparison(Model):
    """What a value is compared with; all that is written must hold. A bare value means eq, a list means in."""

    eq: Scalar | None = Field(None, description="equal to")
    in_: tuple[Scalar, ...] | None = Field(None, alias="in", description="one of these")
    gt: int | float | date | datetime | None = Field(None, description="greater than (later than)")
    gte: int | float | date | datetime | None = Field(None, description="at least")
    lt: int | float | date | datetime | None = Field(None, description="less than (earlier than)")
    lte: int | float | date | datetime | None = Field(None, description="at most")
    contains: str | None = Field(None, description="a text containing this, or a list with this element")
    matches: Annotated[str, Field(max_length=200)] | None = Field(None, description="a regular expression found in the text")
    exists: Annotated[bool, Field(strict=True)] | None = Field(None, description="true: the value is known; false: it is not")

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


# ── moments ──────────────────────────────────────────────────────────────────────────────────────────────────


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
            raise ValueError("name exactly one dimension with its values, e.g. {stage: 意向客户}")
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

    tag_added: Names | AllTags | None = Field(None, description="a tag was set: one, a list (any), or {all: [..]}")
    tag_removed: Names | AllTags | None = Field(None, description="a tag was taken away")
    entered: Change | None = Field(None, description="a dimension now has this value, e.g. {stage: 到店客户}")
    left: Change | None = Field(None, description="a dimension no longer has this value")
    customer_created: Annotated[Nothing, BeforeValidator(_empty)] | None = Field(None, description="the CRM created the customer")
    friend_added: Annotated[Friend, BeforeValidator(_empty)] | None = Field(None, description="a new friend in 企业微信")
    friend_removed: Annotated[Friend, BeforeValidator(_empty)] | None = Field(None, description="a friend left")
    replied: Annotated[Replied, BeforeValidator(_empty)] | None = Field(None, description="the customer wrote")
    event: EventMoment | None = Field(None, description="any event, by its type")


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────


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
    is_: dict[str, Names] | None = Field(None, alias="is", description="dimensions have these values, e.g. {stage: [新加好友, 意向客户]}")
    attr: dict[str, Comparison] | None = Field(None, description="attributes compare so, e.g. {budget: {gte: 100000}}")
    seen: Seen | None = Field(None, description="the customer did this, e.g. {type: purchase, since: 7d}")
    touched: Touched | None = Field(None, description="the customer got a touch of this SOP")
    in_sop: Names | None = Field(None, description="the customer is in one of these SOPs now")
    event: dict[str, Comparison] | None = Field(None, description="the starting event's data compare so")


Conditions = Annotated[tuple[Condition, ...], Field(min_length=1)]


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────


class Attachment(OneOf):
    """Something sent along with a text. Exactly one key; texts inside are templates too."""

    link: dict[str, str] | None = Field(None, description="{title, url, desc?, picurl?}")
    image: dict[str, str] | None = Field(None, description="{url} or {media_id}")
    video: dict[str, str] | None = Field(None, description="{url} or {media_id}")
    file: dict[str, str] | None = Field(None, description="{url} or {media_id}")
    miniprogram: dict[str, str] | None = Field(None, description="{title, appid, page, pic_media_id?}")


class Message(Model):
    """What the customer reads."""

    text: Text = Field(description="a template: {{ customer.name }} and so on")
    attachments: tuple[Attachment, ...] = Field((), max_length=9, description="at most 9 (企业微信's limit)")


class Task(Model):
    """Work for one of the customer's staff, sent over the channel."""

    to: Name = Field(description="a role listed under `staff` in engine.yaml")
    title: Annotated[str, Field(min_length=1, max_length=500)] = Field(description="a template")
    text: Text | None = Field(None, description="a template: what is to be done")
    due: Duration | None = Field(None, description="how long the staff has, from the step's time")


class Action(OneOf):
    """Something the engine does itself. Exactly one key."""

    add_tag: Names | None = Field(None, description="set these tags")
    remove_tag: Names | None = Field(None, description="take these tags away")
    set: dict[str, Name] | None = Field(None, description="set dimensions, e.g. {stage: 意向客户}")
    start: SopId | None = Field(None, description="start this SOP (its `when`, `reentry` and `group` apply)")
    exit: SopId | None = Field(None, description="end this SOP's timelines of the customer")


Actions = Annotated[tuple[Action, ...], Field(min_length=1, max_length=20)]


class Step(Model):
    """A time and an action."""

    id: StepId = Field(description="the step's identity across versions")
    day: Annotated[int, Field(strict=True, ge=-3650, le=3650)] | None = Field(
        None, description="calendar days after the anchor's date in the customer's zone; 0 that day, negative before"
    )
    at: TimeOfDay | None = Field(None, description='time of day "HH:MM" in the customer\'s zone, with `day`')
    after: Duration | None = Field(None, description="elapsed time from the anchor: 1m, 2h")
    from_: DateSource | None = Field(
        None, alias="from", description="another date than the anchor: event.data.<field> or attr.<name>, with `day`"
    )
    when: Conditions | None = Field(None, description="does not hold: this step is skipped, the timeline goes on")
    message: Message | None = Field(None, description="a message to the customer")
    task: Task | None = Field(None, description="work for staff")
    do: Actions | None = Field(None, description="what the engine does itself")
    channel: Names | None = Field(None, description="where it goes: the first of these the customer can be reached on")
    expires: Duration | None = Field(None, description="held back longer than this, it is skipped (default 36h)")

    @model_validator(mode="after")
    def _whole(self) -> Step:
        written = [name for name in ("message", "task", "do") if getattr(self, name) is not None]
        if len(written) != 1:
            raise ValueError(f"step `{self.id}` needs exactly one of message, task, do; found {' and '.join(written) or 'none'}")
        if (self.day is None) == (self.after is None):
            raise ValueError(f"step `{self.id}` needs exactly one time: `day` (with `at`) or `after`")
        if self.day is None and (self.at or self.from_):
            raise ValueError(f"step `{self.id}`: `at` and `from` go with `day`, not with `after`")
        return self

    @property
    def kind(self) -> Literal["message", "task", "do"]:
        """Which of the three it carries out."""
        return "message" if self.message else "task" if self.task else "do"


class Defaults(Model):
    """What steps have where they say nothing."""

    at: TimeOfDay | None = Field(None, description='time of day for steps with `day`, "HH:MM"')
    channel: Names | None = Field(None, description="channels in order of preference")
    expires: Duration = Field(timedelta(hours=36), description="held back longer than this, a touch is skipped")


class Exit(Moment):
    """A moment that ends the timeline, optionally with a name and a follow-up."""

    beside: ClassVar[frozenset[str]] = frozenset({"as_", "do"})
    as_: Name | None = Field(None, alias="as", description="a name for this end, shown to operators")
    do: Actions | None = Field(None, description="what follows: start, exit, add_tag, remove_tag, set")


class Reentry(Model):
    """May a customer have this SOP again?"""

    mode: Literal["never", "after_end", "restart"] = Field("after_end", description="never; after the end; or at once, from the start")
    cooldown: Duration | None = Field(None, description="not before this long after the last start")

    @model_validator(mode="before")
    @classmethod
    def _bare_mode(cls, value: Any) -> Any:
        return {"mode": value} if isinstance(value, str) else value


class Sop(Model):
    """One SOP: moments, conditions, steps."""

    sop: SopId = Field(description="the id: small letters, digits, hyphens; a new id is a new SOP")
    title: Name = Field(description="what operators call it")
    priority: Annotated[int, Field(strict=True, ge=0, le=1000)] = Field(50, description="higher goes first")
    group: Name | None = Field(None, description="at most one active timeline per customer in a group")
    trigger: Annotated[tuple[Moment, ...], Field(min_length=1)] = Field(description="any one starts a timeline; its time is the anchor")
    when: Conditions | None = Field(None, description="must hold at the start")
    while_: Conditions | None = Field(None, alias="while", description="must hold throughout; when it ends, the timeline ends")
    exit: tuple[Exit, ...] = Field((), description="moments that end the timeline")
    reentry: Reentry = Field(Reentry(), description="never | after_end | restart, with an optional cooldown")
    key: EventField | None = Field(None, description="event.data.<field>: one active timeline per customer, SOP and key")
    existing: Literal["ignore"] = Field("ignore", description="who meets the trigger already when this is first applied: ignored")
    max_event_age: Duration = Field(timedelta(days=2), description="an older event starts nothing")
    defaults: Defaults = Field(Defaults(), description="what steps have where they say nothing")
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=500)] = Field(
        description="in any order; they run in order of their time"
    )

    def channels_of(self, step: Step) -> tuple[str, ...]:
        """Return the channels a step may go over, in order of preference."""
        return step.channel or self.defaults.channel or ()

    def expiry_of(self, step: Step) -> timedelta:
        """Return how long a touch of this step may be held back."""
        return self.defaults.expires if step.expires is None else step.expires


# ── engine.yaml ──────────────────────────────────────────────────────────────────────────────────────────────

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
    attributes: dict[str, Attribute] = Field(default_factory=dict, description="name: text | number | bool | date | datetime | list")
    dimensions: dict[str, Dimension] = Field(default_factory=dict, description="e.g. stage: {values: [...]}, set by the CRM")
    staff: tuple[Name, ...] = Field(("owner",), description="roles a customer's staff can have")
    channels: dict[str, dict[str, Any]] = Field(default_factory=dict, description="name: {type: log | webhook, ...}")
