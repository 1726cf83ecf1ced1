"""The states of a touch in the words of those who read them."""

from __future__ import annotations

from engine.core.sentence import Sentence

STATE_WORDS: dict[str, Sentence] = {
    "queued": Sentence.within("status", "queued"),
    "sending": Sentence.within("status", "sending"),
    "sent": Sentence.within("status", "sent"),
    "handed": Sentence.within("status", "handed"),
    "failed": Sentence.within("status", "failed"),
    "unknown": Sentence.within("status", "unknown"),
    "skipped": Sentence.within("status", "skipped"),
    "cancelled": Sentence.within("status", "cancelled"),
    "expired": Sentence.within("status", "expired"),
}
