"""Opting a customer out of messages, or in again, by hand: an event like the one a CRM would post."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection

from engine.core.definitions import lookup
from engine.core.errors import SopError
from engine.core.events.event import ENGINE_SOURCE, Event
from engine.core.sentence import Sentence
from engine.runtime import Runtime
from engine.store.database import retrying, transaction
from engine.store.operations import audit, manual_events
from engine.store.reports import stories

log = structlog.get_logger()

OPERATOR = f"{ENGINE_SOURCE}/operator"
"""The source of events that operators make; intake refuses it from anybody else."""


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """A message that waits to be sent."""

    sop: str
    step: str
    channel: str


@dataclass(frozen=True, slots=True)
class Opted:
    """An opt-out, or opt-in, made by hand."""

    customer: str
    channel: str | None
    """None: all."""
    changed: bool
    """False: it was so already, nothing was changed."""
    event: int | None = None
    """Its place in the inbox."""
    waiting: list[WaitingMessage] = field(default_factory=list)
    """Messages that were waiting to be sent. An opt-out cancels them when their turn comes."""


class OptOuts:
    """Opts customers out, and in again."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._hints, self._current = runtime.hints, runtime.definitions

    def opt(self, ref: str, who: str, *, channel: str | None = None, out: bool = True) -> Opted:
        """Opt a customer out (or in), of one channel or all, audited. What is so already changes nothing.

        Parameters:
            who: what the audit names.
            channel: a channel's name; None for all.
            out: False opts in.

        Raises NotFound for a channel that is not defined and for a customer nobody ever named, SopError for opting in to one
        channel where all are opted out of.
        """
        with transaction(self._engine) as connection:
            if channel is not None:
                lookup.check_channel(self._current.read(connection), channel)
            manual_events.check_known(connection, ref)
            if self._is_so(connection, ref, channel, out):
                return Opted(ref, channel, changed=False)
        opted = retrying(self._engine, lambda connection: self._opt(connection, ref, channel, out, who))
        self._hints.look_at([ref])
        log.info("opt.asked", out=out, channel=channel, row=opted.event)
        return opted

    @staticmethod
    def _is_so(connection: Connection, ref: str, channel: str | None, out: bool) -> bool:
        """Return whether nothing would change; what waits to be matched may change it, so then nobody can tell."""
        if stories.events_wait(connection, ref):
            return False
        opt_outs = manual_events.opt_outs(connection, ref)
        if out:
            return "*" in opt_outs or channel in opt_outs
        if channel is not None and "*" in opt_outs:
            raise SopError(
                Sentence(
                    "the customer has opted out of all channels; opting in to `{channel}` alone would change nothing: "
                    "opt in to all, then out of those that are unwanted",
                    channel=channel,
                )
            )
        return not opt_outs if channel is None else channel not in opt_outs

    def _opt(self, connection: Connection, ref: str, channel: str | None, out: bool, who: str) -> Opted:
        now, kind = self._clock.now(), "message.opted_out" if out else "message.opted_in"
        data = {"channel": channel} if channel else {}
        identity = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}:{ref}:{channel or '*'}:{who}:{now.isoformat()}"))
        row, _ = manual_events.add(connection, Event(OPERATOR, identity, kind, ref, now, now, data, cause={"by": who}))
        audit.add(connection, now, who, "opt_out" if out else "opt_in", {"customer": ref, "event": row, **data})
        queued = manual_events.queued_messages(connection, ref, channel) if out else []
        return Opted(ref, channel, True, row, [WaitingMessage(each.sop, each.step, each.channel) for each in queued])
