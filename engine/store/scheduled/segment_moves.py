"""Computed dimensions: the value that follows from conditions, compared with the one customers have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.core.definitions import ComputedDimension, Condition
from engine.core.definitions.catalog import Definitions
from engine.store.database import Row, rows, scalar
from engine.store.fragments import TRUE, SqlFragment, joined, sql
from engine.store.scheduled.condition_sql import METRICS, select_sql


@dataclass(frozen=True, slots=True)
class Value:
    """A dimension's value for each customer, as SQL over the alias `c`."""

    name: str
    case: SqlFragment


def value_of(
    name: str, dimension: ComputedDimension, definitions: Definitions, now: datetime, metrics: str = METRICS
) -> Value:
    """Return the first value whose conditions hold (unknown does not), null where none does.

    Parameters:
        name: of the dimension
        dimension: its values and conditions
        definitions: for what conditions name
        now: the moment conditions are evaluated at
        metrics: name of the table that numbers are read from
    """
    cases: list[SqlFragment] = []
    for number, each in enumerate(dimension.values):
        when = select_sql(each.when, definitions, now, prefix=f"v{number}_", metrics=metrics)
        then = SqlFragment(f"cast(:v{number} as text)", {f"v{number}": each.value})
        cases.append(sql("when {when} then {then}", when=when, then=then))
    return Value(name, sql("case {cases} end", cases=joined(" ", cases)))


@dataclass(frozen=True, slots=True)
class Refresh:
    """One refresh of a dimension."""

    slot: datetime
    """The moment its values are as of."""
    now: datetime
    quiet: bool
    """Whether its moves only change the fact and start nothing."""


def insert_moves(connection: Connection, value: Value, refresh: Refresh, after: int, last: int) -> list[str]:
    """Insert an event for each customer with an id above `after` up to `last` whose value differs; return their refs.

    Its id is a function of dimension, slot and customer.

    Parameters:
        value: the dimension's value, as SQL.
        refresh: what the events belong to.
        after: id of the last customer done before.
        last: id of the last customer of this batch.
    """
    found = rows(
        connection,
        sql(
            """insert into events (source, event_id, type, subject, time, received_at, data, body_hash, backfill, cause)
            select 'engine', 'dimension:' || :name || ':' || :slot_key || ':' || v.ref, 'stage.changed', v.ref, :slot, :now,
                   jsonb_build_object('dimension', cast(:name as text), 'value', v.value), '', :quiet,
                   jsonb_build_object('refresh', cast(:name as text))
            from ({valued}) v
            left join customer_dimensions d on d.customer_id = v.id and d.dimension = :name
            where v.value is not null and d.value is distinct from v.value
            order by v.id on conflict do nothing returning subject""",
            valued=_valued(value, SqlFragment("c.id > :after and c.id <= :last")),
        ),
        name=value.name,
        slot_key=refresh.slot.isoformat(),
        after=after,
        last=last,
        slot=refresh.slot,
        now=refresh.now,
        quiet=refresh.quiet,
    )
    return [row.subject for row in found]


def count_moves(connection: Connection, value: Value) -> list[Row]:
    """Return before, after and number of all customers, by both values (after is null where no value holds)."""
    return rows(
        connection,
        sql(
            """select d.value as before, v.value as after, count(*) as number from ({valued}) v
            left join customer_dimensions d on d.customer_id = v.id and d.dimension = :name
            group by 1, 2 order by 3 desc, 1, 2""",
            valued=_valued(value, TRUE),
        ),
        name=value.name,
    )


def count_members(
    connection: Connection, conditions: tuple[Condition, ...], definitions: Definitions, now: datetime, metrics: str
) -> int:
    """Return for how many customers these conditions hold.

    Parameters:
        conditions: all must hold
        definitions: for what they name
        now: the moment they are evaluated at
        metrics: name of the table that numbers are read from
    """
    when = select_sql(conditions, definitions, now, metrics=metrics)
    return int(scalar(connection, sql("select count(*) from customers c where {when}", when=when)))


def _valued(value: Value, which: SqlFragment) -> SqlFragment:
    """Return the SQL of id, ref, value; fenced, so that each value is worked out once."""
    return sql(
        "select c.id, c.ref, {case} as value from customers c where {which} offset 0", case=value.case, which=which
    )
