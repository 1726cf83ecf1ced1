"""Taking events in: read, committed to the inbox, and only then hinted at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError

from engine.core.errors import EventConflict, EventError
from engine.core.events import parse
from engine.core.events.event import Event
from engine.core.events.parse import ParsedEvent
from engine.core.sentence import Sentence
from engine.ports import Clock, HintQueue
from engine.store.database import DatabaseUnavailable, retrying
from engine.store.state import events as store

MAX_WARNINGS = 100
"""An answer carries so many warnings; the rest are counted."""

RawBody = Mapping[str, Any] | EventError
Verdict = Literal["accepted", "duplicate", "conflict", "invalid"]


class UnreadableEvent(EventError):
    """What was sent is not JSON; `body` is the text as sent, cut."""

    def __init__(self, message: Sentence, body: str = "") -> None:
        super().__init__(message)
        self.body = body


@dataclass(frozen=True, slots=True)
class RawEvent:
    """One raw event, or why it could not even be parsed."""

    raw: RawBody
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of one event."""

    verdict: Verdict
    id: str | None = None
    row: int | None = None
    """Its place in the inbox, if it is there (a duplicate's is the first one's)."""
    error: Sentence | None = None
    warnings: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that was not taken, by its index in what was posted."""

    index: int
    id: str | None
    error: Sentence


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What became of the events of one call."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    warnings: list[Sentence] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    """Places in the inbox of what was accepted or there before, in the order posted."""

    def __add__(self, other: IngestSummary) -> IngestSummary:
        return IngestSummary(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.rejected + other.rejected,
            self.warnings + other.warnings,
            self.ids + other.ids,
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    post: RawEvent
    reading: ParsedEvent | None = None
    error: EventError | None = None

    @property
    def key(self) -> store.Key | None:
        return (self.reading.event.source, self.reading.event.id) if self.reading else None


class Ingest:
    """The way of events into the inbox.

    Parameters:
        hints: whose failures hold no call up and reach no caller (`BestEffortHints` with patience).
        warn: tells what of an event the definitions in force would drop, one sentence each.
    """

    def __init__(self, engine: Engine, clock: Clock, hints: HintQueue, warn: Callable[[Event], list[Sentence]]) -> None:
        self._engine = engine
        self._clock = clock
        self._hints = hints
        self._warn = warn

    def accept(self, raws: Sequence[tuple[int, RawBody]], backfill: bool = False) -> IngestSummary:
        """Take events, each with its index in what was posted, in one transaction: all of the valid ones, or none.

        Raises DatabaseUnavailable where nothing was taken (or nothing is known of it: posting again is safe).
        """
        results = self.accept_each([RawEvent(raw, backfill) for _, raw in raws])
        return answer([(index, result) for (index, _), result in zip(raws, results, strict=True)])

    def accept_each(self, posts: Sequence[RawEvent]) -> list[IngestResult]:
        """Take events in one transaction and tell what became of each. Raises as `accept`."""
        now = self._clock.now()
        entries = [_examined(post, now) for post in posts]
        try:
            results = retrying(self._engine, lambda connection: _store(connection, now, entries, store.insert))
        except DataError:
            # Something passed our checks that PostgreSQL refuses: find the guilty one, take the others.
            results = retrying(self._engine, lambda connection: _store_singly(connection, now, entries))
        if subjects := _subjects(entries, results):
            self._hints.look_at(subjects)
        return [self._with_warnings(entry, result) for entry, result in zip(entries, results, strict=True)]

    def _with_warnings(self, entry: _Entry, result: IngestResult) -> IngestResult:
        if entry.reading is None or result.verdict != "accepted":
            return result
        warnings = (*entry.reading.warnings, *self._warn(entry.reading.event))
        return IngestResult(result.verdict, result.id, result.row, None, warnings) if warnings else result


def answer(results: Sequence[tuple[int, IngestResult]]) -> IngestSummary:
    """Return the answer to one call from what became of its events, each with its index in what was posted."""
    warnings = [
        text if len(results) == 1 else Sentence("event {index} ({id}): {text}", index=index, id=result.id, text=text)
        for index, result in results
        for text in result.warnings
    ]
    if len(warnings) > MAX_WARNINGS:
        more = len(warnings) - MAX_WARNINGS
        warnings[MAX_WARNINGS:] = [Sentence("and {number} more warnings", number=more)]
    return IngestSummary(
        accepted=sum(result.verdict == "accepted" for _, result in results),
        duplicates=sum(result.verdict == "duplicate" for _, result in results),
        rejected=[Rejected(index, result.id, result.error) for index, result in results if result.error is not None],
        warnings=warnings,
        ids=[result.row for _, result in results if result.row is not None],
    )


def _examined(post: RawEvent, now: datetime) -> _Entry:
    if isinstance(post.raw, EventError):
        return _Entry(post, error=post.raw)
    try:
        return _Entry(post, reading=parse.parse_with_hash(post.raw, now, backfill=post.backfill))
    except EventError as error:
        return _Entry(post, error=error)


Insert = Callable[[Connection, Sequence[ParsedEvent]], dict[store.Key, int]]


def _store(connection: Connection, now: datetime, entries: Sequence[_Entry], insert: Insert) -> list[IngestResult]:
    firsts: dict[store.Key, ParsedEvent] = {}
    for entry in entries:
        if entry.reading and entry.key:
            firsts.setdefault(entry.key, entry.reading)
    new = insert(connection, list(firsts.values())) if firsts else {}
    missing = [key for key in firsts if key not in new]
    before = store.known(connection, missing) if missing else {}
    there = {**{key: (row, firsts[key].body_hash) for key, row in new.items()}, **before}
    results = [_result(entry, new, there, firsts) for entry in entries]
    refused = [_refused(entry, result.error) for entry, result in zip(entries, results, strict=True) if result.error]
    if refused:
        store.keep_rejected(connection, now, refused)
    return results


def _result(
    entry: _Entry,
    new: dict[store.Key, int],
    there: dict[store.Key, tuple[int, bytes]],
    firsts: dict[store.Key, ParsedEvent],
) -> IngestResult:
    if entry.reading is None or entry.key is None:
        return IngestResult("invalid", _posted(entry.post.raw, "id"), error=(entry.error or EventError()).message)
    key, event_id = entry.key, entry.reading.event.id
    if key not in there:
        raise DatabaseUnavailable(Sentence("an event of this call was being removed just now; post it again"))
    row, body_hash = there[key]
    if key in new and firsts[key] is entry.reading:
        return IngestResult("accepted", event_id, row)
    if body_hash == entry.reading.body_hash:
        return IngestResult("duplicate", event_id, row)
    return IngestResult("conflict", event_id, error=EventConflict().message)


def _store_singly(connection: Connection, now: datetime, entries: Sequence[_Entry]) -> list[IngestResult]:
    """As `_store`, each event behind a savepoint of its own."""
    refused: dict[store.Key, EventError] = {}
    tried: dict[store.Key, int] = {}
    for entry in entries:
        if entry.reading is None or entry.key is None or entry.key in tried or entry.key in refused:
            continue
        try:
            with connection.begin_nested():
                tried |= store.insert(connection, [entry.reading])
        except DataError as error:
            refused[entry.key] = EventError(
                Sentence("the database refuses a value of this event: {reason}", reason=_reason(error))
            )
    judged = [_Entry(each.post, error=refused[each.key]) if each.key in refused else each for each in entries]
    return _store(connection, now, judged, lambda _connection, _readings: tried)


def _reason(error: DataError) -> str:
    primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    return str(primary or type(error.orig).__name__)


def _subjects(entries: Sequence[_Entry], results: Sequence[IngestResult]) -> list[str]:
    """Customers with a new event, each once, in order."""
    pairs = zip(entries, results, strict=True)
    return list(dict.fromkeys(e.reading.event.subject for e, r in pairs if e.reading and r.verdict == "accepted"))


def _refused(entry: _Entry, error: Sentence) -> store.Refused:
    raw = entry.post.raw
    return store.Refused(_posted(raw, "source"), _posted(raw, "id"), error, _body(raw))


def _posted(raw: object, name: str) -> str | None:
    """A text of what was posted, safe to print and cut, None where it is none."""
    value = raw.get(name) if isinstance(raw, Mapping) else None
    if not isinstance(value, str):
        return None
    return value[: parse.MAX_TEXT].encode("utf-8", "backslashreplace").decode()


def _body(raw: object) -> str:
    if isinstance(raw, EventError):
        return str(getattr(raw, "body", ""))
    try:
        return json.dumps(raw, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, TypeError, RecursionError):
        return "(cannot be shown)"
