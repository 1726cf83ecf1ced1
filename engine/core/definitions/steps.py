"""Steps: a time and an action."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from engine.core.definitions.base import DateSource, Duration, Model, Name, Names, OneOf, SopId, StepId, Text, TimeOfDay
from engine.core.definitions.conditions import Conditions


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
            raise ValueError(
                f"step `{self.id}` needs exactly one of message, task, do; found {' and '.join(written) or 'none'}"
            )
        if (self.day is None) == (self.after is None):
            raise ValueError(f"step `{self.id}` needs exactly one time: `day` (with `at`) or `after`")
        if self.day is None and (self.at or self.from_):
            raise ValueError(f"step `{self.id}`: `at` and `from` go with `day`, not with `after`")
        return self

    @property
    def kind(self) -> Literal["message", "task", "do"]:
        """Which of the three it carries out."""
        return "message" if self.message else "task" if self.task else "do"
