"""One customer described by hand, for a simulation: what is known of them when it begins, and what happens then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from engine.core.conditions.trace import plain
from engine.core.customers import facts
from engine.core.customers.allowed_values import alone, typed_attributes
from engine.core.definitions import LIFECYCLE
from engine.core.definitions.base import Duration, Model, Name
from engine.core.definitions.catalog import Definitions
from engine.core.errors import EventError, did_you_mean
from engine.core.events import parse
from engine.core.events.event import ENGINE_SOURCE, STAGE, Event
from engine.core.problems import Loc
from engine.core.sentence import Sentence, codes
from engine.core.time.arithmetic import zone

_SOURCE = "described"
_ATTRIBUTES: Loc = ("attributes",)


def _no_moment(value: object) -> Sentence:
    return Sentence(
        "`{value}` is no time; write a date (2026-03-01), or a date and time (2026-03-01 10:00), in the customer's zone; "
        "or one with its offset",
        value=value,
    )


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(_no_moment(value)) from None
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    raise ValueError(_no_moment(value))


When = Annotated[datetime, BeforeValidator(_moment)]
"""A moment; without an offset it is one of the customer's zone."""


def _short_form(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return {key: value}
    if not isinstance(value, dict):
        raise PydanticCustomError("names_type", Sentence("write a name"))
    return value


class ProfileTag(Model):
    """A tag the customer has."""

    tag: Name = Field(description=Sentence("the tag"))
    since: When | None = Field(None, description="when it was set; absent: when the customer was first known")

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return _short_form("tag", value)


class HeldValue(Model):
    """The value a customer has in a dimension."""

    value: Name = Field(description=Sentence("the value"))
    since: When | None = Field(None, description="since when; absent: when the customer was first known")

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return _short_form("value", value)


class ProfileEvent(Model):
    """An event: of the past if it lies before `start`, which then only counts as a fact."""

    type: str = Field(
        description=Sentence("tag.added, stage.changed, message.received, purchase, visit, or your own type")
    )
    time: When | None = Field(None, description="when it happens; a date alone is its midnight")
    after: Duration | None = Field(None, description="so long after `start`: 2h, 3d")
    data: dict[str, Any] = Field(default_factory=dict, description="what the type needs, e.g. {tag: 装修意向}")

    @model_validator(mode="after")
    def _one_time(self) -> ProfileEvent:
        if self.time is not None and self.after is not None:
            raise ValueError(Sentence("write `time` or `after`, not both"))
        return self


class CustomerProfile(Model):
    """A customer, and what happens to them."""

    ref: Name = Field("C1", description="the customer's id in the CRM; holdout and variants are drawn by it")
    timezone: Name | None = Field(None, description="an IANA zone; absent: that of engine.yaml")
    start: When | None = Field(
        None, description="when the simulation begins; absent: at the first event that has a `time`, else now"
    )
    known_since: When | None = Field(None, description="when the CRM first knew the customer; absent: at `start`")
    attributes: dict[str, Any] = Field(default_factory=dict, description="name: value, as declared in engine.yaml")
    tags: tuple[ProfileTag, ...] = Field((), description="tags the customer has: a name, or {tag, since}")
    dimensions: dict[str, HeldValue] = Field(
        default_factory=dict, description="e.g. stage: 意向客户, or {value, since}"
    )
    staff: dict[str, Name] = Field(default_factory=dict, description="role: the staff's id")
    opt_outs: tuple[Name, ...] = Field((), description='channels the customer has opted out of; "*" for all')
    events: tuple[ProfileEvent, ...] = Field((), description="what happens, in any order")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None:
            zone(name)
        return name


@dataclass(frozen=True, slots=True)
class ProfileEvents:
    """A described customer as events, and what is wrong with the description, each with the way to it."""

    start: datetime
    events: list[Event] = field(default_factory=list)
    problems: list[tuple[Loc, Sentence]] = field(default_factory=list)
    warnings: list[tuple[Loc, Sentence]] = field(default_factory=list)


def profile_to_events(described: CustomerProfile, definitions: Definitions, now: datetime) -> ProfileEvents:
    """Return what the description comes to. `now` is when the simulation begins if nothing in it says so."""
    casting = _ProfileReader(described, definitions, now)
    casting.facts()
    casting.happenings()
    casting.done.events.sort(key=lambda event: (event.received_at, not event.backfill))
    return casting.done


class _ProfileReader:
    """Makes events of a description, through the same checks that posted ones pass."""

    def __init__(self, described: CustomerProfile, definitions: Definitions, now: datetime) -> None:
        self._described, self._definitions = described, definitions
        self._zone = zone(definitions.zone_of(described.timezone))
        times = [self._utc(each.time) for each in described.events if each.time is not None]
        self.done = ProfileEvents(self._utc(described.start) if described.start else min(times, default=now))
        self._known = self._utc(described.known_since) if described.known_since else self.done.start
        if self._known > self.done.start:
            self.done.problems.append((("known_since",), self._too_late("known_since")))
            self._known = self.done.start

    def _utc(self, moment: datetime) -> datetime:
        local = moment if moment.tzinfo else moment.replace(tzinfo=self._zone)
        return local.astimezone(zone("UTC"))

    def _too_late(self, name: str) -> Sentence:
        return Sentence(
            "`{name}` lies after `start` ({start}); what happens later belongs under `events`",
            name=name,
            start=plain(self.done.start),
        )

    def facts(self) -> None:
        """Make the events that bring about what is known at the beginning."""
        one = self._described
        self._fact(
            _ATTRIBUTES,
            "customer.updated",
            self._known,
            {"attributes": one.attributes, "staff": one.staff, **self._zoned()},
        )
        self._attributes_known()
        for index, each in enumerate(one.tags):
            self._since(("tags", index), each.since, "tag.added", {"tag": each.tag})
        for name, value in one.dimensions.items():
            self._dimension(name, value)
        for index, channel in enumerate(one.opt_outs):
            data = {} if channel == "*" else {"channel": channel}
            self._channel_known(channel, ("opt_outs", index))
            self._fact(("opt_outs", index), "message.opted_out", self._known, data)

    def _zoned(self) -> dict[str, Any]:
        return {"timezone": self._described.timezone} if self._described.timezone else {}

    def _attributes_known(self) -> None:
        declared = self._definitions.engine.attributes
        for name, value in self._described.attributes.items():
            _, dropped = typed_attributes({name: plain(value)}, self._definitions.engine)
            self.done.problems.extend(((*_ATTRIBUTES, name), alone(text)) for text in dropped)
            if name not in declared:
                message = Sentence("attribute `{name}` is not declared in engine.yaml.", name=name)
                self.done.warnings.append(((*_ATTRIBUTES, name), message + did_you_mean(name, declared)))

    def _channel_known(self, channel: str, loc: Loc) -> None:
        known = self._definitions.engine.channels
        if channel != "*" and channel not in known:
            message = Sentence(
                'unknown channel `{channel}`; known: {known}, or "*" for all.', channel=channel, known=codes(known)
            )
            self.done.problems.append((loc, message + did_you_mean(channel, known)))

    def _since(self, loc: Loc, since: datetime | None, kind: str, data: dict[str, Any], **made: Any) -> None:
        at = self._utc(since) if since is not None else self._known
        if at > self.done.start:
            self.done.problems.append(((*loc, "since"), self._too_late("since")))
            return
        self._fact(loc, kind, at, data, **made)

    def _dimension(self, name: str, value: HeldValue) -> None:
        loc: Loc = ("dimensions", name)
        if name == LIFECYCLE and self._definitions.engine.lifecycle is not None:
            clock = self._definitions.engine.lifecycle[0]
            message = Sentence(
                "`{dimension}` follows from the clock `{clock}`; write what the customer did under `events`, with its `time`",
                dimension=LIFECYCLE,
                clock=clock,
            )
            self.done.problems.append((loc, message))
            return
        made = (
            {"source": ENGINE_SOURCE, "cause": {"refresh": name}}
            if name in self._definitions.segments.dimensions
            else {}
        )
        self._since(loc, value.since, STAGE, {"dimension": name, "value": value.value}, **made)

    def happenings(self) -> None:
        """Make the events that are written; of those before the start only their facts count."""
        for index, each in enumerate(self._described.events):
            start = self.done.start
            at = self._utc(each.time) if each.time is not None else start + (each.after or timedelta())
            if at < start:
                self._fact(("events", index), each.type, at, each.data)
            else:
                self._add(("events", index), each.type, at, each.data, backfill=False)

    def _fact(self, loc: Loc, kind: str, at: datetime, data: dict[str, Any], **made: Any) -> None:
        self._add(loc, kind, at, data, backfill=True, **made)

    def _add(self, loc: Loc, kind: str, at: datetime, data: dict[str, Any], *, backfill: bool, **made: Any) -> None:
        received = self.done.start if backfill else at
        identity = "/".join(map(str, loc))
        raw = {
            "source": _SOURCE, "id": identity, "type": kind, "subject": self._described.ref, "time": at.isoformat(),
            "data": plain(data),
        }  # fmt: skip
        try:
            reading = parse.parse_with_hash(raw, received, backfill=backfill)
        except EventError as error:
            self.done.problems.append((loc, error.message))
            return
        event = replace(reading.event, **made) if made else reading.event
        self.done.warnings.extend((loc, text) for text in reading.warnings)
        if loc != _ATTRIBUTES and not made:
            dropped = facts.warnings(event, self._definitions.engine, self._definitions.segments)
            self.done.problems.extend((loc, alone(text)) for text in dropped)
        self.done.events.append(event)
