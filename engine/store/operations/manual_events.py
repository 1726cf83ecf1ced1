"""Events that operators make: put into the inbox once, in the transaction that audits them."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.core.errors import NotFound
from engine.core.events.event import Event
from engine.core.sentence import Sentence
from engine.store.database import Row, rows, run, scalar, to_json
from engine.store.reports import stories


def add(connection: Connection, event: Event) -> tuple[int, bool]:
    """Put an event into the inbox; return its place there, and whether it is new (else it was there under this id)."""
    new = run(
        connection,
        """insert into events (source, event_id, type, subject, time, received_at, data, body_hash, cause)
           values (:source, :id, :type, :subject, :time, :received_at, cast(:data as jsonb), '', cast(:cause as jsonb))
           on conflict do nothing""",
        source=event.source, id=event.id, type=event.type, subject=event.subject, time=event.time,
        received_at=event.received_at, data=to_json(event.data), cause=to_json(event.cause),
    )  # fmt: skip
    row = scalar(
        connection,
        "select id from events where source = :source and event_id = :id",
        source=event.source,
        id=event.id,
    )
    return int(row), bool(new)


def check_known(connection: Connection, ref: str) -> None:
    """Raise NotFound, with the nearest ref, for a customer whom no event ever named: made by hand, an event would make them up."""
    if stories.customer_id(connection, ref) is None and not stories.events_wait(connection, ref):
        near = stories.nearest_ref(connection, ref)
        hint = Sentence(" Did you mean `{near}`?", near=near) if near else Sentence("")
        raise NotFound(Sentence("no event ever named the customer `{customer}`.{hint}", customer=ref, hint=hint))


def opt_outs(connection: Connection, ref: str) -> set[str]:
    """Return the channels a customer has opted out of; `*` is all."""
    return set(scalar(connection, "select opt_outs from customers where ref = :ref", ref=ref) or ())


def queued_messages(connection: Connection, ref: str, channel: str | None) -> list[Row]:
    """Return a customer's messages that wait to be sent, over one channel or all."""
    return rows(
        connection,
        """select t.id, t.sop, t.step, t.channel, t.ready_at from touches t
           where t.customer_id = (select id from customers where ref = :ref) and t.status = 'queued' and t.kind = 'message'
             and t.channel = coalesce(cast(:channel as text), t.channel) order by t.id""",
        ref=ref,
        channel=channel,
    )
