"""Customers: locking their rows, reading all that decisions need, writing what decisions changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from engine.core.customers.customer import Activity, ClockFact, Customer, DimensionFact, TagFact
from engine.store.columns import Column, Columns
from engine.store.database import rows, run
from engine.store.fragments import sql


def add_missing(connection: Connection, refs: Sequence[str]) -> None:
    """Insert, sorted by ref, the customers among `refs` that have waiting events and no row yet."""
    run(
        connection,
        """insert into customers (ref)
           select distinct e.subject from events e
           where e.subject = any(:refs) and e.matched_at is null
             and not exists (select 1 from customers c where c.ref = e.subject)
           order by 1 on conflict do nothing""",
        refs=list(refs),
    )


def lock(connection: Connection, refs: Sequence[str]) -> dict[str, int]:
    """Lock these customers, by ascending id, leaving out those somebody else has locked; return ref → id. Nothing is read here."""
    found = rows(
        connection,
        "select id, ref from customers where ref = any(:refs) order by id for no key update skip locked",
        refs=list(refs),
    )
    return {row.ref: row.id for row in found}


def lock_due(connection: Connection, now: datetime, limit: int) -> list[int]:
    """Lock the customers of the `limit` timelines due first, leaving out those locked elsewhere or with waiting events.

    LIMIT stands over the locking join, so that planners side by side get customers each; return their ids.
    """
    found = rows(
        connection,
        """select c.id from timelines t join customers c on c.id = t.customer_id
           where t.state = 'active' and t.due_at <= :now
             and not exists (select 1 from events e where e.subject = c.ref and e.matched_at is null)
           order by t.due_at, t.id limit :limit for no key update of c skip locked""",
        now=now,
        limit=limit,
    )
    return sorted({row.id for row in found})


def lock_by_id(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Lock these customers by ascending id, waiting for whoever has locked them; return the ids that exist."""
    found = rows(
        connection, "select id from customers where id = any(:ids) order by id for no key update", ids=list(ids)
    )
    return [row.id for row in found]


def refs_of(connection: Connection, ids: Sequence[int]) -> dict[str, int]:
    """Return ref → id."""
    return {
        row.ref: row.id for row in rows(connection, "select id, ref from customers where id = any(:ids)", ids=list(ids))
    }


def load(connection: Connection, ids: Sequence[int]) -> dict[int, Customer]:
    """Read customers with their tags, dimensions and activities (timelines: `store.timelines.load_into`)."""
    customers = {
        row.id: Customer(
            row.ref,
            row.id,
            row.attributes,
            row.timezone,
            row.staff,
            row.addresses,
            row.friends,
            set(row.opt_outs),
            row.written,
            row.created,
            known_since=row.known_since,
        )
        for row in rows(
            connection,
            """select id, ref, attributes, timezone, staff, addresses, friends, opt_outs, written, created, known_since
               from customers where id = any(:ids)""",
            ids=list(ids),
        )
    }
    _load_tags(connection, customers)
    _load_dimensions(connection, customers)
    _load_activities(connection, customers)
    _load_clocks(connection, customers)
    return customers


def _load_tags(connection: Connection, customers: dict[int, Customer]) -> None:
    statement = "select customer_id, tag, present, changed_at, written_at, set_by from customer_tags where customer_id = any(:ids)"
    for customer, tag, *fact in rows(connection, statement, ids=list(customers)):
        customers[customer].tags[tag] = TagFact(*fact)


def _load_dimensions(connection: Connection, customers: dict[int, Customer]) -> None:
    statement = (
        "select customer_id, dimension, value, since, written_at from customer_dimensions where customer_id = any(:ids)"
    )
    for customer, dimension, *fact in rows(connection, statement, ids=list(customers)):
        customers[customer].dimensions[dimension] = DimensionFact(*fact)


def _load_activities(connection: Connection, customers: dict[int, Customer]) -> None:
    statement = "select customer_id, type, first_at, last_at, times from activities where customer_id = any(:ids)"
    for customer, kind, *fact in rows(connection, statement, ids=list(customers)):
        customers[customer].activities[kind] = Activity(*fact)


def _load_clocks(connection: Connection, customers: dict[int, Customer]) -> None:
    statement = "select customer_id, clock, last_at, active, level, next_days, next_at from customer_clocks where customer_id = any(:ids)"
    for customer, clock, *fact in rows(connection, statement, ids=list(customers)):
        customers[customer].clocks[clock] = ClockFact(*fact)


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────


def write(connection: Connection, customers: Iterable[Customer]) -> None:
    """Write what is dirty of these customers."""
    changed = [customer for customer in customers if customer.dirty]
    _write_themselves(connection, [customer for customer in changed if "self" in customer.dirty])
    _write_tags(connection, [(c, name) for c in changed for name in _dirty(c, "tag:")])
    _write_dimensions(connection, [(c, name) for c in changed for name in _dirty(c, "dimension:")])
    _write_activities(connection, [(c, name) for c in changed for name in _dirty(c, "activity:")])
    _write_clocks(connection, [(c, name) for c in changed for name in _dirty(c, "clock:")])


def _dirty(customer: Customer, prefix: str) -> list[str]:
    return [each.removeprefix(prefix) for each in customer.dirty if each.startswith(prefix)]


_THEMSELVES: Columns[Customer] = Columns(
    Column("id", "bigint", lambda customer: customer.id),
    Column("attributes", "jsonb", lambda customer: customer.attributes),
    Column("timezone", "text", lambda customer: customer.timezone),
    Column("staff", "jsonb", lambda customer: customer.staff),
    Column("addresses", "jsonb", lambda customer: customer.addresses),
    Column("friends", "jsonb", lambda customer: customer.friends),
    Column("written", "jsonb", lambda customer: customer.written),
    Column("created", "boolean", lambda customer: customer.created),
    Column("known_since", "timestamptz", lambda customer: customer.known_since),
    Column("opt_outs", "jsonb", lambda customer: sorted(customer.opt_outs)),
)

_UPDATE = sql(
    """update customers c set {assignments}, opt_outs = array(select jsonb_array_elements_text(v.opt_outs::jsonb))
       from {rows} where c.id = v.id""",
    assignments=_THEMSELVES.leaving_out("id", "opt_outs").assignments,
    rows=_THEMSELVES.rows,
)


def _write_themselves(connection: Connection, customers: list[Customer]) -> None:
    if customers:
        run(connection, _UPDATE, **_THEMSELVES.bind(customers))


_Named = tuple[Customer, str]
"""A customer and the name of what changed of them."""

_TAGS: Columns[_Named] = Columns(
    Column("customer_id", "bigint", lambda row: row[0].id),
    Column("tag", "text", lambda row: row[1]),
    Column("present", "boolean", lambda row: row[0].tags[row[1]].present),
    Column("changed_at", "timestamptz", lambda row: row[0].tags[row[1]].changed_at),
    Column("written_at", "timestamptz", lambda row: row[0].tags[row[1]].written_at),
    Column("set_by", "text", lambda row: row[0].tags[row[1]].set_by),
)

_WRITE_TAGS = sql(
    """insert into customer_tags ({names}) select {values} from {rows}
       on conflict (customer_id, tag) do update set {excluded}""",
    names=_TAGS.names,
    values=_TAGS.values,
    rows=_TAGS.rows,
    excluded=_TAGS.leaving_out("customer_id", "tag").excluded,
)


def _write_tags(connection: Connection, changed: list[_Named]) -> None:
    if changed:
        run(connection, _WRITE_TAGS, **_TAGS.bind(changed))


_DIMENSIONS: Columns[_Named] = Columns(
    Column("customer_id", "bigint", lambda row: row[0].id),
    Column("dimension", "text", lambda row: row[1]),
    Column("value", "text", lambda row: row[0].dimensions[row[1]].value),
    Column("since", "timestamptz", lambda row: row[0].dimensions[row[1]].since),
    Column("written_at", "timestamptz", lambda row: row[0].dimensions[row[1]].written_at),
    Column("why", "text", lambda row: row[0].dimensions[row[1]].why),
)

_WRITE_DIMENSIONS = sql(
    """with new as (select * from {rows}),
           history as (
               insert into dimension_history (customer_id, dimension, value_before, value_after, at, why)
               select n.customer_id, n.dimension, d.value, n.value, n.written_at, n.why
               from new n left join customer_dimensions d using (customer_id, dimension)
               where d.value is distinct from n.value)
       insert into customer_dimensions ({kept}) select {kept} from new
       on conflict (customer_id, dimension) do update set {excluded}""",
    rows=_DIMENSIONS.rows,
    kept=_DIMENSIONS.leaving_out("why").names,
    excluded=_DIMENSIONS.leaving_out("customer_id", "dimension", "why").excluded,
)


def _write_dimensions(connection: Connection, changed: list[_Named]) -> None:
    """Write dimensions, and one line of history for each value that differs from the one written before."""
    if changed:
        run(connection, _WRITE_DIMENSIONS, **_DIMENSIONS.bind(changed))


_ACTIVITIES: Columns[_Named] = Columns(
    Column("customer_id", "bigint", lambda row: row[0].id),
    Column("type", "text", lambda row: row[1]),
    Column("first_at", "timestamptz", lambda row: row[0].activities[row[1]].first_at),
    Column("last_at", "timestamptz", lambda row: row[0].activities[row[1]].last_at),
    Column("times", "bigint", lambda row: row[0].activities[row[1]].times),
)

_WRITE_ACTIVITIES = sql(
    """insert into activities ({names}) select {values} from {rows}
       on conflict (customer_id, type) do update set {excluded}""",
    names=_ACTIVITIES.names,
    values=_ACTIVITIES.values,
    rows=_ACTIVITIES.rows,
    excluded=_ACTIVITIES.leaving_out("customer_id", "type").excluded,
)


def _write_activities(connection: Connection, changed: list[_Named]) -> None:
    if changed:
        run(connection, _WRITE_ACTIVITIES, **_ACTIVITIES.bind(changed))


_CLOCKS: Columns[_Named] = Columns(
    Column("customer_id", "bigint", lambda row: row[0].id),
    Column("clock", "text", lambda row: row[1]),
    Column("last_at", "timestamptz", lambda row: row[0].clocks[row[1]].last_at),
    Column("active", "boolean", lambda row: row[0].clocks[row[1]].active),
    Column("level", "integer", lambda row: row[0].clocks[row[1]].level),
    Column("next_days", "integer", lambda row: row[0].clocks[row[1]].next_days),
    Column("next_at", "timestamptz", lambda row: row[0].clocks[row[1]].next_at),
)

_WRITE_CLOCKS = sql(
    """insert into customer_clocks ({names}) select {values} from {rows}
       on conflict (customer_id, clock) do update set {excluded}""",
    names=_CLOCKS.names,
    values=_CLOCKS.values,
    rows=_CLOCKS.rows,
    excluded=_CLOCKS.leaving_out("customer_id", "clock").excluded,
)


def _write_clocks(connection: Connection, changed: list[_Named]) -> None:
    if changed:
        run(connection, _WRITE_CLOCKS, **_CLOCKS.bind(changed))
