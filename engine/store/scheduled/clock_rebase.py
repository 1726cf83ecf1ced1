"""Clocks whose definition has changed: how far setting them anew has come, and what that needs to know of customers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from engine.core.customers import silence
from engine.core.customers.customer import Activity, ClockFact, Customer, DimensionFact
from engine.core.customers.silence import Since
from engine.core.definitions import LIFECYCLE
from engine.core.definitions.catalog import Definitions
from engine.store.database import rows, run, scalar, to_json


def defined_since(connection: Connection) -> Since:
    """Return since when each threshold is defined, under the generation in force."""
    return _read_since(scalar(connection, "select since from rethresholding"))


def _read_since(stored: dict[str, dict[str, str]] | None) -> Since:
    return {
        clock: {int(days): datetime.fromisoformat(at) for days, at in each.items()}
        for clock, each in (stored or {}).items()
    }


def rebase(connection: Connection, definitions: Definitions, now: datetime) -> bool:
    """Note by what clocks are defined from now on; return whether they must be set anew, which then begins with the first customer.

    Belongs into the transaction that puts the definitions in force: nobody decides by them without knowing since when they hold.
    """
    wanted = silence.basis(definitions)
    found = rows(connection, "select basis, since from rethresholding")
    before = found[0].basis if found else {"clocks": {}}
    if before == wanted or not (before["clocks"] or wanted["clocks"]):
        return False
    since = silence.defined_since(definitions, before, _read_since(found[0].since if found else None), now)
    run(
        connection,
        """insert into rethresholding (basis, since) values (:basis, :since) on conflict (only_one) do update
           set basis = excluded.basis, since = excluded.since, cursor = 0, done_at = null""",
        basis=to_json(wanted),
        since=to_json({clock: {str(days): at for days, at in each.items()} for clock, each in since.items()}),
    )
    return True


def under_way(connection: Connection) -> int | None:
    """Return up to which customer clocks are as defined, None where all are."""
    found: int | None = scalar(connection, "select cursor from rethresholding where done_at is null")
    return found


def last_customer(connection: Connection) -> int:
    """Return the highest id of a customer, 0 where there is none."""
    return int(scalar(connection, "select coalesce(max(id), 0) from customers"))


def customers_after(connection: Connection, cursor: int, limit: int) -> list[int]:
    """Return the next customers' ids, ascending."""
    return [
        row.id
        for row in rows(
            connection, "select id from customers where id > :cursor order by id limit :n", cursor=cursor, n=limit
        )
    ]


def advance(connection: Connection, before: int, cursor: int) -> None:
    """Note how far it has come since it stood at `before`; without effect where it was begun anew meanwhile."""
    run(
        connection,
        "update rethresholding set cursor = :to where cursor = :before and done_at is null",
        to=cursor,
        before=before,
    )


def finish(connection: Connection, before: int, now: datetime) -> None:
    """Note that every clock is as defined, unless it was begun anew meanwhile."""
    run(
        connection,
        "update rethresholding set done_at = :now where cursor = :before and done_at is null",
        now=now,
        before=before,
    )


def load(connection: Connection, ids: Sequence[int]) -> dict[int, Customer]:
    """Read of customers, whose rows are held, what their clocks follow from, and nothing else."""
    known = {
        row.id: Customer(row.ref, row.id, timezone=row.timezone, known_since=row.known_since)
        for row in rows(
            connection, "select id, ref, timezone, known_since from customers where id = any(:ids)", ids=list(ids)
        )
    }
    for customer, kind, *activity in rows(
        connection,
        "select customer_id, type, first_at, last_at, times from activities where customer_id = any(:ids)",
        ids=list(ids),
    ):
        known[customer].activities[kind] = Activity(*activity)
    for customer, clock, *fact in rows(
        connection,
        "select customer_id, clock, last_at, active, level, next_days, next_at from customer_clocks where customer_id = any(:ids)",
        ids=list(ids),
    ):
        known[customer].clocks[clock] = ClockFact(*fact)
    for customer, *value in rows(
        connection,
        "select customer_id, value, since, written_at from customer_dimensions where customer_id = any(:ids) and dimension = :name",
        ids=list(ids),
        name=LIFECYCLE,
    ):
        known[customer].dimensions[LIFECYCLE] = DimensionFact(*value)
    return known


def drop_undefined(connection: Connection, ids: Sequence[int], definitions: Definitions) -> None:
    """Forget the clocks that are no longer defined, and a lifecycle left by another clock than the one it now comes from."""
    run(
        connection,
        "delete from customer_clocks where customer_id = any(:ids) and clock <> all(:clocks)",
        ids=list(ids),
        clocks=list(definitions.engine.clocks),
    )
    if definitions.engine.lifecycle is not None:
        run(
            connection,
            """delete from customer_dimensions d where d.customer_id = any(:ids) and d.dimension = :name
               and not exists (select 1 from customer_clocks k where k.customer_id = d.customer_id and k.clock = :clock)""",
            ids=list(ids),
            name=LIFECYCLE,
            clock=definitions.engine.lifecycle[0],
        )
