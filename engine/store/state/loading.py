"""Customers as decisions need them: read whole, after their rows are locked, and written whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import Flag, auto

from sqlalchemy import Connection

from engine.core.customers.customer import Customer
from engine.core.definitions.catalog import Definitions
from engine.core.delivery.gates import counted_since
from engine.store.state import customers, metrics, timelines


class Needs(Flag):
    """What a decision asks of a customer, besides facts and active timelines. What no definition asks for is not read."""

    NOTHING_MORE = 0
    TOUCHED = auto()
    """When SOPs that conditions ask for last gave them a touch."""
    METRICS = auto()
    """Their numbers as of the last refresh."""
    STEPS = auto()
    """Which steps each of their timelines has had, and whether a touch of it is open."""
    CAPS = auto()
    """Under caps: what counts on their days and, as any timeline may hold a rival, the steps of all."""


def load(
    connection: Connection, ids: Sequence[int], needs: Needs, *definitions: Definitions, now: datetime | None = None
) -> dict[int, Customer]:
    """Read customers with their active timelines and what else a decision needs; return id → customer.

    Whoever writes afterwards has locked their rows before.

    Parameters:
        definitions: whatever one of these asks for is read; an apply is foreseen with two of them.
        now: from which the days that caps look at are counted; left out only where caps are not needed.
    """
    loaded = customers.load(connection, ids)
    timelines.load_into(connection, loaded)
    if Needs.TOUCHED in needs:
        timelines.load_touched(connection, loaded, sorted(set().union(*(each.touched_sops for each in definitions))))
    if Needs.METRICS in needs and any(each.uses_metrics for each in definitions):
        metrics.load_into(connection, loaded)
    counted_days = max((each.counted_days for each in definitions), default=0) if Needs.CAPS in needs else 0
    if counted_days:
        assert now is not None
        timelines.load_counted(connection, loaded, counted_since(now, counted_days))
    if counted_days or Needs.STEPS in needs:
        timelines.load_had(connection, [each for customer in loaded.values() for each in customer.timelines])
    return loaded


def write(connection: Connection, changed: Collection[Customer]) -> None:
    """Write what a decision changed of these customers: their facts and clocks, then their timelines."""
    customers.write(connection, changed)
    timelines.write(connection, changed)
