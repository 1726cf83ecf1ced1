"""Recalling a step: its touches that are not confirmed yet are called back."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from engine.core.definitions import lookup
from engine.runtime import Runtime
from engine.store.database import retrying, transaction
from engine.store.operations import audit, touches

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a recall reached."""

    sop: str
    step: str
    queued: int
    """Touches that waited to be sent: cancelled."""
    handed: int
    """Touches that staff had not confirmed yet: cancelled."""
    sending: int
    """Touches being sent at this moment: too late."""
    sent: int
    """Touches sent before, or sent with unknown outcome: too late."""

    @property
    def changed(self) -> bool:
        """Whether there was anything to call back."""
        return self.queued + self.handed > 0


class Recaller:
    """Calls back what is not confirmed."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock, self._current = runtime.engine, runtime.clock, runtime.definitions

    def recall(self, sop: str, step: str, who: str) -> Recalled:
        """Cancel the queued and handed touches of a step, audited. Their timelines have had the step, and go on.

        Raises NotFound for an SOP, or a step, that is not in force and of which there never was a touch.
        """
        with transaction(self._engine) as connection:
            self._check(connection, sop, step)
        reached = retrying(self._engine, lambda connection: self._recall(connection, sop, step, who))
        with transaction(self._engine) as connection:
            late = touches.by_status(connection, sop, step, ["sending", "sent", "unknown"])
        done = Recalled(
            sop, step, reached.get("queued", 0), reached.get("handed", 0),
            late.get("sending", 0), late.get("sent", 0) + late.get("unknown", 0),
        )  # fmt: skip
        if done.changed:
            log.info("touches.recalled", sop=sop, step=step, touches=done.queued + done.handed)
        return done

    def _recall(self, connection: Connection, sop: str, step: str, who: str) -> dict[str, int]:
        now = self._clock.now()
        reached = touches.recall(connection, sop, step, now)
        if reached:
            audit.add(connection, now, who, "recall", {"sop": sop, "step": step, **reached})
        return reached

    def _check(self, connection: Connection, sop: str, step: str) -> None:
        definitions = self._current.read(connection)
        defined = definitions.sop(sop)
        steps = [each.id for each in defined.steps] if defined else []
        if step in steps:
            return
        had = touches.steps_had(connection, sop)
        if step in had:
            return
        if defined is None and not had:
            raise lookup.unknown_sop(sop, definitions.sops)
        raise lookup.unknown_step(sop, step, [*steps, *(each for each in had if each not in steps)])
