"""Simulating: what given events, or the recorded ones, lead to under given definitions. Imports no channel: nothing is ever sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import orjson

from engine.core import facts, intake
from engine.core.canonical import show
from engine.core.catalog import Definitions
from engine.core.errors import DefinitionError, EventConflict, EventError
from engine.core.events import Event
from engine.core.intake import MAX_EVENT_BYTES
from engine.core.timing import FOREVER
from engine.current import assembled
from engine.definitions_yaml import Loaded

_BOM = b"\xef\xbb\xbf"
_FAR = FOREVER.replace(year=9000)


@dataclass(slots=True)
class Feed:
    """The events of a file, each received when it happened."""

    events: list[Event] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What cannot be taken, with its line and remedy."""
    warnings: list[str] = field(default_factory=list)
    duplicates: int = 0


def definitions_of(loaded: Loaded) -> Definitions:
    """Return a folder's definitions as if they had always been in force. Raises DefinitionError where it has an error."""
    if loaded.errors:
        raise DefinitionError("\n".join(map(str, loaded.errors)))
    return assembled(loaded, 1, dict.fromkeys(loaded.sops, 1), {})


def read_feed(data: bytes, file: str, definitions: Definitions, now: datetime) -> Feed:
    """Return what a file of events holds: a line for each, or one JSON list, with the checks that POST /v1/events makes.

    Parameters:
        file: what the file is called in problems.
        now: when an event without a time happens.
    """
    feed, known = Feed(), dict[tuple[str, str], bytes]()
    for place, text in _texts(data.removeprefix(_BOM), file):
        try:
            reading = _read(text, now)
        except EventError as error:
            feed.problems.append(f"{place}: {error}")
            continue
        event, key = reading.event, (reading.event.source, reading.event.id)
        if key in known:
            if known[key] != reading.body_hash:
                feed.problems.append(f"{place}: {EventConflict()}")
            feed.duplicates += 1
            continue
        known[key] = reading.body_hash
        feed.events.append(event)
        dropped = facts.warnings(event, definitions.engine, definitions.segments)
        feed.warnings += [f"{place}: {said}" for said in (*reading.warnings, *dropped)]
    if not feed.events and not feed.problems:
        feed.problems.append(f"{file}:1: there is no event in this file; write one JSON object a line")
    return feed


def _texts(data: bytes, file: str) -> Iterator[tuple[str, bytes]]:
    """Yield each event's text with its place."""
    if data.lstrip()[:1] == b"[":
        try:
            listed = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            yield f"{file}:{error.lineno}:{error.colno}", data
            return
        for number, each in enumerate(listed):
            yield f"{file}: event {number + 1} of the list", orjson.dumps(each)
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
        return isinstance(orjson.loads(data), dict)
    except orjson.JSONDecodeError:
        return False


def _read(text: bytes, now: datetime) -> intake.Reading:
    """Return one event, received at its own time. Raises EventError."""
    if len(text) > MAX_EVENT_BYTES:
        raise EventError(f"the event is over {MAX_EVENT_BYTES:,} bytes; shorten its data")
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise EventError(f"not JSON: {error.msg} at column {error.colno}; write one JSON object a line") from None
    if not isinstance(raw, dict):
        raise EventError(f"an event is a JSON object with source, id, type and subject; found {show(raw)}")
    untimed = raw.get("time") is None
    reading = intake.examine(raw, now if untimed else _FAR)  # the future is what is simulated
    return reading if untimed else replace(reading, event=replace(reading.event, received_at=reading.event.time))
