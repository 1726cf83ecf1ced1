"""The words of a story that depend on a name: a state, a status, what brought a customer in."""

from __future__ import annotations

from engine.core.matching.existing_customers import JOINED
from engine.core.matching.schedules import DATE, SLOT
from engine.core.sentence import Sentence

BROUGHT = {
    DATE: Sentence("its day: {what} (SOP {sop})"),
    SLOT: Sentence("its time: {what} (SOP {sop})"),
    JOINED: Sentence("met the trigger already ({what}, SOP {sop})"),
}
"""What brought a customer into an SOP, by what the starting event's data name."""

DECISION = {"refused": Sentence("did not start {sop}: {why}"), "ended": Sentence("ended {sop}: {why}")}

STATE = {
    "completed": Sentence("{said}: started {anchor}, completed {ended}"),
    "converted": Sentence("{said}: started {anchor}, converted {ended}"),
    "exited": Sentence("{said}: started {anchor}, exited {ended}"),
    "cancelled": Sentence("{said}: started {anchor}, cancelled {ended}"),
}

STATUS = {
    "planned": Sentence("planned for {due}"),
    "due": Sentence("due since {due}, about to be planned"),
    "held": Sentence("due {due}, held back"),
    "undated": Sentence("has no time"),
    "unreached": Sentence("never reached (was due {due})"),
    "queued": Sentence("due {due}, waiting to go out over {channel}"),
    "sending": Sentence("being sent over {channel}"),
    "sent": Sentence("sent {at} over {channel}"),
    "failed": Sentence("failed {at} over {channel}"),
    "unknown": Sentence("outcome not known, {at} over {channel}"),
    "handed": Sentence("handed to {channel} {at}, waits for staff"),
    "cancelled": Sentence("cancelled {at}"),
    "expired": Sentence("expired {at}"),
    "skipped": Sentence("skipped, due {due}"),
}
"""What became of a step, or what it waits for."""

SENT = {"do": Sentence("done {at}"), "notice": Sentence("staff was told {at} over {channel}")}
"""Of steps that are no message to the customer."""

MISS = {
    "other": Sentence("{event}: not {wanted}, which it waits for"),
    "nothing": Sentence("{event}: {why}, so it triggered nothing"),
    "before": Sentence("{event}: before the SOP was applied, {applied}"),
    "rest": Sentence("{event}: the rest is lacking, {wanted}"),
    "fields": Sentence("{event}: {why}"),
    "came_from": Sentence("{event}: wanted from or to {wanted}"),
    "unmatched": Sentence("{event}: waits for the matcher"),
}
"""By what an event came short of a trigger."""
