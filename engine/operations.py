"""Everything an operator may do, put together: the command line and the API call the same."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from engine.current import CurrentChannels, CurrentDefinitions
from engine.ports import Clock, HintQueue
from engine.services.cancel_timeline import Cancelling
from engine.services.dead_letters import DeadLetters
from engine.services.opt_out import OptingOut
from engine.services.outcomes import Outcomes
from engine.services.pause import Pausing
from engine.services.read_audit import Audit
from engine.services.recall import Recalling
from engine.services.resume import Resuming
from engine.services.retry_touches import Retrying
from engine.services.start_by_hand import StartingByHand
from engine.services.test_send import TrialSending


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
