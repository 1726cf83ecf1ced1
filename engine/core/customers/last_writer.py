"""The last writer wins: a value is written by the event with the latest time, whatever order events come in."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from engine.core.customers.customer import Customer
from engine.core.reasons import Reason

Group = Literal["attributes", "staff", "addresses"]
"""The customer's values that are written one by one, by name."""


def written_after(customer: Customer, field_name: str, at: datetime) -> bool:
    """Return whether an event later than `at` has written the field."""
    last = customer.written.get(field_name)
    return last is not None and at < datetime.fromisoformat(last)


def wins(customer: Customer, field_name: str, at: datetime) -> bool:
    """Return whether `at` is not before the field's last writing, and note it as the last one if so."""
    if written_after(customer, field_name, at):
        return False
    customer.written[field_name] = at.isoformat()
    return True


def write(customer: Customer, group: Group, name: str, value: Any, at: datetime) -> Reason | None:
    """Write one value if none newer is known. Return why nothing changed, None where something did.

    Parameters:
        group, name: which of the customer's values.
        value: None takes it away.
        at: the time of the event that says so.
    """
    if not wins(customer, f"{group}.{name}", at):
        return Reason.SUPERSEDED
    customer.dirty.add("self")
    values: dict[str, Any] = getattr(customer, group)
    before = values.get(name)
    if before == value and isinstance(before, bool) is isinstance(value, bool):  # conditions tell True from 1
        return Reason.NO_CHANGE
    if value is None:
        del values[name]
    else:
        values[name] = value
    return None
