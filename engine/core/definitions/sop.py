"""One SOP, as it stands in `sops/*.yaml`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from engine.core.definitions.base import Duration, EventField, Model, Name, Names, Percent, SopId, TimeOfDay
from engine.core.definitions.clocks import StartExisting
from engine.core.definitions.conditions import Conditions
from engine.core.definitions.moments import Moment
from engine.core.definitions.steps import Actions, Exempt, Gate, Step, WindowOfDay


class Defaults(Model):
    """What steps have where they say nothing."""

    at: TimeOfDay | None = Field(None, description='time of day for steps with `day`, "HH:MM"')
    window: WindowOfDay | None = Field(
        None, description='instead of `at`: a part of the day such as "10:00-11:30", a steady moment for each customer'
    )
    channel: Names | None = Field(None, description="channels in order of preference; may begin with `preferred`")
    fallback_after: Duration | None = Field(
        None, description="handed to staff and not confirmed for so long, it goes over the next channel of the list"
    )
    expires: Duration = Field(timedelta(hours=36), description="held back longer than this, a touch is skipped")


class Exit(Moment):
    """A moment that ends the timeline, optionally with a name and a follow-up."""

    beside: ClassVar[frozenset[str]] = frozenset({"as_", "do"})
    as_: Name | None = Field(None, alias="as", description="a name for this end, shown to operators")
    do: Actions | None = Field(None, description="what follows: start, exit, add_tag, remove_tag, set")


class Goal(Moment):
    """What the SOP is for: the timeline ends as converted when it happens."""

    beside: ClassVar[frozenset[str]] = frozenset({"within"})
    within: Duration | None = Field(
        None,
        description="counted so long after the anchor, even after the timeline's end; absent: as long as it runs",
    )


class Reentry(Model):
    """May a customer have this SOP again?"""

    mode: Literal["never", "after_end", "restart"] = Field(
        "after_end", description="never; after the end; or at once, from the start"
    )
    cooldown: Duration | None = Field(None, description="not before this long after the last start")

    @model_validator(mode="before")
    @classmethod
    def _bare_mode(cls, value: Any) -> Any:
        return {"mode": value} if isinstance(value, str) else value


def _which_existing(value: Any) -> str:
    return "StartExisting" if isinstance(value, (dict, StartExisting)) else "Word"


Existing = Annotated[
    Annotated[Literal["ignore", "join"], Tag("Word")] | Annotated[StartExisting, Tag("StartExisting")],
    Discriminator(_which_existing),
]


class Sop(Model):
    """One SOP: moments, conditions, steps."""

    sop: SopId = Field(description="the id: small letters, digits, hyphens; a new id is a new SOP")
    title: Name = Field(description="what operators call it")
    priority: Annotated[int, Field(strict=True, ge=0, le=1000)] = Field(50, description="higher goes first")
    group: Name | None = Field(None, description="at most one active timeline per customer in a group")
    trigger: Annotated[tuple[Moment, ...], Field(min_length=1)] = Field(
        description="any one starts a timeline; its time is the anchor",
        examples=[[{"tag_added": ["装修意向"]}, "friend_added"]],
    )
    when: Conditions | None = Field(
        None,
        description="must hold at the start",
        examples=[[{"is": {"stage": "意向客户"}}, {"not": {"tag": "已成交"}}]],
    )
    while_: Conditions | None = Field(
        None, alias="while", description="must hold throughout; when it ends, the timeline ends"
    )
    exit: tuple[Exit, ...] = Field(
        (), description="moments that end the timeline", examples=[[{"replied": {"contains": "预约"}, "as": "预约"}]]
    )
    goal: Goal | None = Field(
        None, description="what it is for, e.g. {event: {type: purchase}, within: 30d}; reached: ends as converted"
    )
    accept: Annotated[bool, Field(strict=True)] = Field(
        True, description="false: nobody new enters, those inside go on to their end"
    )
    holdout: Percent = Field(
        0.0, description='the comparison group: so many run the timeline and are sent nothing, e.g. "10%"'
    )
    arms: Literal["step", "sop"] = Field(
        "step", description="sop: a customer has the same weighted variant in every step; step: drawn for each step"
    )
    exempt: Exempt | None = Field(
        None, description="none of its steps is held back by these: quiet_hours, caps, calendar"
    )
    reentry: Reentry = Field(Reentry(), description="never | after_end | restart, with an optional cooldown")
    key: EventField | None = Field(
        None,
        description="event.data.<field>: one active timeline per customer, SOP and key",
        examples=["event.data.order"],
    )
    existing: Existing = Field(
        "ignore",
        description="who meets the trigger already when this is first applied: ignore; join where they would stand today; "
        "or {start: now, per_day: 500}",
    )
    max_event_age: Duration = Field(timedelta(days=2), description="an older event starts nothing")
    defaults: Defaults = Field(Defaults(), description="what steps have where they say nothing")
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=500)] = Field(
        description="in any order; they run in order of their time"
    )

    def channels_of(self, step: Step) -> tuple[str, ...]:
        """Return the channels a step may go over, in order of preference."""
        return step.channel or self.defaults.channel or ()

    def window_of(self, step: Step) -> WindowOfDay | None:
        """Return the part of the day a step goes out in, None where it has a time of its own."""
        return step.window or (self.defaults.window if step.at is None else None)

    def exempt_from(self, step: Step, gate: Gate) -> bool:
        """Return whether a gate does not hold this step back."""
        return gate in (self.exempt or ()) or gate in (step.exempt or ())

    def fallback_of(self, step: Step) -> timedelta | None:
        """Return how long staff has to confirm before the next channel is taken, None where it waits for them."""
        return step.fallback_after or self.defaults.fallback_after

    def expiry_of(self, step: Step) -> timedelta:
        """Return how long a touch of this step may be held back."""
        return self.defaults.expires if step.expires is None else step.expires
