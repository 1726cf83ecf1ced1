"""Metrics: what they are computed from (purchases, the log of activities), and computing them for everybody at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from engine.core.customers.customer import Customer
from engine.core.customers.metrics import Order
from engine.core.definitions import Metric
from engine.core.events.event import Event
from engine.core.time.arithmetic import BEGINNING_OF_TIME
from engine.store.database import rows, run

_KEPT = "not (refunded > 0 and refunded >= amount)"
"""An order that was not refunded as a whole."""
_PER_OBJECT = 40
"""Pairs in one jsonb_build_object: a function takes 100 arguments."""


def write_orders(connection: Connection, orders: Mapping[tuple[str, str], Order], ids: Mapping[str, int]) -> None:
    """Write what a batch of events says of orders, by customer's ref and order; what is known from later events stays.

    Parameters:
        ids: customer's ref → id.
    """
    if not orders:
        return
    run(
        connection,
        """insert into purchases (customer_id, order_id, at, amount, currency, written_at, refunded, refunded_at)
           select * from unnest(cast(:customers as bigint[]), cast(:orders as text[]), cast(:at as timestamptz[]),
                                cast(:amounts as numeric[]), cast(:currencies as text[]), cast(:written as timestamptz[]),
                                cast(:refunds as numeric[]), cast(:refunded as timestamptz[]))
           on conflict (customer_id, order_id) do update set
               at = least(purchases.at, excluded.at),
               amount = case when excluded.written_at >= coalesce(purchases.written_at, '-infinity')
                             then excluded.amount else purchases.amount end,
               currency = case when excluded.written_at >= coalesce(purchases.written_at, '-infinity')
                               then excluded.currency else purchases.currency end,
               written_at = greatest(purchases.written_at, excluded.written_at),
               refunded = case when excluded.refunded_at >= coalesce(purchases.refunded_at, '-infinity')
                               then excluded.refunded else purchases.refunded end,
               refunded_at = greatest(purchases.refunded_at, excluded.refunded_at)""",
        customers=[ids[ref] for ref, _ in orders],
        orders=[order for _, order in orders],
        at=[each.bought_at for each in orders.values()],
        amounts=[each.amount for each in orders.values()],
        currencies=[each.currency for each in orders.values()],
        written=[each.written_at for each in orders.values()],
        refunds=[each.refunded for each in orders.values()],
        refunded=[each.refunded_at for each in orders.values()],
    )


def log_activities(connection: Connection, events: Sequence[Event], ids: Mapping[str, int]) -> None:
    """Log activity events that are in the inbox, each once. `ids`: customer's ref → id."""
    if not events:
        return
    run(
        connection,
        """insert into activity_log (event_id, customer_id, type, at)
           select * from unnest(cast(:rows as bigint[]), cast(:customers as bigint[]), cast(:types as text[]), cast(:at as timestamptz[]))
           on conflict do nothing""",
        rows=[event.row for event in events],
        customers=[ids[event.subject] for event in events],
        types=[event.type for event in events],
        at=[event.time for event in events],
    )


def load_into(connection: Connection, customers: Mapping[int, Customer]) -> None:
    """Read the customers' numbers as of the last refresh."""
    found = rows(
        connection,
        'select customer_id, "values" from customer_metrics where customer_id = any(:ids)',
        ids=list(customers),
    )
    for customer, values in found:
        customers[customer].metrics = values


def refresh(connection: Connection, stored: Mapping[str, Metric], slot: datetime) -> int:
    """Compute these metrics for everybody as of `slot`, in one pass; return how many customers' numbers changed."""
    run(connection, "set local work_mem = '64MB'")
    _compute(connection, stored, slot, "fresh_metrics")
    return run(
        connection,
        """with changed as (
                select coalesce(f.customer_id, m.customer_id) as customer_id, coalesce(f."values", '{}') as numbers
                from fresh_metrics f full join customer_metrics m on m.customer_id = f.customer_id
                where coalesce(f."values", '{}') is distinct from coalesce(m."values", '{}'))
            insert into customer_metrics (customer_id, "values", refreshed_at) select customer_id, numbers, :slot from changed
            on conflict (customer_id) do update set "values" = excluded."values", refreshed_at = excluded.refreshed_at""",
        slot=slot,
    )


def preview(connection: Connection, stored: Mapping[str, Metric], slot: datetime, name: str) -> None:
    """Compute these metrics into a temporary table that goes with the transaction.

    Parameters:
        stored: metrics by name
        slot: the moment they are computed for
        name: of the temporary table
    """
    _compute(connection, stored, slot, name)
    run(connection, f"create unique index on {name} (customer_id)")


def _compute(connection: Connection, stored: Mapping[str, Metric], slot: datetime, name: str) -> None:
    """Compute into a temporary table: unlike an insert, making a table lets several processes of the database read."""
    fresh, values = fresh_sql(stored, slot)
    run(connection, f"create temp table {name} on commit drop as {fresh}", **values)
    run(connection, f"analyze {name}")


def fresh_sql(stored: Mapping[str, Metric], slot: datetime) -> tuple[str, dict[str, Any]]:
    """Return the SQL of (customer_id, values) under these metrics, without customers for whom all is 0, and what it binds.

    A window of N days is what lies after the slot less N times 24 hours, and not after the slot. The score of a number is
    1 + the whole part of quantiles × the share of customers (of those with a kept order in the window) whose number is worse,
    so equal numbers have equal scores.
    """
    computing = _Computing(slot)
    for name, metric in stored.items():
        computing.add(name, metric)
    return computing.sql(), computing.values


class _Computing:
    """Collects what is computed from purchases and from activities, each read once."""

    def __init__(self, slot: datetime) -> None:
        self.values: dict[str, Any] = {"fresh_slot": slot}
        self._slot = slot
        self._bought: list[str] = []
        self._counted: list[str] = []
        self._counted_types: set[str] = set()
        self._bought_begins: list[datetime] = []
        self._counted_begins: list[datetime] = []
        self._scored: list[str] = []
        self._numbers: list[tuple[str, str]] = []

    def add(self, name: str, metric: Metric) -> None:
        """Add a metric of any stored kind."""
        if metric.spend is not None:
            self._from_purchases(name, "sum(amount - refunded)", "true", metric.spend)
        elif metric.orders is not None:
            self._from_purchases(name, "count(*)", _KEPT, metric.orders)
        elif metric.count is not None:
            self._from_activities(name, metric)
        elif metric.rfm is not None:
            self._from_ranks(name, metric)

    def _bind(self, value: Any) -> str:
        name = f"fresh_{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def _within(self, over: Any, begins: list[datetime]) -> str:
        begin = BEGINNING_OF_TIME if over == "ever" else self._slot - over
        begins.append(begin)
        return "true" if begin == BEGINNING_OF_TIME else f"at > {self._bind(begin)}"

    def _since(self, begins: list[datetime]) -> str:
        """Return what leaves out all that is older than every window."""
        return "" if BEGINNING_OF_TIME in begins else f"and at > {self._bind(min(begins))}"

    def _from_purchases(self, name: str, what: str, which: str, over: Any) -> None:
        column = f"b{len(self._bought)}"
        self._bought.append(f"{what} filter (where {which} and {self._within(over, self._bought_begins)}) as {column}")
        self._numbers.append((name, f"nullif(bought.{column}, 0)"))

    def _from_activities(self, name: str, metric: Metric) -> None:
        column, types = f"k{len(self._counted)}", self._bind(list(metric.count or ()))
        within = self._within(metric.over, self._counted_begins)
        self._counted.append(f"count(*) filter (where type = any({types}) and {within}) as {column}")
        self._counted_types |= set(metric.count or ())
        self._numbers.append((name, f"nullif(counted.{column}, 0)"))

    def _from_ranks(self, name: str, metric: Metric) -> None:
        number, quantiles, within = (
            len(self._scored),
            self._bind(metric.quantiles),
            self._within(metric.over, self._bought_begins),
        )
        which = f"filter (where {_KEPT} and {within})"
        last, times, money = (f"{each}{number}" for each in ("last", "times", "money"))
        self._bought += [
            f"max(at) {which} as {last}",
            f"count(*) {which} as {times}",
            f"sum(amount - refunded) {which} as {money}",
        ]

        def score(column: str) -> str:
            return f"1 + cast({quantiles} as bigint) * (rank() over (order by {column}) - 1) / count(*) over ()"

        self._scored.append(
            f"""scored{number} as (select customer_id, {score(last)} as r, {score(times)} as f, {score(money)} as m
                                   from bought where {times} > 0)"""  # noqa: S608 - joins what this module compiles; values are bound
        )
        self._numbers += [(f"{name}.{part}", f"scored{number}.{part}") for part in ("r", "f", "m")]
        self._numbers.append((f"{name}.score", f"scored{number}.r * 100 + scored{number}.f * 10 + scored{number}.m"))

    def sql(self) -> str:
        """Return the whole query."""
        parts, source = [], []
        if self._bought:
            columns = ", ".join(self._bought)
            parts.append(
                f"""bought as (select customer_id, {columns} from purchases
                               where at <= :fresh_slot {self._since(self._bought_begins)} group by customer_id)"""  # noqa: S608 - joins what this module compiles; values are bound
            )
            source.append("bought")
        if self._counted:
            columns, types = ", ".join(self._counted), self._bind(sorted(self._counted_types))
            parts.append(
                f"""counted as (select customer_id, {columns} from activity_log where type = any({types})
                                and at <= :fresh_slot {self._since(self._counted_begins)} group by customer_id)"""  # noqa: S608 - joins what this module compiles; values are bound
            )
            source.append("counted")
        if not source:
            return 'select cast(null as bigint) as customer_id, cast(null as jsonb) as "values" where false'
        joins = " full join ".join(source) + (" using (customer_id)" if len(source) == 2 else "")
        joins += "".join(f" left join scored{n} using (customer_id)" for n in range(len(self._scored)))
        return f"""with {", ".join([*parts, *self._scored])}
            select customer_id, numbers as "values" from (select customer_id, {self._object()} as numbers from {joins} offset 0) made
            where numbers <> '{{}}'"""  # noqa: S608 - joins what this module compiles; values are bound

    def _object(self) -> str:
        pairs = [f"{self._named(name)}, {value}" for name, value in self._numbers]
        chunks = [pairs[begin : begin + _PER_OBJECT] for begin in range(0, len(pairs), _PER_OBJECT)]
        return "jsonb_strip_nulls(" + " || ".join(f"jsonb_build_object({', '.join(each)})" for each in chunks) + ")"

    def _named(self, name: str) -> str:
        return f"cast({self._bind(name)} as text)"


def keep(connection: Connection, names: Iterable[str], now: datetime) -> None:
    """Begin what is new with a slot of its own, now; forget what is refreshed no longer."""
    names = list(names)
    run(connection, f"delete from crons where {_OURS} and not name = any(:names)", names=names)  # noqa: S608 - joins what this module compiles; values are bound
    run(
        connection,
        """insert into crons (name, last_slot, slot, next_at) select name, :now, :now, :now from unnest(cast(:names as text[])) v(name)
           where not exists (select 1 from crons c where c.name = v.name) order by name on conflict do nothing""",
        names=names,
        now=now,
    )


_OURS = "split_part(name, ':', 1) in ('metrics', 'dimension')"
