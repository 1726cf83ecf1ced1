"""How far each date and schedule has come (table crons), and the customers a slot may concern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import Row, rows, run, scalar
from engine.store.fragments import SqlFragment, bound, sql

_FORGET = "delete from crons where split_part(name, ':', 1) in ('date', 'schedule') and not name = any(:names)"


def keep(connection: Connection, names: Sequence[str], generation: int) -> None:
    """Begin with those that are new at the moment their generation was applied; forget those that are defined no longer."""
    run(
        connection,
        """insert into crons (name, last_slot, next_at)
           select name, applied_at, applied_at from unnest(cast(:names as text[])) given(name), generations
           where generation = :generation order by name on conflict do nothing""",
        names=list(names),
        generation=generation,
    )
    run(connection, _FORGET, names=list(names))


def lock(connection: Connection, name: str) -> Row | None:
    """Lock one until the transaction's end and return last_slot, slot and cursor; None where somebody else has locked it."""
    found = rows(
        connection, "select last_slot, slot, cursor from crons where name = :name for update skip locked", name=name
    )
    return found[0] if found else None


def advance(connection: Connection, name: str, slot: datetime, cursor: int) -> None:
    """Note that in this slot the customers up to id `cursor` are done.

    Parameters:
        name: of the slot's row
        slot: the scheduled time
        cursor: id of the last customer looked at
    """
    run(
        connection,
        "update crons set slot = :slot, cursor = :cursor, next_at = :slot where name = :name",
        name=name,
        slot=slot,
        cursor=cursor,
    )


def finish(connection: Connection, name: str, slot: datetime) -> None:
    """Note that this slot is done."""
    run(
        connection,
        "update crons set last_slot = :slot, slot = null, cursor = 0 where name = :name",
        name=name,
        slot=slot,
    )


def rest(connection: Connection, name: str, until: datetime | None) -> None:
    """Note that nothing is due before `until`; None: nothing ever will be."""
    run(
        connection,
        "update crons set next_at = :until where name = :name and next_at is distinct from :until",
        name=name,
        until=until,
    )


def zones(connection: Connection) -> list[str]:
    """Return the zones that customers have of their own. Costs what zones there are, not what customers."""
    found = rows(
        connection,
        """with recursive zones as (
               (select timezone from customers where timezone is not null order by timezone limit 1)
               union all
               select (select c.timezone from customers c where c.timezone > z.timezone order by c.timezone limit 1)
               from zones z where z.timezone is not null)
           select timezone from zones where timezone is not null""",
    )
    return [row.timezone for row in found]


def batch_end(connection: Connection, after: int, limit: int) -> int | None:
    """Return the id at which the next `limit` customers after id `after` end, None where there are none."""
    found: int | None = scalar(
        connection,
        "select max(id) from (select id from customers where id > :after order by id limit :limit) part",
        after=after,
        limit=limit,
    )
    return found


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the customers: those with ids above `after` up to `last` for whom conditions hold."""

    after: int
    last: int
    when: SqlFragment
    """A boolean over the alias `c`."""

    @property
    def where(self) -> SqlFragment:
        """The SQL of being one of them. Whose events wait is taken in as well: the matcher decides once they are matched."""
        return bound(sql(_IN_PART, when=self.when), after=self.after, last=self.last)


_IN_PART = """c.id > :after and c.id <= :last
    and (({when}) is true or exists (select 1 from events e where e.subject = c.ref and e.matched_at is null))"""


@dataclass(frozen=True, slots=True)
class DateSearch:
    """Which customers' dates may be met."""

    attribute: str
    default: str | None
    """The attribute's declared default."""
    zones: Sequence[str]
    """Zones whose customers are meant."""
    otherwise: str
    """The zone of customers without one of their own."""
    near: Sequence[str]
    """Month and day as dates are written (`05-01`); which of them are met is for the caller to say."""


def with_date(connection: Connection, part: Part, search: DateSearch) -> list[Row]:
    """Return ref, timezone and value of those of the customers whose date may be met."""
    return rows(
        connection,
        sql(
            """select c.ref, c.timezone, coalesce(c.attributes ->> :attribute, :default) as value from customers c
               where {part} and coalesce(c.timezone, :otherwise) = any(:zones)
                 and substr(coalesce(c.attributes ->> :attribute, :default), 6, 5) = any(:near)
               order by c.id""",
            part=part.where,
        ),
        attribute=search.attribute,
        default=search.default,
        zones=list(search.zones),
        otherwise=search.otherwise,
        near=list(search.near),
    )


def refs(connection: Connection, part: Part) -> list[str]:
    """Return the refs of the customers."""
    found = rows(connection, sql("select c.ref from customers c where {part} order by c.id", part=part.where))
    return [row.ref for row in found]
