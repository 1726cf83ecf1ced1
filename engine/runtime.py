"""What nearly every service works with."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from engine.definitions_in_force import CurrentDefinitions
from engine.ports import Clock, HintQueue


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of one process that its services share."""

    engine: Engine
    """The database."""
    clock: Clock
    """Business time."""
    hints: HintQueue
    """Whom the matcher is to look at; a lost hint is found by the reconciler."""
    definitions: CurrentDefinitions
    """The definitions in force."""
