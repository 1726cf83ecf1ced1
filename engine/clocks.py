"""The clock adapters: the only place that reads the wall clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine

from engine.core.errors import InstallationError
from engine.core.sentence import Sentence
from engine.store import clock as stepped


def wall_now() -> datetime:
    """Return the wall clock's moment in UTC."""
    return datetime.now(UTC)


class WallClock:
    """Business time is the wall clock."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return wall_now()


class VirtualClock:
    """Business time stands still until it is moved: for tests and simulations."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """Return the moment it was last moved to."""
        return self.at


class SteppedClock:
    """Business time is a row in the database, shared by all processes of a demo."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def now(self) -> datetime:
        """Return the row's moment. Raises InstallationError while nobody has set it."""
        with self._engine.connect() as connection:
            at = stepped.read(connection)
        if at is None:
            raise InstallationError(
                Sentence("the stepped clock was never set; SOP_CLOCK=stepped is for `sop demo`, use SOP_CLOCK=wall")
            )
        return at

    def move(self, to: datetime) -> None:
        """Set the moment for every process."""
        with self._engine.begin() as connection:
            stepped.write(connection, to)


LeaseClock = Callable[[Connection], datetime]
"""Time that leases run on: the database's, so that all processes agree; injected, so that faults can be simulated."""


def database_lease_clock(connection: Connection) -> datetime:
    """Return the database server's moment."""
    return stepped.server_now(connection)
