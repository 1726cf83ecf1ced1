"""A file of events for a simulation: the forms and checks of POST /v1/events, each event received when it happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from engine.core.customers import facts
from engine.core.definitions.catalog import Definitions
from engine.core.errors import EventConflict, EventError
from engine.core.events import parse
from engine.core.events.event import Event
from engine.core.events.parse import MAX_EVENT_BYTES, no_event
from engine.core.events.reading_faults import JSON
from engine.core.sentence import Sentence

_BOM = b"\xef\xbb\xbf"
_FAR = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class EventFile:
    """The events of a file, each received when it happened."""

    events: list[Event] = field(default_factory=list)
    problems: list[Sentence] = field(default_factory=list)
    """What cannot be taken, with its line and remedy."""
    warnings: list[Sentence] = field(default_factory=list)
    duplicates: int = 0


def read_feed(data: bytes, file: str, definitions: Definitions, now: datetime) -> EventFile:
    """Return what a file of events holds: a line for each, or one JSON list, with the checks that POST /v1/events makes.

    Parameters:
        file: what the file is called in problems.
        now: when an event without a time happens.
    """
    feed, known = EventFile(), dict[tuple[str, str], bytes]()
    for place, text in _texts(data.removeprefix(_BOM), file):
        try:
            reading = _read(text, now)
        except EventError as error:
            feed.problems.append(_placed(place, error.message))
            continue
        event, key = reading.event, (reading.event.source, reading.event.id)
        if key in known:
            if known[key] != reading.body_hash:
                feed.problems.append(_placed(place, EventConflict().message))
            else:
                feed.duplicates += 1
            continue
        known[key] = reading.body_hash
        feed.events.append(event)
        dropped = facts.warnings(event, definitions.engine, definitions.segments)
        feed.warnings += [_placed(place, said) for said in (*reading.warnings, *dropped)]
    if not feed.events and not feed.problems:
        feed.problems.append(
            _placed(f"{file}:1", Sentence("there is no event in this file; write one JSON object a line"))
        )
    return feed


def _placed(place: str, said: Sentence) -> Sentence:
    return Sentence("{place}: {said}", place=place, said=said)


def _texts(data: bytes, file: str) -> Iterator[tuple[str, bytes]]:
    """Yield each event's text with its place."""
    if data.lstrip()[:1] == b"[":
        try:
            listed = json.loads(data)
        except json.JSONDecodeError as error:
            yield f"{file}:{error.lineno}:{error.colno}", data
            return
        for number, each in enumerate(listed):
            yield (
                Sentence("{file}: event {number} of the list", file=file, number=number + 1),
                json.dumps(each, ensure_ascii=False).encode(),
            )
        return
    if _is_one(data):
        yield f"{file}:1", data
        return
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield f"{file}:{number}", line


def _is_one(data: bytes) -> bool:
    """Return whether this is one JSON object, over however many lines."""
    try:
        return isinstance(json.loads(data), dict)
    except json.JSONDecodeError:
        return False


def _read(text: bytes, now: datetime) -> parse.ParsedEvent:
    """Return one event, received at its own time. Raises EventError."""
    if len(text) > MAX_EVENT_BYTES:
        raise EventError(Sentence("the event is over {most:,} bytes; shorten its data", most=MAX_EVENT_BYTES))
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise EventError(
            Sentence(
                "not JSON: {fault} at column {column}; write one JSON object a line",
                fault=JSON.said(error.msg),
                column=error.colno,
            )
        ) from None
    if not isinstance(raw, dict):
        raise EventError(no_event(raw))
    untimed = raw.get("time") is None
    reading = parse.parse_with_hash(raw, now if untimed else _FAR)  # the future is what is simulated
    return reading if untimed else replace(reading, event=replace(reading.event, received_at=reading.event.time))
