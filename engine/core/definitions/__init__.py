"""The definition language as values, checked for form: what stands in a definitions folder.

Meaning that spans parts (do the names exist?) is checked in `engine.core.validation`; places in the text are the business of
`engine.definitions_yaml`. The field descriptions here are what editors show (`sop schema`).
"""

from __future__ import annotations

from engine.core.definitions.base import (
    DateSource,
    Days,
    Duration,
    EventField,
    EventType,
    Model,
    Name,
    Names,
    OneOf,
    Scalar,
    Silent,
    SopId,
    StepId,
    Text,
    TimeOfDay,
)
from engine.core.definitions.calendar import Cap, QuietHours, WorkCalendar
from engine.core.definitions.clocks import ActivityClock, StartExisting
from engine.core.definitions.conditions import Comparison, Condition, Conditions, Seen, Touched
from engine.core.definitions.engine import LIFECYCLE, Attribute, AttributeType, Dimension, EngineConfig
from engine.core.definitions.moments import (
    AllTags,
    Change,
    DateMoment,
    DimensionChange,
    EventMoment,
    Friend,
    Moment,
    Nothing,
    Replied,
    Schedule,
)
from engine.core.definitions.segments import RFM_PARTS, ComputedDimension, DimensionValue, Metric, SegmentsConfig
from engine.core.definitions.sop import Defaults, Exit, Goal, Reentry, Sop
from engine.core.definitions.steps import (
    PREFERRED,
    Action,
    Actions,
    Attachment,
    Gate,
    Message,
    Notify,
    Step,
    Task,
    Variant,
)

__all__ = [
    "LIFECYCLE",
    "PREFERRED",
    "RFM_PARTS",
    "Action",
    "Actions",
    "ActivityClock",
    "AllTags",
    "Attachment",
    "Attribute",
    "AttributeType",
    "Cap",
    "Change",
    "Comparison",
    "ComputedDimension",
    "Condition",
    "Conditions",
    "DateMoment",
    "DateSource",
    "Days",
    "Defaults",
    "Dimension",
    "DimensionChange",
    "DimensionValue",
    "Duration",
    "EngineConfig",
    "EventField",
    "EventMoment",
    "EventType",
    "Exit",
    "Friend",
    "Gate",
    "Goal",
    "Message",
    "Metric",
    "Model",
    "Moment",
    "Name",
    "Names",
    "Nothing",
    "Notify",
    "OneOf",
    "QuietHours",
    "Reentry",
    "Replied",
    "Scalar",
    "Schedule",
    "Seen",
    "SegmentsConfig",
    "Silent",
    "Sop",
    "SopId",
    "StartExisting",
    "Step",
    "StepId",
    "Task",
    "Text",
    "TimeOfDay",
    "Touched",
    "Variant",
    "WorkCalendar",
]
