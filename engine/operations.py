"""Everything an operator may do, put together: the command line and the API call the same."""

from __future__ import annotations

from dataclasses import dataclass

from engine.definitions_in_force import CurrentChannels
from engine.runtime import Runtime
from engine.services.operations.audit import AuditLog
from engine.services.operations.cancel import TimelineCanceller
from engine.services.operations.dead_letters import DeadLetters
from engine.services.operations.opt_out import OptOuts
from engine.services.operations.outcomes import EventOutcomes
from engine.services.operations.pause import Pauser
from engine.services.operations.recall import Recaller
from engine.services.operations.resume import Resumer
from engine.services.operations.retry import TouchRetrier
from engine.services.operations.start import ManualStarter
from engine.services.operations.trial_send import TrialSender


@dataclass(frozen=True, slots=True)
class Operations:
    """The use cases of operating."""

    pauser: Pauser
    resumer: Resumer
    recaller: Recaller
    starter: ManualStarter
    canceller: TimelineCanceller
    opt_outs: OptOuts
    retrier: TouchRetrier
    trial_sender: TrialSender
    dead_letters: DeadLetters
    audit_log: AuditLog
    outcomes: EventOutcomes


def operations_on(runtime: Runtime, channels: CurrentChannels) -> Operations:
    """Return the use cases over these parts."""
    return Operations(
        pauser=Pauser(runtime),
        resumer=Resumer(runtime),
        recaller=Recaller(runtime),
        starter=ManualStarter(runtime),
        canceller=TimelineCanceller(runtime.engine, runtime.clock),
        opt_outs=OptOuts(runtime),
        retrier=TouchRetrier(runtime.engine, runtime.clock),
        trial_sender=TrialSender(runtime, channels),
        dead_letters=DeadLetters(runtime),
        audit_log=AuditLog(runtime.engine),
        outcomes=EventOutcomes(runtime.engine),
    )
