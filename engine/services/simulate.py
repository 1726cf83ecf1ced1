"""Simulating: what given events, or the recorded ones, lead to under given definitions. Imports no channel: nothing is ever sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import orjson
from sqlalchemy import Connection, Engine

from engine.core import facts, intake
from engine.core.canonical import show
from engine.core.catalog import Definitions
from engine.core.errors import DefinitionError, EventConflict, EventError, NotFound, SopError
from engine.core.events import Event
from engine.core.intake import MAX_EVENT_BYTES
from engine.core.rebuilding import rebuilt
from engine.core.simulation import Progress, Report, Simulation, Wanted, compared, refreshes_of
from engine.core.timing import FOREVER
from engine.current import CurrentDefinitions, assembled
from engine.definitions_yaml import Loaded
from engine.ports import Clock
from engine.store import history, stories
from engine.store.database import Row, transaction
from engine.store.installation import installation_id

_BOM = b"\xef\xbb\xbf"
_BATCH = 1_000
"""So many customers are held in memory at a time."""
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


class Simulating:
    """Simulates on what is recorded. Only reads, in one snapshot."""

    def __init__(self, engine: Engine, clock: Clock, current: CurrentDefinitions) -> None:
        self._engine, self._clock, self._current = engine, clock, current

    def in_force(self) -> Definitions:
        """Return the definitions in force."""
        with transaction(self._engine) as connection:
            return self._current.read(connection)

    def now(self) -> datetime:
        """Return the present, by the clock of the business."""
        return self._clock.now()

    def replay(
        self,
        definitions: Definitions,
        since: datetime,
        wanted: Wanted,
        only: Sequence[str] | None = None,
        progress: Progress = lambda done: None,
    ) -> Report:
        """Return what the events recorded since then would have led to under these definitions, beside what really happened.

        Parameters:
            only: refs of the customers concerned; None for all.
        Raises NotFound for a ref that no customer has, SopError where `since` lies ahead.
        """
        now = self._clock.now()
        if since >= now:
            raise SopError(
                f"--since {since.isoformat(timespec='minutes')} is not in the past; write 30d, or an earlier date"
            )
        with transaction(self._engine) as connection:
            stories.begin_snapshot(connection)
            missing = history.unknown(connection, only) if only is not None else []
            if missing:
                raise NotFound(f"no customer has the ref {', '.join(missing[:10])}")
            installation = installation_id(connection)
            simulation = Simulation(definitions, since, now, wanted, installation, progress)
            for refs in _batches(connection, only):
                self._play(connection, simulation, refs, definitions, since, now, installation)
            had = history.touches_by_step(connection, since, now, only, wanted.sop)
        report = simulation.report()
        return replace(report, compared=compared(report.totals, _by_step(had), definitions.sops))

    @staticmethod
    def _play(
        connection: Connection,
        simulation: Simulation,
        refs: list[str],
        definitions: Definitions,
        since: datetime,
        now: datetime,
        installation: str,
    ) -> None:
        pasts = history.pasts(connection, refs, since, sorted(definitions.touched_sops))
        customers = [rebuilt(past, definitions, since, installation) for past in pasts.values()]
        reported = history.reported(connection, refs, since, now)
        ever = [*(event for past in pasts.values() for event in past.events), *reported]
        refreshes = refreshes_of(definitions, ever, since, now, whole=False)
        told = [event for event in reported if refreshes is None or not refreshes.computes(event)]
        simulation.play(told, refreshes, customers, since)


def _batches(connection: Connection, only: Sequence[str] | None) -> Iterator[list[str]]:
    last = ""
    while refs := history.refs(connection, last, _BATCH, only):
        yield refs
        last = refs[-1]


def _by_step(had: Sequence[Row]) -> dict[tuple[str, str], tuple[int, int]]:
    """Return how many touches were sent, and how many skipped, by SOP and step."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for row in had:
        sent, skipped = found.get((row.sop, row.step), (0, 0))
        found[(row.sop, row.step)] = (sent, skipped + row.number) if row.skipped else (sent + row.number, skipped)
    return found
