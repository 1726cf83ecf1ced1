"""Which channels of a list reach the customer."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.customers.customer import Customer
from engine.core.definitions import PREFERRED
from engine.core.definitions.catalog import Definitions

PREFERRED_ATTRIBUTE = "preferred_channel"
"""The customer's attribute that `preferred` in a channel list stands for."""


def defined_channels(written: Iterable[str], customer: Customer, definitions: Definitions) -> list[str]:
    """Return the channels of a list that are defined, in order, `preferred` replaced by the customer's own, each once."""
    wanted = customer.attribute(PREFERRED_ATTRIBUTE, definitions.engine)
    named = (wanted if name == PREFERRED else name for name in written)
    return list(dict.fromkeys(name for name in named if isinstance(name, str) and name in definitions.engine.channels))


def open_channels(channels: Iterable[str], kind: str, customer: Customer) -> list[str]:
    """Return those the customer has not opted out of; opting out concerns messages only."""
    return [name for name in channels if kind != "message" or not customer.opted_out_of(name)]
