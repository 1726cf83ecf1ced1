"""Steps: a time and an action."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from engine.core.definitions.base import (
    NONE_FOUND,
    DateSource,
    Duration,
    Model,
    Name,
    Names,
    OneOf,
    Scalar,
    SopId,
    StepId,
    Text,
    TimeOfDay,
    parse_window,
)
from engine.core.definitions.conditions import Conditions
from engine.core.sentence import Listed, Sentence, codes

PREFERRED = "preferred"
"""In a channel list: the channel that the customer's attribute `preferred_channel` names."""

Gate = Literal["quiet_hours", "caps", "calendar"]


def _gates(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _once(value: tuple[Gate, ...]) -> tuple[Gate, ...]:
    return tuple(dict.fromkeys(value))


_GATE = {"type": "string", "enum": list(get_args(Gate))}
Exempt = Annotated[
    tuple[Gate, ...],
    BeforeValidator(_gates),
    AfterValidator(_once),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [_GATE, {"type": "array", "items": _GATE, "minItems": 1}]}),
]


def _window(value: Any) -> Any:
    return value if isinstance(value, tuple) else parse_window(value)


WindowOfDay = Annotated[
    tuple[time, time],
    BeforeValidator(_window),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9] ?[-–] ?([01][0-9]|2[0-3]):[0-5][0-9]$",
            "examples": ["10:00-11:30"],
        }
    ),
]
"""A part of a day in which each customer has a steady moment: its begin and end."""


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


class Notify(Model):
    """A notice to one of the customer's staff: nothing they have to do, and no touch of the customer."""

    to: Name = Field(description="a role listed under `staff` in engine.yaml")
    text: Text = Field(description="a template: what they should know")
    channel: Names | None = Field(None, description="over which channel; absent: the SOP's default")


class Action(OneOf):
    """Something the engine does itself. Exactly one key."""

    add_tag: Names | None = Field(None, description="set these tags")
    remove_tag: Names | None = Field(None, description="take these tags away")
    set: dict[str, Name] | None = Field(None, description="set dimensions, e.g. {stage: 意向客户}")
    attr: dict[Name, Scalar] | None = Field(None, description="set attributes, e.g. {last_offer: 春季}")
    start: SopId | None = Field(None, description="start this SOP (its `when`, `reentry` and `group` apply)")
    exit: SopId | None = Field(None, description="end this SOP's timelines of the customer")
    notify: Notify | None = Field(None, description="tell staff, e.g. {to: owner, text: 客户要预约}")


Actions = Annotated[tuple[Action, ...], Field(min_length=1, max_length=20)]


class Variant(Model):
    """One of several versions of a step's message or task."""

    id: StepId = Field(description="the variant's identity, shown in results")
    when: Conditions | None = Field(None, description="the first variant whose conditions hold is taken")
    weight: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        1, description="share among the variants without `when`: 50 and 50, or 9 and 1"
    )
    message: Message | None = Field(None, description="a message to the customer")
    task: Task | None = Field(None, description="work for staff")

    @model_validator(mode="after")
    def _whole(self) -> Variant:
        if (self.message is None) == (self.task is None):
            names = codes(("message", "task"))
            raise ValueError(Sentence("variant `{variant}` needs exactly one of {names}", variant=self.id, names=names))
        if self.when is not None and "weight" in self.model_fields_set:
            raise ValueError(
                Sentence(
                    "variant `{variant}` has `when` and `weight`; weights divide those without `when`, remove one of the two",
                    variant=self.id,
                )
            )
        return self


class Step(Model):
    """A time and an action."""

    id: StepId = Field(description="the step's identity across versions")
    day: Annotated[int, Field(strict=True, ge=-3650, le=3650)] | None = Field(
        None, description="calendar days after the anchor's date in the customer's zone; 0 that day, negative before"
    )
    at: TimeOfDay | None = Field(None, description='time of day "HH:MM" in the customer\'s zone, with `day`')
    window: WindowOfDay | None = Field(
        None, description='instead of `at`: "10:00-11:30"; each customer has a steady moment in it, so a peak is spread'
    )
    after: Duration | None = Field(None, description="elapsed time from the anchor: 1m, 2h")
    from_: DateSource | None = Field(
        None,
        alias="from",
        description="another date than the anchor: event.data.<field> or attr.<name>, with `day`",
        examples=["event.data.runs_out_on", "attr.birthday"],
    )
    when: Conditions | None = Field(None, description="does not hold: this step is skipped, the timeline goes on")
    message: Message | None = Field(None, description="a message to the customer")
    task: Task | None = Field(None, description="work for staff")
    variants: Annotated[tuple[Variant, ...], Field(min_length=1, max_length=20)] | None = Field(
        None, description="instead of message or task: the first whose `when` holds, else one by weight"
    )
    do: Actions | None = Field(None, description="what the engine does itself")
    channel: Names | None = Field(
        None, description="where it goes: the first of these the customer can be reached on; may begin with `preferred`"
    )
    fallback_after: Duration | None = Field(
        None, description="handed to staff and not confirmed for so long, it goes over the next channel of the list"
    )
    expires: Duration | None = Field(None, description="held back longer than this, it is skipped (default 36h)")
    exempt: Exempt | None = Field(
        None, description="not held back by these: quiet_hours, caps, calendar (a welcome at once, an order receipt)"
    )
    welcome: Annotated[bool, Field(strict=True)] = Field(False, description="sent as the channel's welcome message")

    @model_validator(mode="after")
    def _whole(self) -> Step:
        wrong = self._wrong_content() or self._wrong_time() or self._wrong_variants() or self._wrong_welcome()
        if wrong:
            raise ValueError(wrong.with_values(step=self.id))
        return self

    def _wrong_content(self) -> Sentence | None:
        carried = ("message", "task", "variants", "do")
        written = [name for name in carried if getattr(self, name) is not None]
        if len(written) == 1:
            return None
        found = Listed(codes(written), "and") if written else NONE_FOUND
        return Sentence(
            "step `{step}` needs exactly one of {names}; found {found}", step=self.id, names=codes(carried), found=found
        )

    def _wrong_time(self) -> Sentence | None:
        if (self.day is None) == (self.after is None):
            return Sentence("step `{step}` needs exactly one time: `day` (with `at`) or `after`")
        if self.day is None and (self.at or self.window or self.from_):
            return Sentence("step `{step}`: `at`, `window` and `from` go with `day`, not with `after`")
        if self.at and self.window:
            return Sentence("step `{step}` has `at` and `window`; a window says the time of day itself, remove `at`")
        return None

    def _wrong_welcome(self) -> Sentence | None:
        wrong = self.welcome and self.kind != "message"
        return Sentence("step `{step}`: `welcome` goes with a message") if wrong else None

    def _wrong_variants(self) -> Sentence | None:
        """Refuse variants that share an id or mix messages and tasks: a step is one or the other."""
        names = [each.id for each in self.variants or ()]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            return Sentence(
                "step `{step}` has the variant `{variant}` twice; give each an id of its own",
                step=self.id, variant=repeated[0],
            )  # fmt: skip
        if len({each.message is None for each in self.variants or ()}) > 1:
            return Sentence("step `{step}` mixes messages and tasks in its variants; write two steps")
        return None

    @property
    def kind(self) -> Literal["message", "task", "do"]:
        """Which of the three it carries out."""
        written: Step | Variant = self.variants[0] if self.variants else self
        return "message" if written.message else "task" if written.task else "do"

    @property
    def contents(self) -> list[tuple[tuple[str | int, ...], Message | Task]]:
        """Every message or task it may carry out, with the way to it from the step."""
        owners: list[tuple[tuple[str | int, ...], Step | Variant]] = [((), self)]
        owners += [(("variants", index), each) for index, each in enumerate(self.variants or ())]
        written = [
            ((*way, kind), content)
            for way, owner in owners
            for kind, content in (("message", owner.message), ("task", owner.task))
        ]
        return [(way, content) for way, content in written if content is not None]


_URL = Sentence("where it lies: https://…")
_MEDIA = Sentence("instead of `url`: the id of a file uploaded to the channel's provider")


@dataclass(frozen=True, slots=True)
class AttachmentKind:
    """The keys of one kind of attachment, each with what it means."""

    needed: tuple[tuple[str, ...], ...]
    """One of each of these groups must be written."""
    keys: dict[str, Sentence]
    """Every key it may have: name and description."""


_MEDIUM = AttachmentKind((("url", "media_id"),), {"url": _URL, "media_id": _MEDIA})

ATTACHMENTS: dict[str, AttachmentKind] = {
    "link": AttachmentKind(
        (("title",), ("url",)),
        {
            "title": Sentence("what the card says"),
            "url": _URL,
            "desc": Sentence("a line below the title"),
            "picurl": Sentence("the card's picture"),
        },
    ),
    "image": _MEDIUM,
    "video": _MEDIUM,
    "file": _MEDIUM,
    "miniprogram": AttachmentKind(
        (("title",), ("appid",), ("page",)),
        {
            "title": Sentence("what the card says"),
            "appid": Sentence("the mini program's id"),
            "page": Sentence("the page it opens, with its parameters"),
            "pic_media_id": Sentence("the card's picture: the id of an uploaded file"),
        },
    ),
}
"""By the key of an attachment."""
