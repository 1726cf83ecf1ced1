"""The reasons as operators read them."""

from __future__ import annotations

from engine.core.reasons import Reason
from engine.core.sentence import Sentence

REASON_TEXT: dict[Reason, Sentence] = {
    Reason.SUPERSEDED: Sentence("a later event has already written this value"),
    Reason.NO_CHANGE: Sentence("the value was already so, nothing changed"),
    Reason.STALE_EVENT: Sentence("the event is too old to start anything; facts were updated"),
    Reason.BACKFILL: Sentence("a backfilled event updates facts and starts nothing"),
    Reason.UNKNOWN_VALUE: Sentence("the value is not one the definitions allow; it was not taken"),
    Reason.CASCADE: Sentence("SOPs set each other off more than 8 deep; cut"),
    Reason.DEAD: Sentence("processing failed repeatedly; set aside as a dead letter"),
    Reason.CONDITION: Sentence("a condition does not hold"),
    Reason.UNKNOWN: Sentence("a condition needs a value that is not known"),
    Reason.WHILE_NOT_MET: Sentence("the `while` condition does not hold at the start"),
    Reason.ALREADY_ACTIVE: Sentence("the customer is in this SOP already"),
    Reason.ALREADY_HAD: Sentence("the customer has had this SOP and it is never repeated"),
    Reason.COOLDOWN: Sentence("the last start is still within the cooldown"),
    Reason.GROUP_BUSY: Sentence("a higher-priority SOP of the same group is active"),
    Reason.NO_KEY: Sentence("the event lacks the value that `key` names"),
    Reason.NOT_ACCEPTING: Sentence("the SOP takes nobody new"),
    Reason.EXIT: Sentence("an exit moment happened"),
    Reason.ACTIVE_AGAIN: Sentence("the customer was active again; the silence is over"),
    Reason.WHILE_ENDED: Sentence("the `while` condition no longer holds"),
    Reason.RESTARTED: Sentence("triggered again and started anew"),
    Reason.REPLACED: Sentence("replaced by an SOP of the same group with equal or higher priority"),
    Reason.SOP_REMOVED: Sentence("the SOP was removed"),
    Reason.BY_SOP: Sentence("ended by another SOP's action"),
    Reason.GOAL: Sentence("the goal was reached"),
    Reason.BY_HAND: Sentence("ended by an operator"),
    Reason.QUIET_HOURS: Sentence("quiet hours; it waits for their end"),
    Reason.HOLIDAY: Sentence("a day off; it waits for the next day that is none"),
    Reason.CAP: Sentence("the cap is reached; it waits for a day with room"),
    Reason.HOLDOUT: Sentence("in the holdout group; nothing is sent"),
    Reason.NO_VARIANT: Sentence("no variant's conditions hold"),
    Reason.FALLBACK: Sentence("not confirmed in time; it goes over the next channel"),
    Reason.NOT_CONFIRMED: Sentence("staff did not send it"),
    Reason.RECALLED: Sentence("recalled by an operator"),
    Reason.BEFORE_START: Sentence("its time lies before the timeline's start"),
    Reason.EXPIRED: Sentence("held back too long; it has expired"),
    Reason.PASSED: Sentence("its time had passed when the new version brought it"),
    Reason.NO_DATE: Sentence("the date it counts from is not known"),
    Reason.MISSING_VALUE: Sentence("the message lacks a value; supply it or write a default"),
    Reason.TEMPLATE_ERROR: Sentence("the message cannot be rendered; correct the definition"),
    Reason.OPTED_OUT: Sentence("the customer has opted out"),
    Reason.CHANNEL_REMOVED: Sentence("the channel is no longer defined"),
    Reason.PLANNING_FAILED: Sentence("planning failed; it will be tried again"),
    Reason.TIMELINE_ENDED: Sentence("the timeline has ended; called back"),
    Reason.UNMATCHED_EVENTS: Sentence("new events of the customer come first"),
    Reason.PAUSED: Sentence("paused"),
    Reason.RETRY: Sentence("not delivered yet; it will be tried again"),
    Reason.REFUSED_BY_PROVIDER: Sentence("refused by the provider"),
    Reason.TOO_MANY_TRIES: Sentence("tried as often as allowed"),
    Reason.OUTCOME_UNKNOWN: Sentence("interrupted while sending; whether it arrived is not known"),
}


def sentence(reason: str) -> str:
    """Return the sentence of a reason by its code; the code itself where there is none."""
    try:
        return REASON_TEXT[Reason(reason)]
    except (ValueError, KeyError):
        return reason
