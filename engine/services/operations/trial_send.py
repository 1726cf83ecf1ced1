"""Sending one step to one customer at once, to see how it looks and whether it arrives: no touch, no cap, no timeline."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from engine.core.conditions.evaluate import Context
from engine.core.conditions.trace import Trace, plain
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Message, Sop, Step, Task, lookup
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.delivery.channels import defined_channels, open_channels
from engine.core.delivery.content import body_of, template_context
from engine.core.delivery.scene import Scene
from engine.core.errors import ChannelError, NotFound, SopError, did_you_mean
from engine.core.events.event import START
from engine.core.sentence import Sentence, codes
from engine.core.timelines.variants import choose, content_of
from engine.definitions_in_force import CurrentChannels
from engine.ports import Channel, Delivery, Receipt
from engine.runtime import Runtime
from engine.store.database import transaction
from engine.store.operations import audit, manual_events
from engine.store.reports import stories
from engine.store.state import pauses
from engine.store.state.loading import Needs, load
from engine.store.state.pauses import Scope

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Trial:
    """A test-send that is asked for."""

    sop: str
    step: str
    ref: str
    """The customer's."""
    variant: str | None = None
    """Which one; without it, the one that is the customer's."""
    channel: str | None = None
    """Over this; without it, over the one that delivery would choose."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A test-send: what was sent, and what the channel said."""

    customer: str
    sop: str
    step: str
    variant: str | None
    channel: str
    body: dict[str, Any]
    key: str
    outcome: str
    detail: str
    """What the channel said, a sentence."""
    provider_id: str | None
    in_sop: bool
    """False: the customer is not in the SOP; it was rendered as if it started now, by an event without data."""


@dataclass(frozen=True, slots=True)
class _Draft:
    delivery: Delivery
    channel: Channel
    variant: str | None
    in_sop: bool


class TrialSender:
    """Sends steps to see them."""

    def __init__(self, runtime: Runtime, channels: CurrentChannels) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._current, self._channels = runtime.definitions, channels

    def send(self, trial: Trial, who: str) -> Tried:
        """Render a step for a customer as delivery would and send it through the real channel now, audited before and after.

        Raises NotFound for a name that leads nowhere, MissingValue naming what the text lacks, SopError where the customer has
        opted out, the channel is paused, or the step sends nothing.
        """
        with transaction(self._engine) as connection:
            draft = self._draft(connection, trial)
            detail = {
                "sop": trial.sop,
                "step": trial.step,
                "customer": trial.ref,
                "channel": draft.channel.name,
                "key": draft.delivery.key,
            }
            audit.add(connection, self._clock.now(), who, "test_send", {**detail, "variant": draft.variant})
        receipt = _call(draft)
        with transaction(self._engine) as connection:
            result = {**detail, "outcome": receipt.outcome, "detail": receipt.detail}
            audit.add(connection, self._clock.now(), who, "test_send.result", result)
        log.info("test_send.done", sop=trial.sop, step=trial.step, channel=draft.channel.name, outcome=receipt.outcome)
        return Tried(
            trial.ref, trial.sop, trial.step, draft.variant, draft.channel.name, draft.delivery.body, draft.delivery.key,
            receipt.outcome, receipt.detail, receipt.provider_id, draft.in_sop,
        )  # fmt: skip

    def _draft(self, connection: Connection, trial: Trial) -> _Draft:
        sop_id, step_id, ref = trial.sop, trial.step, trial.ref
        now, definitions = self._clock.now(), self._current.read(connection)
        sop = lookup.defined_sop(definitions, sop_id).sop
        step = lookup.step_of(sop, step_id)
        if step.kind == "do":
            raise SopError(
                Sentence(
                    "step `{step}` of SOP `{sop}` sends nothing: it is the engine's own work (`do`)",
                    step=step_id,
                    sop=sop_id,
                )
            )
        customer = _customer(connection, ref, definitions)
        own = next((each for each in customer.active_timelines() if each.sop == sop_id), None)
        timeline = own or _as_if_started(sop, definitions, now)
        chosen, content = _content(step, sop, trial.variant, Context.of(timeline, customer, definitions, now))
        name = _way(step, sop, customer, definitions, trial.channel)
        scene = Scene(timeline, sop, customer, DecisionContext(definitions, now))
        body = body_of(content, template_context(scene, step_id), customer, now)
        body = {**body, "welcome": True} if step.welcome else body
        key = "test-" + str(
            uuid.uuid5(uuid.NAMESPACE_OID, f"{sop_id}:{step_id}:{chosen}:{ref}:{name}:{now.isoformat()}")
        )
        delivery = Delivery(key, ref, sop_id, step_id, step.kind, body, now, 1)
        return _Draft(delivery, self._open(connection, name), chosen, own is not None)

    def _open(self, connection: Connection, name: str) -> Channel:
        """Return the channel. Raises ChannelError where it cannot be used here, SopError where it is paused."""
        for scope, undo in ((Scope("channel", name), f"--channel {name}"), (Scope("all"), "--all")):
            if pauses.find(connection, scope) is not None:
                raise SopError(
                    Sentence(
                        "the channel `{channel}` is paused: nothing goes out, no test either; `sop resume {undo}` first",
                        channel=name,
                        undo=undo,
                    )
                )
        channel = self._channels.read(connection).get(name)
        if channel is None:
            raise ChannelError(
                Sentence(
                    "the channel `{channel}` cannot be used by this process: its configuration lacks something here, most "
                    "often a `${{NAME}}` that is not in this environment; `sop doctor` says what",
                    channel=name,
                )
            )
        return channel


def _customer(connection: Connection, ref: str, definitions: Definitions) -> Customer:
    manual_events.check_known(connection, ref)
    id_ = stories.customer_id(connection, ref)
    if id_ is None:
        raise SopError(
            Sentence("the events of customer `{customer}` are not matched yet; try again in a moment", customer=ref)
        )
    return load(connection, [id_], Needs.TOUCHED | Needs.METRICS, definitions)[id_]


def _as_if_started(sop: Sop, definitions: Definitions, now: datetime) -> Timeline:
    version = definitions.sops[sop.sop].version
    event = {"type": START, "time": plain(now), "data": {}}
    return Timeline(sop.sop, version, "", sop.group, sop.priority, now, "test", event)


def _content(step: Step, sop: Sop, variant: str | None, context: Context) -> tuple[str | None, Message | Task]:
    """Return the variant's id, where the step has some, and what is to be rendered."""
    if not step.variants:
        if variant is not None:
            raise NotFound(Sentence("step `{step}` has no variants; leave the variant out", step=step.id))
        return None, content_of(step, None)
    names = [each.id for each in step.variants]
    if variant is not None and variant not in names:
        raise NotFound(
            Sentence(
                "step `{step}` has no variant `{variant}`.{near} The variants are: {names}",
                step=step.id,
                variant=variant,
                near=did_you_mean(variant, names),
                names=codes(names),
            )
        )
    if variant is None:
        chosen, _ = choose(step, sop, context, Trace())
    else:
        chosen = next(each for each in step.variants if each.id == variant)
    if chosen is None:
        raise SopError(
            Sentence(
                "none of the variants of step `{step}` is this customer's; name one of {names}",
                step=step.id,
                names=codes(names),
            )
        )
    return chosen.id, content_of(step, chosen)


def _way(step: Step, sop: Sop, customer: Customer, definitions: Definitions, channel: str | None) -> str:
    """Return the channel: the one asked for, else the one that delivery would choose. Who opted out gets no test."""
    if channel is not None:
        lookup.check_channel(definitions, channel)
    written = [channel] if channel is not None else list(sop.channels_of(step))
    known = defined_channels(written, customer, definitions)
    if not known:
        raise SopError(Sentence("none of the step's channels is defined: {channels}", channels=codes(written)))
    reachable = open_channels(known, "message", customer)
    if not reachable:
        raise SopError(
            Sentence(
                "customer `{customer}` has opted out of {channels}; choose another customer for the test",
                customer=customer.ref,
                channels=codes(known),
            )
        )
    return reachable[0]


def _call(draft: _Draft) -> Receipt:
    """Make the call. A channel that breaks its promise not to raise leaves the outcome unknown."""
    try:
        (receipt,) = draft.channel.send([draft.delivery])
    except Exception as error:
        log.exception("send.channel_raised", channel=draft.channel.name)
        return Receipt("unknown", Sentence("the channel raised {error}", error=type(error).__name__))
    return receipt
