"""Intake: one raw JSON event becomes an `Event`, or an `EventError` that says which field is wrong and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from engine.core.errors import EventError
from engine.core.events import canonical_json
from engine.core.events.canonical_json import show
from engine.core.events.event import ENGINE_SOURCE, Event
from engine.core.events.payloads import PAYLOADS

MAX_TEXT = 200
"""Characters a source, id or subject may have."""

MAX_EVENT_BYTES = 64 * 1024
"""Bytes one event may have as JSON."""

MAX_AHEAD = timedelta(minutes=5)
"""An event's time may be so far ahead of its receipt (clocks differ), no further."""

KNOWN_TYPES = (*PAYLOADS, "customer.created", "visit", "checkin")

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 1e11
_TYPE = re.compile(r"[a-z][a-z0-9_.-]{0,99}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,12})?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_JSON_TYPE = re.compile(r"(application|text)/([a-z0-9.!#$&^_-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_IDENTITY_PREFIXES = ("wecom:", "phone:", "unionid:")
_LATER_TYPES = frozenset({"customer.identified", "customer.merged", "customer.deleted", "customer.snapshot"})


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """An event as read, with what the inbox needs beside it."""

    event: Event
    body_hash: bytes
    """The same for the same source, id, type, subject, time and data, however they were written."""
    warnings: tuple[str, ...] = ()
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
        raise EventError(f"an event is a JSON object with source, id, type and subject; found {show(raw)}")
    _check_envelope(raw)
    event = Event(
        source=_source(raw),
        id=_text(raw, "id"),
        type=_type(raw),
        subject=_subject(raw),
        time=_time(raw.get("time"), received_at),
        received_at=received_at,
        data=_data(raw.get("data")),
        backfill=backfill,
    )
    digest = _digest(event, timed=raw.get("time") is not None)
    check = PAYLOADS.get(event.type)
    if check:
        check(event.data)
    return ParsedEvent(event, digest, () if check else _near_miss(event.type))


def body_hash(event: Event) -> bytes:
    """Return the hash under which an event is known again when it is posted a second time."""
    return _digest(event, timed=True)


def _digest(event: Event, *, timed: bool) -> bytes:
    time = event.time.isoformat() if timed else None  # absent: two posts of it have different receipts
    text = canonical_json.text((event.source, event.id, event.type, event.subject, time), event.data)
    if len(text) > MAX_EVENT_BYTES:
        raise EventError(f"the event is too large: {len(text):,} bytes; at most {MAX_EVENT_BYTES:,} are taken")
    return canonical_json.digest(text)


def _check_envelope(raw: Mapping[str, Any]) -> None:
    if raw.get("specversion", "1.0") != "1.0":
        raise EventError(f'specversion {show(raw["specversion"])} is not known; this engine takes CloudEvents "1.0"')
    if "data_base64" in raw:
        raise EventError("data_base64 is not taken; send the data as a JSON object in `data`")
    media = raw.get("datacontenttype")
    if media is not None and not (isinstance(media, str) and _JSON_TYPE.fullmatch(media)):
        raise EventError(f"datacontenttype {show(media)} is not JSON; send `application/json`, or leave it out")


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        fault = "is missing" if value is None else f"is {show(value)}, not text"
        raise EventError(f"{name} {fault}; every event needs a {name}: text of 1 to {MAX_TEXT} characters")
    if not 1 <= len(value) <= MAX_TEXT:
        raise EventError(f"{name} has {len(value):,} characters; 1 to {MAX_TEXT} are allowed")
    if _CONTROL.search(value):
        raise EventError(f"{name} {show(value)} contains a control character or half a surrogate pair; remove it")
    if value.isspace():
        raise EventError(f"{name} is blank; every event needs a {name}")
    return value


def _source(raw: Mapping[str, Any]) -> str:
    source = _text(raw, "source")
    if source == ENGINE_SOURCE or source.startswith(f"{ENGINE_SOURCE}/"):
        raise EventError(
            f"source {show(source)} is reserved for events the engine makes; name your own system, e.g. `crm`"
        )
    return source


def _type(raw: Mapping[str, Any]) -> str:
    kind = _text(raw, "type")
    if not _TYPE.fullmatch(kind):
        raise EventError(
            f"type {show(kind)} is not a type; up to 100 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter: `order.signed`"
        )
    if kind.startswith("engine."):
        raise EventError(f"type `{kind}` is reserved: types beginning with `engine.` are made by the engine only")
    if kind in _LATER_TYPES:
        raise EventError(
            f"type `{kind}` is not handled by this version; post what changed as tag.added, tag.removed, stage.changed or customer.updated"
        )
    return kind


def _subject(raw: Mapping[str, Any]) -> str:
    subject = _text(raw, "subject")
    if subject.startswith(_IDENTITY_PREFIXES):
        prefix = subject.partition(":")[0]
        raise EventError(f"subject by `{prefix}:` is not handled by this version; use the customer's id in the CRM")
    return subject


def _data(data: object) -> dict[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise EventError(f"data is {show(data)}; it must be a JSON object, or absent")
    return data


def _time(value: object, received_at: datetime) -> datetime:
    if value is None:
        return received_at
    moment = _moment(value)
    if not _EARLIEST <= moment < _LATEST:
        raise EventError(
            f"time {show(value)} is outside 1970 to 2199; numbers are epoch seconds, or milliseconds from 1e11 on"
        )
    if moment - received_at > MAX_AHEAD:
        raise EventError(
            f"time {show(value)} is {_span(moment - received_at)} ahead of its receipt ({received_at:%Y-%m-%dT%H:%M:%SZ}); "
            f"at most 5 minutes are allowed. Is it Beijing time labelled UTC? Beijing is +08:00"
        )
    return moment


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise EventError(f"time is {show(value)}; write RFC 3339 with an offset, or epoch seconds or milliseconds")
    try:
        milliseconds = abs(value) >= _MILLISECONDS_FROM
        return datetime.fromtimestamp(value / 1000 if milliseconds else value, UTC)
    except (OverflowError, ValueError, OSError):
        raise EventError(
            f"time {show(value)} is no moment of this calendar; send epoch seconds or milliseconds"
        ) from None


def _from_text(value: str) -> datetime:
    shape = _RFC3339.fullmatch(value)
    if shape is None:
        raise EventError(f"time {show(value)} is not RFC 3339; write it like 2026-03-01T10:00:00+08:00")
    if shape[2] is None:
        raise EventError(
            f"time {show(value)} has no offset, so it names no moment; add +08:00 for Beijing, or Z for UTC"
        )
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise EventError(f"time {show(value)} does not exist: {error}") from None


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


@lru_cache(maxsize=1024)
def _near_miss(kind: str) -> tuple[str, ...]:
    if kind in KNOWN_TYPES:
        return ()
    near = get_close_matches(kind, KNOWN_TYPES, n=1, cutoff=0.8)
    return (f"type `{kind}` was taken as one of your own; did you mean `{near[0]}`?",) if near else ()
