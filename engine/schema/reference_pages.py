"""Which parts of the language stand on which page of the reference, and which page of docs/language explains each key."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.sentence import Sentence


@dataclass(frozen=True, slots=True)
class Edition:
    """The reference in one language."""

    folder: str
    """Where its pages lie, seen from docs/reference."""
    docs: str
    """The way from its pages to docs."""
    other: str
    """The name of the other language."""
    to_other: str
    """The way from its pages to the same ones in that language."""


EDITIONS = {"en": Edition(".", "..", "中文", "zh"), "zh": Edition("zh", "../..", "English", "..")}
"""By language."""


@dataclass(frozen=True, slots=True)
class Group:
    """One page of the reference."""

    file: str
    title: str
    """A sentence, or the name of a file."""
    about: Sentence
    """What it holds, without a full stop."""
    models: tuple[str, ...] = ()
    """Names of the models on it, in order."""


GROUPS = (
    Group("engine", "engine.yaml", Sentence("`engine.yaml`: what all SOPs share"),
          ("EngineConfig", "QuietHours", "Cap", "WorkCalendar", "Attribute", "Dimension", "ActivityClock")),
    Group("segments", "segments.yaml", Sentence("`segments.yaml`: numbers, segments, dimensions that follow from conditions"),
          ("SegmentsConfig", "Metric", "ComputedDimension", "DimensionValue")),
    Group("sop", "sops/*.yaml", Sentence("`sops/*.yaml`: the parts of an SOP"),
          ("Sop", "Exit", "Goal", "Reentry", "StartExisting", "Defaults")),
    Group("moments", Sentence.within("heading", "Moments"), Sentence("Moments: what triggers, exits and goals are written with"),
          ("Moment", "AllTags", "Change", "Friend", "Replied", "EventMoment", "Silent", "DateMoment", "Schedule")),
    Group("conditions", Sentence.within("heading", "Conditions"), Sentence("Conditions: they hold, do not hold, or are unknown"),
          ("Condition", "Comparison", "Seen", "Touched")),
    Group("steps", Sentence.within("heading", "Steps"), Sentence("Steps: when, and what is done"),
          ("Step", "Message", "Attachment", "Task", "Variant", "Action", "Notify")),
)  # fmt: skip

CHANNELS = Group(
    "channels", Sentence.within("heading", "Channels"), Sentence("Channels: the settings of each type in `channels`")
)
"""The page of the channel types, whose models lie where the channels do."""


def group_of(name: str) -> str:
    """Return the page on which a model stands, without its ending."""
    return next(group.file for group in GROUPS if name in group.models)


TITLES = {
    "ActivityClock": Sentence.within("heading", "a clock"),
    "Action": Sentence.within("heading", "an action"),
    "AllTags": Sentence.within("heading", "all tags"),
    "Attachment": Sentence.within("heading", "an attachment"),
    "Attribute": Sentence.within("heading", "an attribute"),
    "Cap": Sentence.within("heading", "a cap"),
    "Change": Sentence.within("heading", "a change"),
    "Comparison": Sentence.within("heading", "a comparison"),
    "ComputedDimension": Sentence.within("heading", "a computed dimension"),
    "Condition": Sentence.within("heading", "a condition"),
    "DateMoment": Sentence.within("heading", "a date"),
    "Defaults": Sentence.within("heading", "defaults"),
    "Dimension": Sentence.within("heading", "a dimension"),
    "DimensionValue": Sentence.within("heading", "a value of a computed dimension"),
    "EngineConfig": Sentence.within("heading", "the file engine.yaml"),
    "EventMoment": Sentence.within("heading", "an event"),
    "Exit": Sentence.within("heading", "an exit"),
    "Friend": Sentence.within("heading", "a friend"),
    "Goal": Sentence.within("heading", "a goal"),
    "Message": Sentence.within("heading", "a message"),
    "Metric": Sentence.within("heading", "a metric"),
    "Moment": Sentence.within("heading", "a moment"),
    "Notify": Sentence.within("heading", "a notice"),
    "QuietHours": Sentence.within("heading", "quiet hours"),
    "Reentry": Sentence.within("heading", "reentry"),
    "Replied": Sentence.within("heading", "a reply"),
    "Schedule": Sentence.within("heading", "a schedule"),
    "Seen": Sentence.within("heading", "an activity"),
    "SegmentsConfig": Sentence.within("heading", "the file segments.yaml"),
    "Silent": Sentence.within("heading", "a silence"),
    "Sop": Sentence.within("heading", "an SOP"),
    "StartExisting": Sentence.within("heading", "a start of those existing"),
    "Step": Sentence.within("heading", "a step"),
    "Task": Sentence.within("heading", "a task"),
    "Touched": Sentence.within("heading", "a touch"),
    "Variant": Sentence.within("heading", "a variant"),
    "WorkCalendar": Sentence.within("heading", "a calendar"),
}
"""What each model is called, by its name."""


LANGUAGE = {
    "Sop": "sops",
    "Sop.priority": "groups", "Sop.group": "groups", "Sop.trigger": "triggers", "Sop.when": "conditions", "Sop.while": "while",
    "Sop.exit": "exit", "Sop.goal": "goal", "Sop.accept": "accept", "Sop.holdout": "holdout", "Sop.arms": "variants",
    "Sop.exempt": "exempt", "Sop.reentry": "reentry", "Sop.key": "key", "Sop.existing": "existing", "Sop.max_event_age": "old-events",
    "Sop.steps": "steps",
    "Defaults": "steps", "Defaults.window": "windows", "Defaults.channel": "channels", "Defaults.fallback_after": "channels",
    "Defaults.expires": "expiry",
    "Exit": "exit", "Goal": "goal", "Reentry": "reentry", "StartExisting": "existing",
    "Exit.as": "exit", "Exit.do": "exit", "Goal.within": "goal",
    "Moment": "triggers", "AllTags": "tags",
    "Change": "stages", "Friend": "friends", "Replied": "replies", "EventMoment": "events", "Silent": "silence",
    "DateMoment": "dates", "Schedule": "schedules",
    "Condition": "conditions",
    "Condition.tag": "tags", "Condition.is": "stages", "Condition.attr": "attributes", "Condition.seen": "history",
    "Condition.touched": "history", "Condition.in_sop": "history", "Condition.silent": "silence", "Condition.metric": "segments",
    "Condition.segment": "segments", "Condition.event": "events",
    "Comparison": "attributes", "Seen": "history", "Touched": "history",
    "Step": "steps",
    "Step.window": "windows", "Step.from": "other-dates", "Step.when": "conditions", "Step.message": "messages", "Step.task": "tasks",
    "Step.variants": "variants", "Step.do": "actions", "Step.channel": "channels", "Step.fallback_after": "channels",
    "Step.expires": "expiry", "Step.exempt": "exempt", "Step.welcome": "welcome",
    "Message": "messages", "Message.text": "templates", "Attachment": "messages", "Task": "tasks", "Variant": "variants",
    "Action": "actions", "Notify": "actions",
    "EngineConfig.timezone": "time-zones", "EngineConfig.quiet_hours": "quiet-hours", "EngineConfig.caps": "caps",
    "EngineConfig.calendar": "calendar", "EngineConfig.attributes": "attributes", "EngineConfig.dimensions": "stages",
    "EngineConfig.clocks": "silence", "EngineConfig.staff": "tasks", "EngineConfig.channels": "channels",
    "QuietHours": "quiet-hours", "Cap": "caps", "WorkCalendar": "calendar", "Attribute": "attributes", "Dimension": "stages",
    "ActivityClock": "silence",
    "SegmentsConfig": "segments", "Metric": "segments", "ComputedDimension": "segments", "DimensionValue": "segments",
}  # fmt: skip
"""The page of docs/language by `Model.key`, or by model for its other keys."""

_MOMENTS = {
    "tag_added": "tags", "tag_removed": "tags", "entered": "stages", "left": "stages", "customer_created": "friends",
    "friend_added": "friends", "friend_removed": "friends", "replied": "replies", "silent": "silence", "event": "events",
    "date": "dates", "schedule": "schedules",
}  # fmt: skip
LANGUAGE |= {f"{owner}.{key}": page for owner in ("Moment", "Exit", "Goal") for key, page in _MOMENTS.items()}
