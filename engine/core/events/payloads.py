"""What the data of each known type of event must hold. Other types are free."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from engine.core.errors import EventError, did_you_mean
from engine.core.events.canonical_json import show
from engine.core.time import arithmetic

MAX_NAME = 200
"""Characters a tag, value, channel, staff id or order may have."""

Data = dict[str, Any]
Check = Callable[[Data], None]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _name(data: Data, field: str, *, needed: bool = True, example: str = "") -> None:
    """A short text that is looked up or shown: a tag, a value, a staff id."""
    value = data.get(field)
    if value is None and not needed:
        return
    hint = f", e.g. {example}" if example else ""
    if value is None:
        near = did_you_mean(field, data)
        raise EventError(f"data.{field} is missing; it must be text of 1 to {MAX_NAME} characters{hint}.{near}")
    _check_name(value, f"data.{field}", hint)


def _check_name(value: object, path: str, hint: str = "") -> None:
    if not isinstance(value, str):
        raise EventError(f"{path} is {show(value)}; it must be text{hint}")
    if not 1 <= len(value) <= MAX_NAME or value.isspace():
        raise EventError(f"{path} has {len(value):,} characters; 1 to {MAX_NAME} are allowed, not only blanks")
    if _CONTROL.search(value):
        raise EventError(f"{path} {show(value)} contains a control character; remove it")


def _tag(data: Data) -> None:
    _name(data, "tag", example="装修意向")


def _stage(data: Data) -> None:
    _name(data, "value", example="意向客户")
    _name(data, "dimension", needed=False, example="stage")


def _friend_added(data: Data) -> None:
    _name(data, "staff", example="wangli")
    _name(data, "state", needed=False)


def _friend_removed(data: Data) -> None:
    _name(data, "staff", example="wangli")


def _message(data: Data) -> None:
    _name(data, "channel", needed=False, example="wecom")
    text = data.get("text")
    if text is not None and not isinstance(text, str):
        raise EventError(f"data.text is {show(text)}; what the customer wrote is text, or absent")


def _opt(data: Data) -> None:
    _name(data, "channel", needed=False, example="wecom; absent means all channels")


def _order(data: Data) -> None:
    order = data.get("order")
    if isinstance(order, int) and not isinstance(order, bool):
        return
    if order is not None and not isinstance(order, str):
        raise EventError(f"data.order is {show(order)}; it must be the order's number, as text or integer")
    _name(data, "order", example="SO-1001")


def _amount(data: Data) -> None:
    amount = data.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        fault = "is missing" if amount is None else f"is {show(amount)}"
        raise EventError(f"data.amount {fault}; it must be a number, without quotes or currency, e.g. 1299.00")


def _purchase(data: Data) -> None:
    _order(data)
    _amount(data)
    _name(data, "currency", needed=False, example="CNY")


def _customer(data: Data) -> None:
    for field in ("attributes", "staff", "addresses"):
        value = data.get(field)
        if value is not None and not isinstance(value, dict):
            raise EventError(f"data.{field} is {show(value)}; it must be an object")
    for role, person in (data.get("staff") or {}).items():
        _check_name(role, "the name of a role in data.staff")
        _check_name(person, f"data.staff.{role}", ", the id of a member of staff")
    zone = data.get("timezone")
    if zone is not None and not (isinstance(zone, str) and _known_zone(zone)):
        raise EventError(f"data.timezone {show(zone)} is not a known IANA zone; write it like `Asia/Shanghai`")


@lru_cache(maxsize=1024)
def _known_zone(name: str) -> bool:
    try:
        arithmetic.zone(name)
    except (ValueError, OSError):
        return False
    return True


PAYLOADS: dict[str, Check] = {
    "tag.added": _tag,
    "tag.removed": _tag,
    "stage.changed": _stage,
    "customer.updated": _customer,
    "friend.added": _friend_added,
    "friend.removed": _friend_removed,
    "message.received": _message,
    "message.opted_out": _opt,
    "message.opted_in": _opt,
    "purchase": _purchase,
    "purchase.refunded": _purchase,
}
"""Checks by type; each raises EventError."""
