"""Customers: holding their rows, reading all that decisions need, writing what decisions changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from engine.core.customers.customer import Activity, ClockFact, Customer, DimensionFact, TagFact
from engine.store.database import json_column, rows, run


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
    """Lock these customers, by ascending id, leaving out those somebody else holds; return ref → id. Nothing is read here."""
    found = rows(
        connection,
        "select id, ref from customers where ref = any(:refs) order by id for no key update skip locked",
        refs=list(refs),
    )
    return {row.ref: row.id for row in found}


def lock_due(connection: Connection, now: datetime, limit: int) -> list[int]:
    """Lock the customers of the `limit` timelines due first, leaving out those held elsewhere or with waiting events.

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
    """Lock these customers by ascending id, waiting for whoever holds them; return the ids that exist."""
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


def _write_themselves(connection: Connection, customers: list[Customer]) -> None:
    if not customers:
        return
    run(
        connection,
        """update customers c set attributes = v.attributes::jsonb, timezone = v.timezone, staff = v.staff::jsonb,
               addresses = v.addresses::jsonb, friends = v.friends::jsonb, written = v.written::jsonb, created = v.created,
               known_since = v.known_since,
               opt_outs = array(select jsonb_array_elements_text(v.opt_outs::jsonb))
           from unnest(cast(:ids as bigint[]), cast(:attributes as text[]), cast(:timezones as text[]), cast(:staff as text[]),
                       cast(:addresses as text[]), cast(:friends as text[]), cast(:written as text[]), cast(:created as boolean[]),
                       cast(:opt_outs as text[]), cast(:known as timestamptz[]))
                v(id, attributes, timezone, staff, addresses, friends, written, created, opt_outs, known_since)
           where c.id = v.id""",
        ids=[each.id for each in customers],
        attributes=json_column(each.attributes for each in customers),
        timezones=[each.timezone for each in customers],
        staff=json_column(each.staff for each in customers),
        addresses=json_column(each.addresses for each in customers),
        friends=json_column(each.friends for each in customers),
        written=json_column(each.written for each in customers),
        created=[each.created for each in customers],
        opt_outs=json_column(sorted(each.opt_outs) for each in customers),
        known=[each.known_since for each in customers],
    )


def _write_tags(connection: Connection, changed: list[tuple[Customer, str]]) -> None:
    if not changed:
        return
    facts = [customer.tags[tag] for customer, tag in changed]
    run(
        connection,
        """insert into customer_tags (customer_id, tag, present, changed_at, written_at, set_by)
           select * from unnest(cast(:customers as bigint[]), cast(:tags as text[]), cast(:present as boolean[]),
                                cast(:changed as timestamptz[]), cast(:written as timestamptz[]), cast(:set_by as text[]))
           on conflict (customer_id, tag) do update set present = excluded.present, changed_at = excluded.changed_at,
               written_at = excluded.written_at, set_by = excluded.set_by""",
        customers=[customer.id for customer, _ in changed],
        tags=[tag for _, tag in changed],
        present=[fact.present for fact in facts],
        changed=[fact.changed_at for fact in facts],
        written=[fact.written_at for fact in facts],
        set_by=[fact.set_by for fact in facts],
    )


def _write_dimensions(connection: Connection, changed: list[tuple[Customer, str]]) -> None:
    """Write dimensions, and one line of history for each value that differs from the one written before."""
    if not changed:
        return
    facts = [customer.dimensions[name] for customer, name in changed]
    run(
        connection,
        """with new as (
               select * from unnest(cast(:customers as bigint[]), cast(:dimensions as text[]), cast(:values as text[]),
                                    cast(:since as timestamptz[]), cast(:written as timestamptz[]), cast(:whys as text[]))
                    v(customer_id, dimension, value, since, written_at, why)),
           history as (
               insert into dimension_history (customer_id, dimension, value_before, value_after, at, why)
               select n.customer_id, n.dimension, d.value, n.value, n.written_at, n.why
               from new n left join customer_dimensions d using (customer_id, dimension)
               where d.value is distinct from n.value)
           insert into customer_dimensions (customer_id, dimension, value, since, written_at)
           select customer_id, dimension, value, since, written_at from new
           on conflict (customer_id, dimension) do update set value = excluded.value, since = excluded.since,
               written_at = excluded.written_at""",
        customers=[customer.id for customer, _ in changed],
        dimensions=[name for _, name in changed],
        values=[fact.value for fact in facts],
        since=[fact.since for fact in facts],
        written=[fact.written_at for fact in facts],
        whys=[fact.why for fact in facts],
    )


def _write_activities(connection: Connection, changed: list[tuple[Customer, str]]) -> None:
    if not changed:
        return
    facts = [customer.activities[kind] for customer, kind in changed]
    run(
        connection,
        """insert into activities (customer_id, type, first_at, last_at, times)
           select * from unnest(cast(:customers as bigint[]), cast(:types as text[]), cast(:first as timestamptz[]),
                                cast(:last as timestamptz[]), cast(:times as bigint[]))
           on conflict (customer_id, type) do update set first_at = excluded.first_at, last_at = excluded.last_at,
               times = excluded.times""",
        customers=[customer.id for customer, _ in changed],
        types=[kind for _, kind in changed],
        first=[fact.first_at for fact in facts],
        last=[fact.last_at for fact in facts],
        times=[fact.times for fact in facts],
    )


def _write_clocks(connection: Connection, changed: list[tuple[Customer, str]]) -> None:
    if not changed:
        return
    facts = [customer.clocks[clock] for customer, clock in changed]
    run(
        connection,
        """insert into customer_clocks (customer_id, clock, last_at, active, level, next_days, next_at)
           select * from unnest(cast(:customers as bigint[]), cast(:clocks as text[]), cast(:last as timestamptz[]),
                                cast(:active as boolean[]), cast(:levels as integer[]), cast(:next_days as integer[]),
                                cast(:next_at as timestamptz[]))
           on conflict (customer_id, clock) do update set last_at = excluded.last_at, active = excluded.active,
               level = excluded.level, next_days = excluded.next_days, next_at = excluded.next_at""",
        customers=[customer.id for customer, _ in changed],
        clocks=[clock for _, clock in changed],
        last=[fact.last_at for fact in facts],
        active=[fact.active for fact in facts],
        levels=[fact.level for fact in facts],
        next_days=[fact.next_days for fact in facts],
        next_at=[fact.next_at for fact in facts],
    )
