"""What an SOP did over a time, counted in the database: decisions of events, ends of timelines, touches; with the newest of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from engine.store.database import Row, rows, scalar
from engine.store.fragments import NOTHING, SqlFragment, number, sql
from engine.store.sentences import told

_TRACED = "('condition', 'unknown', 'while_not_met', 'no_variant')"
"""Reasons that a trace tells more about: groups are told apart by which conditions came to what."""

_WIDELY_DIFFERENT = (
    "('refused_by_provider', 'too_many_tries', 'outcome_unknown', 'retry', 'planning_failed', 'by_hand')"
)
"""Reasons whose detail is different for nearly every touch, so that it tells no groups apart."""

_MOST_GROUPS = 500


@dataclass(frozen=True, slots=True)
class Period:
    """The SOP looked at, and from when until when."""

    sop: str
    since: datetime
    until: datetime

    @property
    def values(self) -> dict[str, Any]:
        """As parameters of a statement."""
        return {"sop": self.sop, "since": self.since, "until": self.until}


def decided(connection: Connection, period: Period, samples: int) -> list[Row]:
    """Return what events decided about the SOP: groups with what, version, reason, detail, number and the newest events' ids.

    Refusals by a condition are told apart by which conditions were asked and what each came to.
    """
    statement = f"""
        with decided as (
            select e.id, d.what, d.entry from events e cross join lateral (
                select 'started' as what, s as entry from jsonb_array_elements(e.outcome->'started') s union all
                select 'refused', r from jsonb_array_elements(e.outcome->'refused') r) d
            where e.matched_at >= :since and e.matched_at < :until and (e.outcome ? 'started' or e.outcome ? 'refused')
              and d.entry->>'sop' = :sop)
        select what, cast(entry->>'version' as integer) as version, entry->>'reason' as reason,
               case when entry->>'reason' in ('group_busy', 'no_key') then entry->>'detail' end as detail,
               case when entry->>'reason' in {_TRACED} then jsonb_path_query_array(entry, '$.trace[*].path') end as paths,
               case when entry->>'reason' in {_TRACED} then jsonb_path_query_array(entry, '$.trace[*].holds') end as came_to,
               count(*) as number, (array_agg(id order by id desc))[1:{samples:d}] as newest
        from decided group by 1, 2, 3, 4, 5, 6 order by number desc limit {_MOST_GROUPS}"""  # noqa: S608 - joins constants of this module; values are bound
    return rows(connection, statement, **period.values)


def decisions(connection: Connection, ids: Sequence[int]) -> dict[int, Row]:
    """Return subject, matched_at, data and outcome of these events, by id."""
    statement = "select id, subject, matched_at as at, outcome from events where id = any(:ids)"
    return {row.id: row for row in told(rows(connection, statement, ids=list(ids)), "outcome")}


def in_flight(connection: Connection, sop: str, now: datetime, samples: int) -> list[Row]:
    """Return the SOP's active timelines by next step and what they wait for: number, earliest next look, some customers.

    Parameters:
        sop: id of the SOP
        now: for those whose look is overdue
        samples: how many refs each
    """
    found = rows(
        connection,
        f"""select t.next_step, t.waiting, t.due_at <= :now as due, coalesce(t.step_due > :now, false) as ahead,
                   case when t.waiting in ('missing_value', 'template_error') then t.detail end as detail, count(*) as number,
                   min(t.due_at) filter (where t.due_at < '9999-12-31 00:00Z') as first,
                   (array_agg(c.ref order by t.due_at, t.id))[1:{samples:d}] as customers
            from timelines t join customers c on c.id = t.customer_id
            where t.sop = :sop and t.state = 'active' group by 1, 2, 3, 4, 5 order by number desc limit {_MOST_GROUPS}""",  # noqa: S608 - joins constants of this module; values are bound
        sop=sop,
        now=now,
    )
    return told(found, "detail")


def ended(connection: Connection, period: Period, samples: int) -> list[Row]:
    """Return the SOP's timelines that ended in the time, by state, reason and detail: number, and the newest's customers."""
    found = rows(
        connection,
        f"""select t.state, t.reason, case when t.reason <> 'by_hand' then t.detail end as detail, count(*) as number,
                   (array_agg(c.ref order by t.ended_at desc, t.id desc))[1:{samples:d}] as customers
            from timelines t join customers c on c.id = t.customer_id
            where t.sop = :sop and t.ended_at >= :since and t.ended_at < :until
            group by 1, 2, 3 order by number desc limit {_MOST_GROUPS}""",  # noqa: S608 - joins constants of this module; values are bound
        **period.values,
    )
    return told(found, "detail")


def goals(connection: Connection, period: Period) -> Row:
    """Return how many of those started in the time are in the comparison group, and how often the goal was reached in it."""
    return rows(
        connection,
        """select (select count(*) from timelines where sop = :sop and started_at >= :since and started_at < :until and holdout) as holdout,
                  (select count(*) from timelines where sop = :sop and converted_at >= :since and converted_at < :until) as converted""",
        **period.values,
    )[0]


def touches(connection: Connection, period: Period, samples: int) -> list[Row]:
    """Return the SOP's touches planned in the time, by step, status and reason: number, and the newest ones' ids."""
    statement = f"""
        select t.step, t.kind, t.status, t.reason, case when t.reason not in {_WIDELY_DIFFERENT} then t.detail end as detail, t.version,
               case when t.status <> 'skipped' then t.waited end as waited, case when t.status <> 'skipped' then t.variant end as variant,
               case when t.reason in {_TRACED} then jsonb_path_query_array(t.trace, '$[*].path') end as paths,
               case when t.reason in {_TRACED} then jsonb_path_query_array(t.trace, '$[*].holds') end as came_to,
               count(*) as number, (array_agg(t.id order by t.id desc))[1:{samples:d}] as newest
        from touches t where t.sop = :sop and t.planned_at >= :since and t.planned_at < :until
        group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 order by number desc limit {_MOST_GROUPS}"""  # noqa: S608 - joins constants of this module; values are bound
    found = rows(connection, statement, **period.values)
    return told(found, "detail")


def touched(connection: Connection, ids: Sequence[int]) -> dict[int, Row]:
    """Return customer, time of the present state, detail and trace of these touches, by id."""
    statement = """select t.id, c.ref as subject, coalesce(t.sent_at, t.ended_at, t.planned_at) as at, t.detail, t.trace
                   from touches t join customers c on c.id = t.customer_id where t.id = any(:ids)"""
    return {row.id: row for row in told(rows(connection, statement, ids=list(ids)), "detail")}


def in_force_since(connection: Connection, sop: str) -> Row | None:
    """Return when the SOP was first put in force and when in its present version, None where it never was."""
    found = rows(
        connection,
        """select min(g.applied_at) as first, min(g.applied_at) filter (where d.id = newest.id) as present
           from definitions d join generations g on d.id = any(g.definition_ids),
                (select id from definitions where sop = :sop order by version desc limit 1) as newest
           where d.sop = :sop""",
        sop=sop,
    )
    return found[0] if found and found[0].first is not None else None


# ── what comes in, where nobody triggers the SOP ─────────────────────────────────────────────────────────────

NEWEST = 200_000
"""So many of the newest events are looked through."""


def types_seen(connection: Connection, period: Period, samples: int) -> list[Row]:
    """Return what types of event came in in the time: name, number, number of those that changed nothing, last, customers."""
    return _seen(connection, SqlFragment("type"), NOTHING, period, samples)


def names_seen(connection: Connection, kind: str, period: Period, samples: int) -> list[Row]:
    """Return what events of a type named in the time (a tag; `dimension=value`), as `types_seen` does.

    Parameters:
        kind: type of event
        period: of receipt
        samples: how many refs each
    """
    name = _VALUE if kind == "stage.changed" else _TAG
    return _seen(connection, name, SqlFragment("and type = :kind", {"kind": kind}), period, samples)


_VALUE = SqlFragment("coalesce(data->>'dimension', 'stage') || '=' || (data->>'value')")
_TAG = SqlFragment("data->>'tag'")

_SEEN = """     with recent as materialized (
                select id, type, {name} as name, outcome ? 'reason' as idle, subject, time, received_at
                from events order by id desc limit {newest})
            select name, count(*) as number, count(*) filter (where idle) as idle, max(time) as last,
                   (array_agg(subject order by id desc))[1:{samples}] as customers
            from recent where received_at >= :since and received_at < :until and type not like 'engine.%' {more}
            group by 1 having name is not null order by number desc limit {groups}"""


def _seen(connection: Connection, name: SqlFragment, more: SqlFragment, period: Period, samples: int) -> list[Row]:
    statement = sql(
        _SEEN, name=name, more=more, newest=number(NEWEST), samples=number(samples), groups=number(_MOST_GROUPS)
    )
    return rows(connection, statement, since=period.since, until=period.until)


_UP_TO = 100_000
"""So many customers are counted at most."""


def tagged(connection: Connection, tags: Sequence[str]) -> int:
    """Return how many customers have one of these tags now."""
    return _number(connection, SqlFragment("customer_tags where present and tag = any(:names)", {"names": list(tags)}))


def standing(connection: Connection, dimension: str, values: Sequence[str]) -> int:
    """Return how many customers stand in one of these values of a dimension now."""
    source = "customer_dimensions where dimension = :dimension and value = any(:names)"
    return _number(connection, SqlFragment(source, {"dimension": dimension, "names": list(values)}))


def silent(connection: Connection, clock: str, days: int) -> int:
    """Return how many customers have been silent for so many days on the clock now."""
    source = "customer_clocks where clock = :clock and level >= :days"
    return _number(connection, SqlFragment(source, {"clock": clock, "days": days}))


def dated(connection: Connection, attribute: str) -> int:
    """Return how many customers have a value in this attribute."""
    source = "customers where attributes->>:attribute is not null"
    return _number(connection, SqlFragment(source, {"attribute": attribute}))


def _number(connection: Connection, source: SqlFragment) -> int:
    statement = "select count(*) from (select 1 from {source} limit {most}) as counted"
    return int(scalar(connection, sql(statement, source=source, most=number(_UP_TO))))
