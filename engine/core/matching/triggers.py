"""Does something that happened match a moment that a definition names?"""

from __future__ import annotations

from typing import Any

from engine.core.conditions.evaluate import compares, dig
from engine.core.customers.customer import Customer
from engine.core.customers.facts import Happened
from engine.core.definitions import AllTags, Change, Friend, Moment, Replied


def matches(moment: Moment, happened: Happened, customer: Customer, zone_name: str) -> bool:
    """Return whether `happened` is this moment, for a customer whose facts are already written."""
    if moment.kind != happened.kind:
        return False
    if moment.tag_added is not None:
        return _tags(moment.tag_added, happened, customer, present=True)
    if moment.tag_removed is not None:
        return _tags(moment.tag_removed, happened, customer, present=False)
    if moment.entered or moment.left:
        return _change(moment.entered or moment.left, happened, entered=moment.entered is not None)  # type: ignore[arg-type]  # one is set
    if moment.friend_added or moment.friend_removed:
        return _friend(moment.friend_added or moment.friend_removed, happened)  # type: ignore[arg-type]  # one is set
    if moment.silent:
        return happened.name == f"{moment.silent.clock}:{moment.silent.days}"
    if moment.replied:
        return _replied(moment.replied, happened)
    if moment.event:
        return moment.event.type == happened.name and all(
            compares(wanted, dig(happened.detail, name), zone_name) is True
            for name, wanted in moment.event.where.items()
        )
    return True


def _tags(wanted: tuple[str, ...] | AllTags, happened: Happened, customer: Customer, *, present: bool) -> bool:
    if isinstance(wanted, AllTags):
        return happened.name in wanted.all and all(customer.has_tag(tag) is present for tag in wanted.all)
    return happened.name in wanted


def _change(wanted: Change, happened: Happened, *, entered: bool) -> bool:
    detail = happened.detail
    here, there = (detail["to"], detail["from"]) if entered else (detail["from"], detail["to"])
    other = wanted.from_ if entered else wanted.to
    return detail["dimension"] == wanted.dimension and here in wanted.values and (other is None or there in other)


def _one_of(wanted: tuple[str, ...] | None, actual: Any) -> bool:
    return wanted is None or actual in wanted


def _friend(wanted: Friend, happened: Happened) -> bool:
    return _one_of(wanted.staff, happened.detail["staff"]) and _one_of(wanted.state, happened.detail["state"])


def _replied(wanted: Replied, happened: Happened) -> bool:
    text = happened.detail["text"]
    said = wanted.contains is None or any(word in text for word in wanted.contains)
    return said and _one_of(wanted.channel, happened.detail["channel"])
