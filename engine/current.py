"""The definitions in force, read from the database and taken up without a restart."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel
from sqlalchemy import Connection

from engine import definitions_yaml
from engine.core.catalog import DefinedSop, Definitions
from engine.core.definitions import EngineConfig
from engine.core.errors import DefinitionError
from engine.store import definitions as store

NONE_YET = Definitions(0, EngineConfig())
"""Before the first apply."""


class CurrentDefinitions:
    """Keeps the last generation it has read; asks the database for the number each time it is used."""

    def __init__(self, channel_types: Mapping[str, type[BaseModel]]) -> None:
        self._channel_types = channel_types
        self._last = NONE_YET

    def read(self, connection: Connection) -> Definitions:
        """Return the generation in force as this transaction sees it."""
        generation = store.generation(connection)
        if generation != self._last.generation:
            self._last = self._load(connection, generation) if generation else NONE_YET
        return self._last

    def _load(self, connection: Connection, generation: int) -> Definitions:
        found = store.in_force(connection, generation)
        loaded = definitions_yaml.load_sources({row.name: row.body for row in found}, self._channel_types)
        versions = {row.sop: row.version for row in found if row.sop}
        if loaded.engine is None:
            raise DefinitionError(f"generation {generation} cannot be read by this version; apply the definitions again")
        return Definitions(generation, loaded.engine, {name: DefinedSop(sop, versions[name]) for name, sop in loaded.sops.items()})
