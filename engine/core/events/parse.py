"""Intake: one raw JSON event becomes an `Event`, or an `EventError` that says which field is wrong and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from engine.core.errors import EventError
from engine.core.events import canonical_json
from engine.core.events.canonical_json import show
from engine.core.events.event import ENGINE_SOURCE, Event
from engine.core.events.event_time import event_time
from engine.core.events.payloads import PAYLOADS
from engine.core.sentence import Sentence

MAX_TEXT = 200
"""Characters a source, id or subject may have."""

MAX_EVENT_BYTES = 64 * 1024
"""Bytes one event may have as JSON."""

KNOWN_TYPES = (*PAYLOADS, "customer.created", "visit", "checkin")

_TYPE = re.compile(r"[a-z][a-z0-9_.-]{0,99}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_JSON_TYPE = re.compile(r"(application|text)/([a-z0-9.!#$&^_-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_IDENTITY_PREFIXES = ("wecom:", "phone:", "unionid:")
_LATER_TYPES = frozenset({"customer.identified", "customer.merged", "customer.deleted", "customer.snapshot"})


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """An event as read, with what the inbox needs beside it."""

    event: Event
    body_hash: bytes
    """The same for the same source, id, type, subject, time and data, however they were written."""
    warnings: tuple[Sentence, ...] = ()
    """What looks like a mistake and is taken all the same."""


def read(raw: Mapping[str, Any], received_at: datetime, *, backfill: bool = False) -> Event:
    """Return the event that `raw`, a parsed JSON object, describes.

    Parameters:
        received_at: the moment of receipt, aware; the event's time where it names none.
        backfill: the event changes facts only.

    Raises EventError naming the field, what was found, and what is allowed.
    """
    return parse_with_hash(raw, received_at, backfill=backfill).event


def parse_with_hash(raw: Mapping[str, Any], received_at: datetime, *, backfill: bool = False) -> ParsedEvent:
    """Return the event that `raw` describes, its hash and what is odd about it. Raises EventError, see `read`."""
    if not isinstance(raw, Mapping):
        raise EventError(no_event(raw))
    _check_envelope(raw)
    event = Event(
        source=_source(raw),
        id=_text(raw, "id"),
        type=_type(raw),
        subject=_subject(raw),
        time=event_time(raw.get("time"), received_at),
        received_at=received_at,
        data=_data(raw.get("data")),
        backfill=backfill,
    )
    digest = _digest(event, timed=raw.get("time") is not None)
    check = PAYLOADS.get(event.type)
    if check:
        check(event.data)
    return ParsedEvent(event, digest, () if check else _near_miss(event.type))


def no_event(raw: object) -> Sentence:
    """Return what is wrong with something that is no JSON object."""
    return Sentence("an event is a JSON object with source, id, type and subject; found {found}", found=show(raw))


def body_hash(event: Event) -> bytes:
    """Return the hash under which an event is known again when it is posted a second time."""
    return _digest(event, timed=True)


def _digest(event: Event, *, timed: bool) -> bytes:
    time = event.time.isoformat() if timed else None  # absent: two posts of it have different receipts
    text = canonical_json.text((event.source, event.id, event.type, event.subject, time), event.data)
    if len(text) > MAX_EVENT_BYTES:
        raise EventError(
            Sentence(
                "the event is too large: {bytes:,} bytes; at most {most:,} are taken",
                bytes=len(text),
                most=MAX_EVENT_BYTES,
            )
        )
    return canonical_json.digest(text)


def _check_envelope(raw: Mapping[str, Any]) -> None:
    if raw.get("specversion", "1.0") != "1.0":
        raise EventError(
            Sentence(
                'specversion {version} is not known; this engine takes CloudEvents "1.0"',
                version=show(raw["specversion"]),
            )
        )
    if "data_base64" in raw:
        raise EventError(Sentence("data_base64 is not taken; send the data as a JSON object in `data`"))
    media = raw.get("datacontenttype")
    if media is not None and not (isinstance(media, str) and _JSON_TYPE.fullmatch(media)):
        raise EventError(
            Sentence("datacontenttype {media} is not JSON; send `application/json`, or leave it out", media=show(media))
        )


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        raise EventError(_no_text(name, value))
    if not 1 <= len(value) <= MAX_TEXT:
        raise EventError(
            Sentence(
                "{name} has {number:,} characters; 1 to {most} are allowed", name=name, number=len(value), most=MAX_TEXT
            )
        )
    if _CONTROL.search(value):
        raise EventError(
            Sentence(
                "{name} {value} contains a control character or half a surrogate pair; remove it",
                name=name,
                value=show(value),
            )
        )
    if value.isspace():
        raise EventError(Sentence("{name} is blank; every event needs a {name}", name=name))
    return value


def _no_text(name: str, value: object) -> Sentence:
    if value is None:
        return Sentence(
            "{name} is missing; every event needs a {name}: text of 1 to {most} characters", name=name, most=MAX_TEXT
        )
    return Sentence(
        "{name} is {value}, not text; every event needs a {name}: text of 1 to {most} characters",
        name=name,
        value=show(value),
        most=MAX_TEXT,
    )


def _source(raw: Mapping[str, Any]) -> str:
    source = _text(raw, "source")
    if source == ENGINE_SOURCE or source.startswith(f"{ENGINE_SOURCE}/"):
        raise EventError(
            Sentence(
                "source {source} is reserved for events the engine makes; name your own system, e.g. `crm`",
                source=show(source),
            )
        )
    return source


def _type(raw: Mapping[str, Any]) -> str:
    kind = _text(raw, "type")
    if not _TYPE.fullmatch(kind):
        raise EventError(
            Sentence(
                "type {type} is not a type; up to 100 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter: `order.signed`",
                type=show(kind),
            )
        )
    if kind.startswith("engine."):
        raise EventError(
            Sentence("type `{type}` is reserved: types beginning with `engine.` are made by the engine only", type=kind)
        )
    if kind in _LATER_TYPES:
        raise EventError(
            Sentence(
                "type `{type}` is not handled by this version; post what changed as tag.added, tag.removed, stage.changed "
                "or customer.updated",
                type=kind,
            )
        )
    return kind


def _subject(raw: Mapping[str, Any]) -> str:
    subject = _text(raw, "subject")
    if subject.startswith(_IDENTITY_PREFIXES):
        prefix = subject.partition(":")[0]
        raise EventError(
            Sentence(
                "subject by `{prefix}:` is not handled by this version; use the customer's id in the CRM", prefix=prefix
            )
        )
    return subject


def _data(data: object) -> dict[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise EventError(Sentence("data is {data}; it must be a JSON object, or absent", data=show(data)))
    return data


@lru_cache(maxsize=1024)
def _near_miss(kind: str) -> tuple[Sentence, ...]:
    if kind in KNOWN_TYPES:
        return ()
    near = get_close_matches(kind, KNOWN_TYPES, n=1, cutoff=0.8)
    if not near:
        return ()
    said = Sentence("type `{type}` was taken as one of your own; did you mean `{near}`?", type=kind, near=near[0])
    return (said,)
