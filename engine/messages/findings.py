"""What the doctor finds, in words: each finding with its remedy."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from engine.core.errors import SopError
from engine.core.reasons import Reason
from engine.core.sentence import Sentence, codes
from engine.core.stored_sentence import shortened
from engine.core.validation.unseen_names import NeverSeen
from engine.messages.reasons import sentence
from engine.messages.spans import roughly

SILENT_AFTER = timedelta(seconds=60)
"""A process that has not shown itself for so long counts as stopped, and an event that waits so long waits too long."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    level: Literal["ok", "warning", "error"]
    about: Sentence
    text: Sentence
    remedy: Sentence | None = None


def held_by_hand(pause: Any, now: datetime) -> Finding:
    """Return what a pause holds up, and since when."""
    text = Sentence(
        "paused for {span}, by {who}: {reason}",
        span=roughly(now - pause.since),
        who=pause.who or Sentence("somebody"),
        reason=pause.reason or Sentence("no reason given"),
    )
    order = {"sop": pause.name, "channel": f"--channel {pause.name}"}.get(pause.kind, "--all")
    remedy = Sentence("`sop resume {order}` when it may go on", order=order)
    return Finding("warning", scope(pause), text, remedy)


def scope(pause: Any) -> Sentence:
    """Return what is paused, by its kind and name."""
    if pause.kind == "all":
        return Sentence.within("pause", "all")
    kinds = {"sop": Sentence.within("doctor", "sop {name}"), "channel": Sentence.within("doctor", "channel {name}")}
    return kinds[pause.kind].with_values(name=pause.name)


def dead_letters(dead: Any) -> Finding:
    """Return how many dead letters there are, with the newest."""
    text = Sentence.counted(
        "{number:,} dead letter; the newest, of customer {customer}: {error}",
        "{number:,} dead letters; the newest, of customer {customer}: {error}",
        dead.number,
        customer=dead.subject,
        error=shortened(dead.error, 200),
    )
    remedy = Sentence(
        "`sop explain {customer}` shows the event; mend the cause, then `sop dead-letters replay ID`",
        customer=dead.subject,
    )
    return Finding("warning", Sentence.within("doctor", "dead letters"), text, remedy)


def waiting_events(row: Any, now: datetime) -> Finding:
    """Return how many events wait for the matcher; None: none does."""
    inbox = Sentence.within("doctor", "inbox")
    if row is None:
        return Finding("ok", inbox, Sentence("every event is matched"))
    age = now - row.received_at
    text = Sentence.counted(
        "{number:,} event waiting to be matched, the oldest for {span} (customer {customer})",
        "{number:,} events waiting to be matched, the oldest for {span} (customer {customer})",
        row.number,
        span=roughly(age),
        customer=row.subject,
    )
    if age <= SILENT_AFTER:
        return Finding("ok", inbox, text)
    return Finding("warning", inbox, text, Sentence("is `sop matcher` running?"))


def held_back(row: Any) -> Finding:
    """Return how many timelines of an SOP are held back for a reason, with one customer."""
    text = Sentence.counted(
        "{number:,} timeline held back: {reason}; e.g. customer {customer}: {detail}",
        "{number:,} timelines held back: {reason}; e.g. customer {customer}: {detail}",
        row.number,
        reason=sentence(row.waiting),
        customer=row.customer,
        detail=row.detail or "",
    )
    level: Literal["error", "warning"] = "error" if row.waiting == Reason.PLANNING_FAILED else "warning"
    remedy = Sentence("`sop explain {customer}` shows the step and the value", customer=row.customer)
    return Finding(level, Sentence.within("doctor", "SOP {name}", name=row.sop), text, remedy)


def troubled(row: Any) -> Finding:
    """Return how many touches of a channel failed or have an unknown outcome, with one customer."""
    text = Sentence.counted(
        "{number:,} touch {status}: {reason}; e.g. customer {customer}: {detail}",
        "{number:,} touches {status}: {reason}; e.g. customer {customer}: {detail}",
        row.number,
        status=_TROUBLES[row.status],
        reason=sentence(row.reason) if row.reason else row.status,
        customer=row.customer,
        detail=row.detail or "",
    )
    remedy = Sentence(
        "`sop log --channel {channel} --status {status}` lists them", channel=row.channel, status=row.status
    )
    return Finding("warning", Sentence.within("doctor", "channel {name}", name=row.channel), text, remedy)


_TROUBLES = {"failed": Sentence.within("touches", "failed"), "unknown": Sentence.within("touches", "unknown")}


def unseen(each: NeverSeen) -> Finding:
    """Return a name in the definitions that no event ever brought."""
    near = Sentence("; nearest seen: `{near}`", near=each.nearest) if each.nearest else Sentence("")
    text = Sentence("never seen, {roles}{near}", roles=_roles(each), near=near)
    remedy = Sentence("compare the spelling with the CRM's; `sop events --follow` shows what comes in")
    return Finding("warning", _kind(each.kind).with_values(name=each.name), text, remedy)


def _kind(kind: str) -> Sentence:
    """Return the pattern of a name of a kind: a tag, an event type, a value of the dimension the kind is."""
    if kind == "event":
        return Sentence("event type {name}")
    return Sentence("tag {name}") if kind == "tag" else Sentence("{dimension} {name}", dimension=kind, name="")


def _roles(each: NeverSeen) -> Sentence:
    said = []
    if each.starts:
        said.append(
            Sentence.counted(
                "{number:,} SOP starts on it ({sops})",
                "{number:,} SOPs start on it ({sops})",
                len(each.starts),
                sops=codes(each.starts),
            )
        )
    if each.exits:
        said.append(
            Sentence.counted(
                "{number:,} SOP exits on it ({sops})",
                "{number:,} SOPs exit on it ({sops})",
                len(each.exits),
                sops=codes(each.exits),
            )
        )
    if each.asks:
        said.append(
            Sentence.counted(
                "{number:,} SOP asks for it ({sops})",
                "{number:,} SOPs ask for it ({sops})",
                len(each.asks),
                sops=codes(each.asks),
            )
        )
    return Sentence.joined(said, by=", ")


def sops(sops: Collection[str]) -> Sentence:
    """Return how many SOPs these are."""
    return Sentence.counted("{number:,} SOP", "{number:,} SOPs", len(sops))


def named(name: str) -> Sentence:
    """Return what is called the same in every language."""
    return Sentence("{name}", name=name)


def no_answer(error: Exception) -> Sentence:
    """Return that a server does not answer; errors of drivers may quote addresses, so only their kind is told."""
    return Sentence("does not answer: {error}", error=type(error).__name__)


def said_by(error: Exception) -> Sentence:
    """Return what an error says."""
    return error.message if isinstance(error, SopError) else named(str(error))
