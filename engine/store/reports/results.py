"""What came of an SOP's timelines, counted in the database: by arm, step and variant. Customers are counted, not timelines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from engine.store.database import Row, rows, run


@dataclass(frozen=True, slots=True)
class Cohort:
    """The timelines looked at: those of one SOP that started from `since` (included) until `until` (not included)."""

    sop: str
    since: datetime
    until: datetime

    @property
    def values(self) -> dict[str, Any]:
        """As parameters of a statement."""
        return {"sop": self.sop, "since": self.since, "until": self.until}


_ROOM = "64MB"
"""What sorting a cohort's touches may take, so that a million of them need no file."""

_IN_COHORT = "sop = :sop and started_at >= :since and started_at < :until"


def arms(connection: Connection, cohort: Cohort, now: datetime) -> list[Row]:
    """Return holdout, timelines, converted_timelines, customers, repeated, converted, open, median_seconds of each arm there is.

    Repeated are customers with more than one timeline; open, those who have not converted and still may: until their goal's time
    is over, or, where it has none, as long as the timeline runs. The median is from a customer's first start to their first
    conversion.
    """
    statement = f"""
        with each as (
            select holdout, customer_id, count(*) as timelines, count(converted_at) as conversions,
                   bool_or(converted_at is null and case when goal_until is null then state = 'active' else goal_until >= :now end) as open,
                   min(converted_at) - min(started_at) as took
            from timelines where {_IN_COHORT} group by holdout, customer_id)
        select holdout, cast(sum(timelines) as bigint) as timelines, cast(sum(conversions) as bigint) as converted_timelines,
               count(*) as customers, count(*) filter (where timelines > 1) as repeated,
               count(*) filter (where conversions > 0) as converted, count(*) filter (where conversions = 0 and open) as open,
               extract(epoch from percentile_cont(0.5) within group (order by took)) as median_seconds
        from each group by holdout order by holdout"""  # noqa: S608 - joins constants of this module; values are bound
    return rows(connection, statement, now=now, **cohort.values)


def in_both_arms(connection: Connection, cohort: Cohort) -> int:
    """Return how many customers have timelines in both arms: the holdout's share was changed in between."""
    statement = f"""select count(*) as number from (
                        select customer_id from timelines where {_IN_COHORT}
                        group by customer_id having bool_or(holdout) and not bool_and(holdout)) as both_ways"""  # noqa: S608 - joins constants of this module; values are bound
    return int(rows(connection, statement, **cohort.values)[0].number)


@dataclass(frozen=True, slots=True)
class Sent:
    """Customers who were sent a step, a variant of it, or (step None) a variant of any step."""

    step: str | None
    variant: str | None
    customers: int
    converted: int
    """Those of them whose goal was reached at that moment or later."""


# By the customer's number first: numbers sort faster than texts, and one sorting serves the first two.
_SETS = {
    "step": "(l.customer_id, t.step)",
    "step_variant": "(l.customer_id, t.step, t.variant)",
    "variant": "(l.customer_id, t.variant)",
}


def sent(connection: Connection, cohort: Cohort, *, throughout: bool) -> dict[str, list[Sent]]:
    """Return how many customers were sent what and converted afterwards, by `step`, `step_variant` and `variant`.

    Parameters:
        throughout: by `variant`, whatever the step, as well; it takes about as long again.

    Sent is every message and task that was given to a channel that sent it or handed it to staff, whatever came of it later:
    a customer who converts has what staff holds called back, so leaving those out would leave out conversions.
    """
    sets = [each for name, each in _SETS.items() if throughout or name != "variant"]
    run(connection, f"set local work_mem = '{_ROOM}'")
    statement = f"""
        with each as (
            select grouping(t.step) as no_step, grouping(t.variant) as no_variant, t.step, t.variant,
                   coalesce(bool_or(l.converted_at >= coalesce(t.handed_at, t.sent_at)), false) as converted
            from timelines l join touches t on t.timeline_id = l.id
            where l.sop = :sop and l.started_at >= :since and l.started_at < :until
              and t.kind in ('message', 'task') and (t.sent_at is not null or t.handed_at is not null)
            group by grouping sets ({", ".join(sets)}))
        select no_step, no_variant, step, variant, count(*) as customers, count(*) filter (where converted) as converted
        from each group by 1, 2, 3, 4 order by 1, 2, 3, 4"""  # noqa: S608 - joins constants of this module; values are bound
    found: dict[str, list[Sent]] = {name: [] for name in _SETS}
    for row in rows(connection, statement, **cohort.values):
        kind = "variant" if row.no_step else "step" if row.no_variant else "step_variant"
        if kind == "step" or row.variant is not None:
            found[kind].append(Sent(row.step, row.variant, row.customers, row.converted))
    return found


def versions(connection: Connection, sop: str) -> list[Row]:
    """Return version, since, until (null: in force now) and a generation with it of each time a version was in force, oldest first."""
    statement = """
        with generation as (
            select g.generation, g.applied_at, lead(g.applied_at) over (order by g.generation) as replaced_at, d.version
            from generations g left join definitions d on d.id = any(g.definition_ids) and d.sop = :sop),
        marked as (
            select *, count(*) filter (where begins) over (order by generation) as stretch from (
                select *, version is distinct from lag(version) over (order by generation) as begins from generation) as each)
        select max(version) as version, min(applied_at) as since, max(generation) as generation,
               case when bool_or(replaced_at is null) then null else max(replaced_at) end as until
        from marked where version is not null group by stretch order by stretch"""
    return rows(connection, statement, sop=sop)


def ever_applied(connection: Connection) -> Sequence[str]:
    """Return every SOP that was ever applied, to name the one most like another."""
    return [
        row.sop for row in rows(connection, "select distinct sop from definitions where sop is not null order by sop")
    ]
