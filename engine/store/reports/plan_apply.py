"""What a plan counts, in one snapshot that nothing is written in: who is in flight where, and steady samples of customers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from engine.core.conditions.portable_regex import NotPortable
from engine.core.definitions import Condition, Sop
from engine.core.definitions.catalog import Definitions
from engine.store.database import rows, run, scalar
from engine.store.fragments import TRUE, SqlFragment
from engine.store.scheduled import enrolment
from engine.store.scheduled.condition_sql import select_sql

_STEADY = "order by hashtextextended(c.ref, 0), c.id limit :most"
"""Which customers are taken is a function of who they are, so that one plan after another looks at the same ones."""


def pin_snapshot(connection: Connection) -> None:
    """Let the transaction see the database as it is now until its end, and write nothing. Must be its first statement."""
    run(connection, "set transaction isolation level repeatable read, read only")


def in_flight(connection: Connection) -> dict[str, dict[str | None, int]]:
    """Return how many active timelines wait for which step: SOP → step → number. None: all steps had, touches on their way."""
    found: dict[str, dict[str | None, int]] = {}
    for sop, step, number in rows(
        connection, "select sop, next_step, count(*) from timelines where state = 'active' group by 1, 2 order by 1, 2"
    ):
        found.setdefault(sop, {})[step] = number
    return found


def customers_in(connection: Connection, sop: str, most: int) -> tuple[int, list[int]]:
    """Return how many customers have an active timeline of the SOP, and the ids of `most` of them."""
    return _sample(
        connection,
        "select distinct customer_id as id from timelines where state = 'active' and sop = :sop",
        {"sop": sop},
        most,
    )


def customers_in_flight(connection: Connection, most: int) -> tuple[int, list[int]]:
    """Return how many customers have any active timeline, and the ids of `most` of them."""
    return _sample(connection, "select distinct customer_id as id from timelines where state = 'active'", {}, most)


def customers_at_rest(connection: Connection, most: int) -> tuple[int, list[int]]:
    """Return how many customers have no active timeline, and the ids of `most` of them."""
    resting = "not exists (select 1 from timelines t where t.customer_id = c.id and t.state = 'active')"
    return _sample(connection, f"select c.id from customers c where {resting}", {}, most)  # noqa: S608 - joins queries of the store; values are bound


def customers_meeting(
    connection: Connection, sop: Sop, definitions: Definitions, now: datetime, most: int
) -> tuple[int, int, list[int]]:
    """Return how many customers may meet a trigger of the SOP already, for how many of them `when` and `while` hold, and ids.

    It is for `engine.core.matching.existing_customers` to say whether they do. The ids are all of those for whom the
    conditions hold, in order of who is taken in first, or `most` of them.

    Parameters:
        sop: as it would be
        definitions: as they would be
        now: the moment conditions are evaluated at
        most: how many ids at most
    """
    source, values = _candidates(sop, now)
    if not source:
        return 0, 0, []
    condition = _entering(sop, definitions, now)
    values |= condition.values
    meeting = int(scalar(connection, f"select count(*) from ({source}) found", **values))  # noqa: S608 - joins queries of the store; values are bound
    fitting = f"select c.id from customers c join ({source}) found using (id) where {condition.text}"  # noqa: S608 - joins queries of the store; values are bound
    held, ids = _sample(connection, fitting, values, most)
    return meeting, held, sorted(ids)


def _entering(sop: Sop, definitions: Definitions, now: datetime) -> SqlFragment:
    """Return `when` and `while` as SQL; true where it does not read them as a start does, so that nobody is left out."""
    asked = (*(sop.when or ()), *(sop.while_ or ()))
    if any(_of_a_start(each) for each in definitions.expanded(asked)):
        return TRUE
    try:
        return select_sql(asked, definitions, now)
    except NotPortable:
        return TRUE


def _of_a_start(condition: Condition) -> bool:
    """Return whether a condition asks for the start itself: SQL knows of none."""
    return condition.event is not None or any(
        asked is not None and asked.since == "start" for asked in (condition.seen, condition.touched)
    )


def _candidates(sop: Sop, now: datetime) -> tuple[str, dict[str, Any]]:
    """Return one query for all triggers, its values renamed so that each trigger has its own."""
    parts, values = [], dict[str, Any]()
    for number, (statement, bound) in enumerate(enrolment.queries(sop.trigger, now)):
        for name, value in {**bound, "after": 0}.items():
            statement = statement.replace(f":{name}", f":{name}_{number}")
            values[f"{name}_{number}"] = value
        parts.append(f"select * from ({statement}) met{number}(id)")  # noqa: S608 - joins queries of the store; values are bound
    return " union ".join(parts), values


def _sample(connection: Connection, source: str, values: dict[str, Any], most: int) -> tuple[int, list[int]]:
    number = int(scalar(connection, f"select count(*) from ({source}) found", **values))  # noqa: S608 - joins queries of the store; values are bound
    found = rows(
        connection,
        f"select c.id from customers c join ({source}) found using (id) {_STEADY}",  # noqa: S608 - joins queries of the store; values are bound
        most=most,
        **values,
    )
    return number, [row.id for row in found]


def threshold_basis(connection: Connection) -> dict[str, Any]:
    """Return by what clocks are defined under the generation in force."""
    return scalar(connection, "select basis from rethresholding") or {"clocks": {}}


def active_by_sop(connection: Connection, sops: Sequence[str] | None = None) -> dict[str, int]:
    """Return how many active timelines each SOP has; with `sops`, only these."""
    found = rows(
        connection,
        """select sop, count(*) as number from timelines
           where state = 'active' and (cast(:sops as text[]) is null or sop = any(:sops)) group by 1""",
        sops=list(sops) if sops is not None else None,
    )
    return {row.sop: row.number for row in found}
