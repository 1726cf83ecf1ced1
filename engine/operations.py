"""Everything an operator may do, put together: the command line and the API call the same."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from engine.definitions_in_force import CurrentChannels, CurrentDefinitions
from engine.ports import Clock, HintQueue
from engine.services.operations.audit import Audit
from engine.services.operations.cancel import Cancelling
from engine.services.operations.dead_letters import DeadLetters
from engine.services.operations.opt_out import OptingOut
from engine.services.operations.outcomes import Outcomes
from engine.services.operations.pause import Pausing
from engine.services.operations.recall import Recalling
from engine.services.operations.resume import Resuming
from engine.services.operations.retry import Retrying
from engine.services.operations.start import StartingByHand
from engine.services.operations.trial_send import TrialSending


@dataclass(frozen=True, slots=True)
class Operations:
    """The use cases of operating."""

    pausing: Pausing
    resuming: Resuming
    recalling: Recalling
    starting: StartingByHand
    cancelling: Cancelling
    opting: OptingOut
    retrying: Retrying
    trying: TrialSending
    dead_letters: DeadLetters
    audit: Audit
    outcomes: Outcomes


def operations_on(
    engine: Engine, clock: Clock, hints: HintQueue, current: CurrentDefinitions, channels: CurrentChannels
) -> Operations:
    """Return the use cases over these parts."""
    return Operations(
        pausing=Pausing(engine, clock, current),
        resuming=Resuming(engine, clock, hints, current),
        recalling=Recalling(engine, clock, current),
        starting=StartingByHand(engine, clock, hints, current),
        cancelling=Cancelling(engine, clock),
        opting=OptingOut(engine, clock, hints, current),
        retrying=Retrying(engine, clock),
        trying=TrialSending(engine, clock, current, channels),
        dead_letters=DeadLetters(engine, clock, hints),
        audit=Audit(engine),
        outcomes=Outcomes(engine),
    )
