"""Touches: what was planned, who is sending it, what became of it. Every write after a claim names the claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.core.delivery.plan import PAUSED_ALL
from engine.core.timelines.touch import Touch
from engine.ports import Delivery
from engine.store.database import Row, json_column, rows, run


def add(connection: Connection, touches: Sequence[tuple[int, Touch]], now: datetime) -> None:
    """Insert planned touches, each with its customer's id. A step its timeline has had already raises (unique)."""
    if touches:
        _insert(connection, touches, now, "v.timeline_id", "")


def add_notices(connection: Connection, touches: Sequence[tuple[int, Touch]], now: datetime) -> None:
    """Insert notices of timelines that may only just have been written, found by their start; one there already stays."""
    if touches:
        join = """join timelines l on l.customer_id = v.customer_id and l.sop = v.sop and l.key = v.timeline_key
                      and l.start_id = v.start_id"""
        _insert(connection, touches, now, "l.id", join)


def _insert(
    connection: Connection, touches: Sequence[tuple[int, Touch]], now: datetime, timeline: str, join: str
) -> None:
    made = [touch for _, touch in touches]
    run(
        connection,
        f"""insert into touches (timeline_id, customer_id, sop, version, step, kind, channel, status, reason, detail, due_at, planned_at,
                                ready_at, send_before, limit_at, key, body, trace, waited, variant, fallback, fallback_after, counted_on,
                                sent_at, ended_at)
           select {timeline}, v.customer_id, v.sop, v.version, v.step, v.kind, v.channel, v.status, v.reason, v.detail, v.due_at, :now,
                  v.ready_at, v.send_before, v.limit_at, v.touch_key, v.body::jsonb, v.trace::jsonb, v.waited, v.variant, v.fallback,
                  v.fallback_after, v.counted_on,
                  case when v.status = 'sent' then cast(:now as timestamptz) end,
                  case when v.status <> 'queued' then cast(:now as timestamptz) end
           from unnest(cast(:timelines as bigint[]), cast(:timeline_keys as text[]), cast(:start_ids as text[]),
                       cast(:customers as bigint[]), cast(:sops as text[]), cast(:versions as integer[]),
                       cast(:steps as text[]), cast(:kinds as text[]), cast(:channels as text[]), cast(:statuses as text[]),
                       cast(:reasons as text[]), cast(:details as text[]), cast(:dues as timestamptz[]), cast(:ready as timestamptz[]),
                       cast(:befores as timestamptz[]), cast(:limits as timestamptz[]),
                       cast(:keys as text[]), cast(:bodies as text[]), cast(:traces as text[]), cast(:waited as text[]),
                       cast(:variants as text[]), cast(:fallbacks as smallint[]), cast(:fallback_afters as interval[]),
                       cast(:counted as date[]))
                with ordinality v(timeline_id, timeline_key, start_id, customer_id, sop, version, step, kind, channel, status, reason,
                                  detail, due_at, ready_at, send_before, limit_at, touch_key, body, trace, waited, variant, fallback,
                                  fallback_after, counted_on, place)
           {join}
           order by v.place
           {"on conflict (timeline_id, step, fallback) do nothing" if join else ""}""",
        now=now,
        timelines=[touch.timeline.id for touch in made],
        timeline_keys=[touch.timeline.key for touch in made],
        start_ids=[touch.timeline.start_id for touch in made],
        customers=[customer for customer, _ in touches],
        sops=[touch.timeline.sop for touch in made],
        versions=[touch.version for touch in made],
        steps=[touch.step for touch in made],
        kinds=[touch.kind for touch in made],
        channels=[touch.channel for touch in made],
        statuses=[touch.status for touch in made],
        reasons=[touch.reason for touch in made],
        details=[touch.detail for touch in made],
        dues=[touch.due_at for touch in made],
        ready=[touch.ready_at or touch.due_at for touch in made],
        befores=[touch.send_before or touch.limit for touch in made],
        limits=[touch.limit for touch in made],
        keys=[touch.key for touch in made],
        bodies=json_column(touch.body for touch in made),
        traces=json_column(touch.trace or None for touch in made),
        waited=[touch.delayed_by for touch in made],
        variants=[touch.variant for touch in made],
        fallbacks=[touch.fallback for touch in made],
        fallback_afters=[touch.fallback_after for touch in made],
        counted=[touch.counted_on for touch in made],
    )


# ── claiming ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Claimed:
    """A touch that is ours to send until the lease ends."""

    id: int
    claim_no: int
    delivery: Delivery


def lock_ready(connection: Connection, channel: str, now: datetime, limit: int) -> list[int]:
    """Lock the touches ready on a channel, oldest first, leaving out those somebody else holds and those of paused SOPs.

    Those whose day or hours are over are left out too: the planner holds them anew (`overstayed`).

    Nothing is decided here: the gate reads in a later statement.
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


def record(connection: Connection, results: Sequence[Result], now: datetime) -> int:
    """Write results where the claim is still ours; return how many were. A stale claim changes nothing.

    What was handed to staff while its timeline ended is called back, as it would have been a moment later.
    """
    found = rows(
        connection,
        """with new as (
               select v.id, v.claim_no, case when o.ended then 'cancelled' else v.status end as status, v.outcome,
                      case when o.ended then 'timeline_ended' else v.reason end as reason, v.detail, v.ready_at, v.provider_id
               from unnest(cast(:ids as bigint[]), cast(:claims as integer[]), cast(:statuses as text[]),
                           cast(:outcomes as text[]),
                           cast(:reasons as text[]), cast(:details as text[]),
                           cast(:ready as timestamptz[]), cast(:providers as text[]))
                    v(id, claim_no, status, outcome, reason, detail, ready_at, provider_id)
                    cross join lateral (
                        select v.status = 'handed' and t.kind <> 'notice' and l.state not in ('active', 'completed') as ended
                        from touches t join timelines l on l.id = t.timeline_id where t.id = v.id) o),
           written as (
               update touches t set status = n.status, reason = n.reason, detail = n.detail, lease_until = null,
                   ready_at = coalesce(n.ready_at, t.ready_at), provider_id = coalesce(n.provider_id, t.provider_id),
                   sent_at = case when n.status = 'sent' then cast(:now as timestamptz) end,
                   handed_at = case when n.status = 'handed' then cast(:now as timestamptz) end,
                   fallback_at = case when n.status = 'handed' then cast(:now as timestamptz) + t.fallback_after end,
                   ended_at = case when n.status not in ('queued', 'handed') then cast(:now as timestamptz) end
               from new n where t.id = n.id and t.claim_no = n.claim_no and coalesce(t.status, '') = 'sending'
               returning t.id, t.attempt, n.claim_no, n.outcome, n.detail),
           noted as (
               insert into attempts (touch_id, attempt, claim_no, outcome, detail, at)
               select id, attempt, claim_no, outcome, detail, :now from written)
           select count(*) as written from written""",
        now=now,
        ids=[each.id for each in results],
        claims=[each.claim_no for each in results],
        statuses=[each.status for each in results],
        outcomes=[each.outcome for each in results],
        reasons=[each.reason for each in results],
        details=[each.detail for each in results],
        ready=[each.ready_at for each in results],
        providers=[each.provider_id for each in results],
    )
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
