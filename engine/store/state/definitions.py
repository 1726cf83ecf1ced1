"""Definitions as applied: immutable versions, and the generations that say which are in force together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import Row, rows, run, scalar

_APPLY_LOCK, _GENERATION_LOCK = 7023002, 7023003


def generation(connection: Connection) -> int:
    """Return the number of the generation in force, 0 before the first apply."""
    return int(scalar(connection, "select coalesce(max(generation), 0) from generations"))


def lock_generation(connection: Connection) -> None:
    """Keep the generation in force as it is until the transaction's end; many may lock it at once."""
    run(connection, "select pg_advisory_xact_lock_shared(:lock)", lock=_GENERATION_LOCK)


def await_deciders(connection: Connection) -> None:
    """Wait for every transaction that has locked the generation, and keep new ones waiting until this transaction's end.

    What they must not decide without, definitions and pauses, is changed under this: whoever decides later sees it.
    """
    run(connection, "select pg_advisory_xact_lock(:lock)", lock=_GENERATION_LOCK)


def in_force(connection: Connection, generation_: int) -> list[Row]:
    """Return name, sop, version, hash and body of the definitions of a generation."""
    return rows(
        connection,
        """select d.id, d.name, d.sop, d.version, d.hash, d.body from generations g join definitions d on d.id = any(g.definition_ids)
           where g.generation = :generation order by d.name""",
        generation=generation_,
    )


def lock_apply(connection: Connection) -> None:
    """Let one apply run at a time, until the transaction's end."""
    run(connection, "select pg_advisory_xact_lock(:lock)", lock=_APPLY_LOCK)


@dataclass(frozen=True, slots=True)
class DefinitionText:
    """A definition as it was handed in: its file's name, its SOP's id (None: no SOP), hash and text."""

    name: str
    sop: str | None
    digest: str
    body: str

    @property
    def key(self) -> str:
        """What its versions are counted under."""
        return self.sop or self.name


def add_version(connection: Connection, definition: DefinitionText, at: datetime) -> Row:
    """Store a definition as its next version, or find the newest one with the same text; return id, version, is_new."""
    same = rows(
        connection,
        """select id, version, false as is_new from definitions where coalesce(sop, name) = :key and name = :name and hash = :hash
           order by version desc limit 1""",
        key=definition.key,
        name=definition.name,
        hash=definition.digest,
    )
    if same:
        return same[0]
    return rows(
        connection,
        """insert into definitions (name, sop, version, hash, body, created_at)
           select :name, cast(:sop as text), coalesce(max(version), 0) + 1, :hash, :body, :at from definitions
           where coalesce(sop, name) = :key
           returning id, version, true as is_new""",
        name=definition.name,
        sop=definition.sop,
        key=definition.key,
        hash=definition.digest,
        body=definition.body,
        at=at,
    )[0]


def add_generation(connection: Connection, number: int, ids: Sequence[int], at: datetime, who: str) -> None:
    """Put a set of definitions in force, once every transaction that decides by the generation before has come to its end.

    What is committed later was decided by this generation, so looking at every timeline committed so far misses none.

    Parameters:
        number: of the generation
        ids: of the versions that are in force in it
        at: since when
        who: applied it
    """
    await_deciders(connection)
    run(
        connection,
        "insert into generations (generation, definition_ids, applied_at, applied_by) values (:number, :ids, :at, :who)",
        number=number,
        ids=list(ids),
        at=at,
        who=who,
    )


def unsettled(connection: Connection) -> int | None:
    """Return the newest generation whose timelines were not all looked at, None where there is none."""
    found: int | None = scalar(connection, "select max(generation) from generations where settled_at is null")
    return found


def settle(connection: Connection, generation_: int, at: datetime) -> None:
    """Note that every timeline was looked at under this generation (and so under all before)."""
    run(
        connection,
        "update generations set settled_at = :at where generation <= :generation and settled_at is null",
        generation=generation_,
        at=at,
    )


def customers_to_settle(connection: Connection, after: int, limit: int) -> list[int]:
    """Return the next customers with active timelines whose ids lie above `after`, ascending."""
    found = rows(
        connection,
        "select distinct customer_id from timelines where state = 'active' and customer_id > :after order by customer_id limit :limit",
        after=after,
        limit=limit,
    )
    return [row.customer_id for row in found]


def generations(connection: Connection, newest: int | None = None) -> list[Row]:
    """Return generation, applied_at, applied_by and definitions (id, name, sop, version, hash of each), the newest first.

    Parameters:
        newest: only so many; None: all.
    """
    return rows(
        connection,
        """select g.generation, g.applied_at, g.applied_by,
                  (select jsonb_agg(jsonb_build_object('id', d.id, 'name', d.name, 'sop', d.sop, 'version', d.version, 'hash', d.hash)
                                    order by d.name) from definitions d where d.id = any(g.definition_ids)) as definitions
           from generations g order by g.generation desc limit :newest""",
        newest=newest,
    )


def applied_by(connection: Connection, generation_: int) -> Row | None:
    """Return applied_at and applied_by of a generation, None where there is none of this number."""
    found = rows(
        connection, "select applied_at, applied_by from generations where generation = :number", number=generation_
    )
    return found[0] if found else None


def ever_applied(connection: Connection, sops: Sequence[str]) -> set[str]:
    """Return those of the SOPs of which any version was ever stored."""
    found = rows(connection, "select distinct sop from definitions where sop = any(:sops)", sops=list(sops))
    return {row.sop for row in found}
