"""The one closed table of reasons: of a refusal, skip, deferral, exit, failure, and of an event that changes nothing."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why something did not happen, or ended."""

    # an event that starts or changes nothing
    SUPERSEDED = "superseded"
    NO_CHANGE = "no_change"
    STALE_EVENT = "stale_event"
    BACKFILL = "backfill"
    UNKNOWN_VALUE = "unknown_value"
    CASCADE = "cascade"
    DEAD = "dead_letter"
    # a start refused
    CONDITION = "condition"
    UNKNOWN = "unknown"
    WHILE_NOT_MET = "while_not_met"
    ALREADY_ACTIVE = "already_active"
    ALREADY_HAD = "already_had"
    COOLDOWN = "cooldown"
    GROUP_BUSY = "group_busy"
    NO_KEY = "no_key"
    NOT_ACCEPTING = "not_accepting"
    # a timeline ended
    EXIT = "exit"
    ACTIVE_AGAIN = "active_again"
    WHILE_ENDED = "while_ended"
    RESTARTED = "restarted"
    REPLACED = "replaced"
    SOP_REMOVED = "sop_removed"
    BY_SOP = "by_sop"
    GOAL = "goal"
    BY_HAND = "by_hand"
    # a touch skipped, held back, or not sent
    BEFORE_START = "before_start"
    EXPIRED = "expired"
    PASSED = "passed"
    NO_DATE = "no_date"
    QUIET_HOURS = "quiet_hours"
    HOLIDAY = "holiday"
    CAP = "cap"
    HOLDOUT = "holdout"
    NO_VARIANT = "no_variant"
    FALLBACK = "fallback"
    NOT_CONFIRMED = "not_confirmed"
    RECALLED = "recalled"
    MISSING_VALUE = "missing_value"
    TEMPLATE_ERROR = "template_error"
    OPTED_OUT = "opted_out"
    CHANNEL_REMOVED = "channel_removed"
    PLANNING_FAILED = "planning_failed"
    TIMELINE_ENDED = "timeline_ended"
    UNMATCHED_EVENTS = "unmatched_events"
    PAUSED = "paused"
    RETRY = "retry"
    REFUSED_BY_PROVIDER = "refused_by_provider"
    TOO_MANY_TRIES = "too_many_tries"
    OUTCOME_UNKNOWN = "outcome_unknown"
