"""Which parts of the language stand on which page of the reference, and which page of docs/language explains each key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """One page of the reference."""

    file: str
    title: str
    zh: str
    """What it holds, in Chinese."""
    models: tuple[str, ...]
    """Names of the models on it, in order."""


GROUPS = (
    Group("engine", "engine.yaml", "`engine.yaml`：所有 SOP 共用的设置",
          ("EngineConfig", "QuietHours", "Cap", "WorkCalendar", "Attribute", "Dimension", "ActivityClock")),
    Group("segments", "segments.yaml", "`segments.yaml`：数字、人群、按条件分档的维度",
          ("SegmentsConfig", "Metric", "ComputedDimension", "DimensionValue")),
    Group("sop", "sops/*.yaml", "`sops/*.yaml`：一个 SOP 的各个部分", ("Sop", "Exit", "Goal", "Reentry", "StartExisting", "Defaults")),
    Group("moments", "Moments", "时机：触发、退出、目标都用它来写",
          ("Moment", "AllTags", "Change", "Friend", "Replied", "EventMoment", "Silent", "DateMoment", "Schedule")),
    Group("conditions", "Conditions", "条件：成立、不成立或未知", ("Condition", "Comparison", "Seen", "Touched")),
    Group("steps", "Steps", "步骤：什么时候、做什么", ("Step", "Message", "Attachment", "Task", "Variant", "Action", "Notify")),
)  # fmt: skip

TITLES = {
    "ActivityClock": "a clock",
    "Action": "an action",
    "AllTags": "all tags",
    "Attachment": "an attachment",
    "Attribute": "an attribute",
    "Cap": "a cap",
    "Change": "a change",
    "Comparison": "a comparison",
    "ComputedDimension": "a computed dimension",
    "Condition": "a condition",
    "DateMoment": "a date",
    "Defaults": "defaults",
    "Dimension": "a dimension",
    "DimensionValue": "a value of a computed dimension",
    "EngineConfig": "the file engine.yaml",
    "EventMoment": "an event",
    "Exit": "an exit",
    "Friend": "a friend",
    "Goal": "a goal",
    "Message": "a message",
    "Metric": "a metric",
    "Moment": "a moment",
    "Notify": "a notice",
    "QuietHours": "quiet hours",
    "Reentry": "reentry",
    "Replied": "a reply",
    "Schedule": "a schedule",
    "Seen": "an activity",
    "SegmentsConfig": "the file segments.yaml",
    "Silent": "a silence",
    "Sop": "an SOP",
    "StartExisting": "a start of those existing",
    "Step": "a step",
    "Task": "a task",
    "Touched": "a touch",
    "Variant": "a variant",
    "WorkCalendar": "a calendar",
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
