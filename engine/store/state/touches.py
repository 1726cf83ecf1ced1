"""Touches: what was planned, who is sending it, what became of it. Every write after a claim names the claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.core.delivery.plan import PAUSED_ALL
from engine.core.stored_sentence import stored
from engine.core.timelines.touch import Touch
from engine.ports import Delivery
from engine.store.columns import Column, Columns
from engine.store.database import Row, rows, run
from engine.store.fragments import NOTHING, SqlFragment, sql
from engine.store.touch_states import RECALLABLE

_Planned = tuple[int, Touch]
"""A customer's id and a touch planned for them."""

_PLANNED: Columns[_Planned] = Columns(
    Column("timeline_id", "bigint", lambda row: row[1].timeline.id),
    Column("timeline_key", "text", lambda row: row[1].timeline.key),
    Column("start_id", "text", lambda row: row[1].timeline.start_id),
    Column("customer_id", "bigint", lambda row: row[0]),
    Column("sop", "text", lambda row: row[1].timeline.sop),
    Column("version", "integer", lambda row: row[1].version),
    Column("step", "text", lambda row: row[1].step),
    Column("kind", "text", lambda row: row[1].kind),
    Column("channel", "text", lambda row: row[1].channel),
    Column("status", "text", lambda row: row[1].status),
    Column("reason", "text", lambda row: row[1].reason),
    Column("detail", "text", lambda row: stored(row[1].detail)),
    Column("due_at", "timestamptz", lambda row: row[1].due_at),
    Column("ready_at", "timestamptz", lambda row: row[1].ready_at or row[1].due_at),
    Column("send_before", "timestamptz", lambda row: row[1].send_before or row[1].limit),
    Column("limit_at", "timestamptz", lambda row: row[1].limit),
    Column("key", "text", lambda row: row[1].key),
    Column("body", "jsonb", lambda row: row[1].body),
    Column("trace", "jsonb", lambda row: row[1].trace or None),
    Column("waited", "text", lambda row: row[1].delayed_by),
    Column("variant", "text", lambda row: row[1].variant),
    Column("fallback", "smallint", lambda row: row[1].fallback),
    Column("fallback_after", "interval", lambda row: row[1].fallback_after),
    Column("counted_on", "date", lambda row: row[1].counted_on),
)
_WRITTEN = _PLANNED.leaving_out("timeline_id", "timeline_key", "start_id")
"""Columns of the table; the others tell which timeline it is."""

_INSERT = """insert into touches (timeline_id, {names}, planned_at, sent_at, ended_at)
             select {timeline}, {values}, :now,
                    case when v.status = 'sent' then cast(:now as timestamptz) end,
                    case when v.status <> 'queued' then cast(:now as timestamptz) end
             from {rows} {join} order by v.place {conflict}"""

_INSERT_TOUCHES = sql(
    _INSERT,
    names=_WRITTEN.names,
    timeline=SqlFragment("v.timeline_id"),
    values=_WRITTEN.values,
    rows=_PLANNED.placed,
    join=NOTHING,
    conflict=NOTHING,
)

_INSERT_NOTICES = sql(
    _INSERT,
    names=_WRITTEN.names,
    timeline=SqlFragment("l.id"),
    values=_WRITTEN.values,
    rows=_PLANNED.placed,
    join=SqlFragment(
        """join timelines l on l.customer_id = v.customer_id and l.sop = v.sop and l.key = v.timeline_key
               and l.start_id = v.start_id"""
    ),
    conflict=SqlFragment("on conflict (timeline_id, step, fallback) do nothing"),
)


def add(connection: Connection, touches: Sequence[_Planned], now: datetime) -> None:
    """Insert planned touches, each with its customer's id. A step its timeline has had already raises (unique)."""
    if touches:
        run(connection, _INSERT_TOUCHES, now=now, **_PLANNED.bind(touches))


def add_notices(connection: Connection, touches: Sequence[_Planned], now: datetime) -> None:
    """Insert notices of timelines that may only just have been written, found by their start; one there already stays."""
    if touches:
        run(connection, _INSERT_NOTICES, now=now, **_PLANNED.bind(touches))


# ── claiming ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Claimed:
    """A touch that is ours to send until the lease ends."""

    id: int
    claim_no: int
    delivery: Delivery


def lock_ready(connection: Connection, channel: str, now: datetime, limit: int) -> list[int]:
    """Lock the touches ready on a channel, oldest first, leaving out those somebody else holds and those of paused SOPs.

    Those whose day or hours are over are left out too: the planner gives them new hours (`rescheduling`).

    Nothing is decided here: the gate reads in a later statement.

    Parameters:
        channel: its name
        now: what is ready by then
        limit: how many at most
    """
    found = rows(
        connection,
        """select id from touches t where status = 'queued' and channel = :channel and ready_at <= :now
             and (send_before > :now or limit_at <= :now)
             and (limit_at <= :now or not exists (select 1 from pauses p where p.kind = 'sop' and p.name = t.sop))
           order by ready_at, id limit :limit for update skip locked""",
        channel=channel,
        now=now,
        limit=limit,
    )
    return [row.id for row in found]


def channels_ready(connection: Connection, channels: Sequence[str], now: datetime) -> list[str]:
    """Return those of the channels on which a touch is ready."""
    found = rows(
        connection,
        """select name from unnest(cast(:channels as text[])) c(name)
           where exists (select 1 from touches where channel = c.name and status = 'queued' and ready_at <= :now)""",
        channels=list(channels),
        now=now,
    )
    return [row.name for row in found]


def paused(connection: Connection, channel: str) -> bool:
    """Return whether nothing may go out over the channel now."""
    return bool(
        rows(
            connection,
            "select 1 from pauses where kind = 'all' or (kind = 'channel' and name = :channel)",
            channel=channel,
        )
    )


def paused_sops(connection: Connection) -> frozenset[str]:
    """Return the ids of the SOPs that are paused; PAUSED_ALL among them where all are."""
    found = rows(connection, "select kind, name from pauses where kind in ('sop', 'all')")
    return frozenset(PAUSED_ALL if row.kind == "all" else row.name for row in found)


def gate(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Turn away, of locked touches, those that may no longer go out: the last gate before sending, retries included."""
    run(
        connection,
        """with judged as (
               select t.id, case
                   when l.state not in ('active', 'completed') and t.kind <> 'notice' then 'timeline_ended'
                   when t.kind = 'message' and c.opt_outs && array['*', t.channel] then 'opted_out'
                   when t.limit_at <= :now then 'expired' end as reason
               from touches t join timelines l on l.id = t.timeline_id join customers c on c.id = t.customer_id
               where t.id = any(:ids))
           update touches t set status = case when j.reason = 'expired' then 'expired' else 'cancelled' end, reason = j.reason,
               detail = case when j.reason = 'expired' then t.waited else t.detail end, ended_at = :now, lease_until = null
           from judged j where t.id = j.id and j.reason is not null""",
        ids=list(ids),
        now=now,
    )


def begin(connection: Connection, ids: Sequence[int], lease_until: datetime) -> list[Claimed]:
    """Mark those still queued as being sent, under a new claim, and return them in order of their time."""
    found = rows(
        connection,
        """with begun as (
               update touches set status = 'sending', claim_no = claim_no + 1, attempt = attempt + 1, lease_until = :lease_until
               where id = any(:ids) and coalesce(status, '') = 'queued'
               returning id, claim_no, customer_id, key, sop, step, kind, body, due_at, attempt)
           select b.*, c.ref from begun b join customers c on c.id = b.customer_id order by b.due_at, b.id""",
        ids=list(ids),
        lease_until=lease_until,
    )
    return [Claimed(row.id, row.claim_no, _delivery(row)) for row in found]


def _delivery(row: Row) -> Delivery:
    return Delivery(row.key, row.ref, row.sop, row.step, row.kind, row.body, row.due_at, row.attempt)


# ── recording ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one claimed touch."""

    id: int
    claim_no: int
    status: str
    outcome: str
    """As the channel said it, for the record of attempts."""
    reason: str | None = None
    detail: str | None = None
    ready_at: datetime | None = None
    provider_id: str | None = None


_RESULTS: Columns[Result] = Columns(
    Column("id", "bigint", lambda result: result.id),
    Column("claim_no", "integer", lambda result: result.claim_no),
    Column("status", "text", lambda result: result.status),
    Column("outcome", "text", lambda result: result.outcome),
    Column("reason", "text", lambda result: result.reason),
    Column("detail", "text", lambda result: stored(result.detail)),
    Column("ready_at", "timestamptz", lambda result: result.ready_at),
    Column("provider_id", "text", lambda result: result.provider_id),
)

_RECORD = sql(
    """with new as (
               select v.id, v.claim_no, case when o.ended then 'cancelled' else v.status end as status, v.outcome,
                      case when o.ended then 'timeline_ended' else v.reason end as reason, v.detail, v.ready_at, v.provider_id
               from {rows}
                    cross join lateral (
                        select v.status = 'handed' and t.kind <> 'notice' and l.state not in ('active', 'completed') as ended
                        from touches t join timelines l on l.id = t.timeline_id where t.id = v.id) o),
           written as (
               update touches t set status = n.status, reason = n.reason, detail = n.detail, lease_until = null,
                   ready_at = coalesce(n.ready_at, t.ready_at), provider_id = coalesce(n.provider_id, t.provider_id),
                   sent_at = case when n.status = 'sent' then cast(:now as timestamptz) end,
                   handed_at = case when n.status = 'handed' then cast(:now as timestamptz) end,
                   fallback_at = case when n.status = 'handed' then cast(:now as timestamptz) + t.fallback_after end,
                   ended_at = case when n.status not in {recallable} then cast(:now as timestamptz) end
               from new n where t.id = n.id and t.claim_no = n.claim_no and coalesce(t.status, '') = 'sending'
               returning t.id, t.attempt, n.claim_no, n.outcome, n.detail),
           noted as (
               insert into attempts (touch_id, attempt, claim_no, outcome, detail, at)
               select id, attempt, claim_no, outcome, detail, :now from written)
           select count(*) as written from written""",
    rows=_RESULTS.rows,
    recallable=RECALLABLE,
)


def record(connection: Connection, results: Sequence[Result], now: datetime) -> int:
    """Write results where the claim is still ours; return how many were. A stale claim changes nothing.

    What was handed to staff while its timeline ended is called back, as it would have been a moment later.
    """
    found = rows(connection, _RECORD, now=now, **_RESULTS.bind(results))
    return int(found[0].written)


def abandoned(connection: Connection, lease_now: datetime, limit: int) -> list[Row]:
    """Lock touches whose sender's lease has run out; return id, claim_no, channel, attempt."""
    return rows(
        connection,
        """select id, claim_no, channel, attempt from touches where status = 'sending' and lease_until < :lease_now
           order by id limit :limit for update skip locked""",
        lease_now=lease_now,
        limit=limit,
    )


def without_channel(connection: Connection, channels: Sequence[str], now: datetime) -> int:
    """Turn away the queued touches of channels that are no longer defined; return how many."""
    return run(
        connection,
        """with gone as (select id from touches where status = 'queued' and channel <> all(:channels) order by id for update)
           update touches t set status = 'cancelled', reason = 'channel_removed', ended_at = :now
           from gone g where t.id = g.id and t.status = 'queued'""",
        channels=list(channels),
        now=now,
    )
