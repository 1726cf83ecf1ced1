"""The words about what operators have done that depend on a name."""

from __future__ import annotations

from engine.core.sentence import Sentence

PAUSE_SCOPE = {
    "sop": Sentence("SOP {name}"),
    "channel": Sentence("channel {name}"),
    "all": Sentence("everything"),
}
"""What is paused."""

SEND_OUTCOME = {
    "sent": Sentence.within("outcome", "sent"),
    "handed": Sentence("handed to staff"),
    "failed": Sentence.within("outcome", "failed"),
    "retry": Sentence("not delivered, may be tried again"),
    "unknown": Sentence("outcome not known"),
}
"""What became of a test-send."""

RETRY_VERDICT = {
    "queued": Sentence("{touch} ({about}): queued again, until {limit}"),
    "sent": Sentence("{touch} ({about}): noted as sent"),
    "expired": Sentence("{touch} ({about}): its limit {limit} is over; it is not sent"),
    "ended": Sentence("{touch} ({about}): its timeline has ended; it is not sent"),
    "wrong_status": Sentence(
        "{touch} ({about}): it is {status}; what is failed or unknown can be retried, what is unknown marked as sent"
    ),
    "not_found": Sentence("{touch}: no touch has this id; `sop log --json` shows ids"),
}
"""What became of a touch to be sent again."""
