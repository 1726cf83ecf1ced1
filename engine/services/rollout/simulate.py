"""Simulating under given definitions, on what is given or recorded. Imports no channel: nothing is ever sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import Connection

from engine import definitions_yaml
from engine.core.definitions.catalog import Definitions
from engine.core.errors import DefinitionError, NotFound, SopError
from engine.core.sentence import Sentence, codes
from engine.core.simulation.rebuild import rebuild_customer
from engine.core.simulation.simulate import Progress, Report, Simulation, Span, Wanted, compared, refreshes_of
from engine.definitions_in_force import assembled
from engine.definitions_yaml import Loaded
from engine.runtime import Runtime
from engine.store.database import Row, transaction
from engine.store.installation import installation_id
from engine.store.reports import history, stories

_BATCH = 1_000
"""So many customers are held in memory at a time."""


def definitions_of(loaded: Loaded) -> Definitions:
    """Return a folder's definitions as if they had always been in force. Raises DefinitionError where it has an error."""
    if loaded.errors:
        raise DefinitionError(Sentence("{problems}", problems=definitions_yaml.render_problems(loaded.errors)))
    return assembled(loaded, 1, dict.fromkeys(loaded.sops, 1), {})


class Simulator:
    """Simulates on what is recorded. Only reads, in one snapshot."""

    def __init__(
        self,
        runtime: Runtime,
        channel_types: Mapping[str, type[BaseModel]],
    ) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._current, self._channel_types = runtime.definitions, channel_types

    def definitions(self, texts: Mapping[str, str] | None) -> Definitions:
        """Return what texts by file name define, without any the definitions in force. Raises DefinitionError with every problem."""
        if texts is not None:
            return definitions_of(definitions_yaml.load_sources(texts, self._channel_types))
        with transaction(self._engine) as connection:
            return self._current.look(connection)

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
                Sentence(
                    "since {since} is not in the past; write 30d, or an earlier date",
                    since=since.isoformat(timespec="minutes"),
                )
            )
        with transaction(self._engine) as connection:
            stories.begin_snapshot(connection)
            missing = history.unknown(connection, only) if only is not None else []
            if missing:
                raise NotFound(Sentence("no customer has the ref {refs}", refs=codes(missing[:10])))
            installation = installation_id(connection)
            simulation = Simulation(definitions, Span(since, now), wanted, installation, progress)
            replay = _Replay(connection, simulation, definitions, since, now, installation)
            for refs in _batches(connection, only):
                replay.play(refs)
            had = history.touches_by_step(connection, since, now, only, wanted.sop)
        report = simulation.report()
        return replace(report, compared=compared(report.totals, _by_step(had), definitions.sops))


@dataclass(frozen=True, slots=True)
class _Replay:
    """What is recorded, played anew from `since` on until `now`."""

    connection: Connection
    simulation: Simulation
    definitions: Definitions
    since: datetime
    now: datetime
    installation: str

    def play(self, refs: list[str]) -> None:
        """Play these customers, as they were at the beginning."""
        connection, definitions, since, now = self.connection, self.definitions, self.since, self.now
        pasts = history.pasts(connection, refs, since, sorted(definitions.touched_sops))
        customers = [rebuild_customer(past, definitions, since, self.installation) for past in pasts.values()]
        reported = history.reported(connection, refs, since, now)
        ever = [*(event for past in pasts.values() for event in past.events), *reported]
        refreshes = refreshes_of(definitions, ever, since, now, whole=False)
        events = [event for event in reported if refreshes is None or not refreshes.computes(event)]
        self.simulation.play(events, refreshes, customers, since)


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
