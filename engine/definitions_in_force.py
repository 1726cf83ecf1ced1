"""The definitions in force, read from the database and taken up without a restart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from pydantic import BaseModel
from sqlalchemy import Connection

from engine import definitions_yaml
from engine.adapters import holidays
from engine.core.customers.silence import Since
from engine.core.definitions import EngineConfig
from engine.core.definitions.catalog import DefinedSop, Definitions
from engine.core.errors import ChannelError, DefinitionError
from engine.core.sentence import Sentence
from engine.definitions_yaml import Loaded
from engine.ports import Channel
from engine.store.scheduled import clock_rebase
from engine.store.state import definitions as store

log = structlog.get_logger()

NONE_YET = Definitions(0, EngineConfig())
"""Before the first apply."""


class CurrentDefinitions:
    """Keeps the last generation it has read; asks the database for the number each time it is used."""

    def __init__(self, channel_types: Mapping[str, type[BaseModel]]) -> None:
        self._channel_types = channel_types
        self._last = NONE_YET

    def read(self, connection: Connection) -> Definitions:
        """Return the generation in force. It stays in force until the transaction's end: an apply waits for that."""
        store.lock_generation(connection)
        return self.look(connection)

    def look(self, connection: Connection) -> Definitions:
        """Return the generation in force without keeping it so: for what only tells. An apply or a pause does not wait for it."""
        generation = store.generation(connection)
        if generation != self._last.generation:
            self._last = self.load(connection, generation) if generation else NONE_YET
        return self._last

    @property
    def last(self) -> Definitions:
        """The generation read last, which may no longer be the newest."""
        return self._last

    def load(self, connection: Connection, generation: int) -> Definitions:
        """Return a generation as it stands in this transaction, kept nowhere.

        Raises DefinitionError where its engine.yaml cannot be read.
        """
        found = store.in_force(connection, generation)
        loaded = definitions_yaml.load_sources({row.name: row.body for row in found}, self._channel_types)
        versions = {row.sop: row.version for row in found if row.sop}
        definitions = assembled(loaded, generation, versions, clock_rebase.defined_since(connection))
        if definitions.broken:
            log.error("definitions.broken", generation=generation, sops=sorted(definitions.broken))
        return definitions


def assembled(loaded: Loaded, generation: int, versions: Mapping[str, int], since: Since) -> Definitions:
    """Return what was loaded as one generation, in force or not.

    Parameters:
        versions: SOP → the number of its version, those that cannot be read too.
        since: since when each threshold of silence is defined.
    Raises DefinitionError where engine.yaml or segments.yaml cannot be read.
    """
    if loaded.engine is None or loaded.segments is None:
        raise DefinitionError(
            Sentence(
                "generation {number} cannot be read by this version; apply the definitions again", number=generation
            )
        )
    sops = {name: DefinedSop(sop, versions[name]) for name, sop in loaded.sops.items()}
    broken = frozenset(versions) - frozenset(sops)
    days_off = holidays.days_off(loaded.engine.calendar)
    return Definitions(generation, loaded.engine, sops, broken, since, loaded.segments, days_off)


class CurrentChannels:
    """The channels of the definitions in force. One whose configuration did not change stays the same object."""

    def __init__(self, current: CurrentDefinitions, build: Callable[[str, Mapping[str, Any]], Channel]) -> None:
        self._current, self._build = current, build
        self._generation = 0
        self._built: dict[str, tuple[Mapping[str, Any], Channel]] = {}

    def read(self, connection: Connection) -> dict[str, Channel]:
        """Return the channels by name. One that cannot be built (a secret is missing) is left out and logged."""
        definitions = self._current.read(connection)
        if definitions.generation != self._generation:
            self._built = {
                name: one for name, config in definitions.engine.channels.items() if (one := self._one(name, config))
            }
            self._generation = definitions.generation
        return {name: channel for name, (_, channel) in self._built.items()}

    def _one(self, name: str, config: Mapping[str, Any]) -> tuple[Mapping[str, Any], Channel] | None:
        before = self._built.get(name)
        if before is not None and before[0] == config:
            return before
        try:
            return config, self._build(name, config)
        except ChannelError as error:
            log.error("channel.unusable", channel=name, error=str(error))
            return None
