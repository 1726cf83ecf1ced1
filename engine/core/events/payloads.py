"""What the data of each known type of event must hold. Other types are free."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from engine.core.errors import EventError, did_you_mean
from engine.core.events.canonical_json import show
from engine.core.sentence import Sentence
from engine.core.time import arithmetic

MAX_NAME = 200
"""Characters a tag, value, channel, staff id or order may have."""

Data = dict[str, Any]
Check = Callable[[Data], None]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_HINT = Sentence("")
_ALL_WITHOUT = Sentence(", e.g. wecom; absent means all channels")
_ROLE, _PERSON = Sentence("the name of a role in data.staff"), Sentence(", the id of a member of staff")


def _name(data: Data, field: str, *, needed: bool = True, example: str = "") -> None:
    """A short text that is looked up or shown: a tag, a value, a staff id."""
    value = data.get(field)
    if value is None and not needed:
        return
    if value is None:
        near = did_you_mean(field, data)
        raise EventError(
            Sentence(
                "data.{field} is missing; it must be text of 1 to {most} characters{hint}.",
                field=field,
                most=MAX_NAME,
                hint=_hint(example),
            )
            + near
        )
    _check_name(value, f"data.{field}", _hint(example))


@lru_cache(maxsize=64)
def _hint(example: str) -> Sentence:
    """Return what shows how to write it: an example, or a sentence with one."""
    if not example or isinstance(example, Sentence):
        return example if isinstance(example, Sentence) else _NO_HINT
    return Sentence(", e.g. {example}", example=example)


def _check_name(value: object, path: str, hint: Sentence = _NO_HINT) -> None:
    if not isinstance(value, str):
        raise EventError(Sentence("{path} is {value}; it must be text{hint}", path=path, value=show(value), hint=hint))
    if not 1 <= len(value) <= MAX_NAME or value.isspace():
        raise EventError(
            Sentence(
                "{path} has {number:,} characters; 1 to {most} are allowed, not only blanks",
                path=path,
                number=len(value),
                most=MAX_NAME,
            )
        )
    if _CONTROL.search(value):
        raise EventError(
            Sentence("{path} {value} contains a control character; remove it", path=path, value=show(value))
        )


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
        raise EventError(Sentence("data.text is {value}; what the customer wrote is text, or absent", value=show(text)))


def _opt(data: Data) -> None:
    _name(data, "channel", needed=False, example=_ALL_WITHOUT)


def _order(data: Data) -> None:
    order = data.get("order")
    if isinstance(order, int) and not isinstance(order, bool):
        return
    if order is not None and not isinstance(order, str):
        raise EventError(
            Sentence("data.order is {value}; it must be the order's number, as text or integer", value=show(order))
        )
    _name(data, "order", example="SO-1001")


def _amount(data: Data) -> None:
    amount = data.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise EventError(_no_amount(amount))


def _no_amount(amount: object) -> Sentence:
    if amount is None:
        return Sentence("data.amount is missing; it must be a number, without quotes or currency, e.g. 1299.00")
    return Sentence(
        "data.amount is {value}; it must be a number, without quotes or currency, e.g. 1299.00", value=show(amount)
    )


def _purchase(data: Data) -> None:
    _order(data)
    _amount(data)
    _name(data, "currency", needed=False, example="CNY")


def _customer(data: Data) -> None:
    for field in ("attributes", "staff", "addresses"):
        value = data.get(field)
        if value is not None and not isinstance(value, dict):
            raise EventError(Sentence("data.{field} is {value}; it must be an object", field=field, value=show(value)))
    for role, person in (data.get("staff") or {}).items():
        _check_name(role, _ROLE)
        _check_name(person, f"data.staff.{role}", _PERSON)
    zone = data.get("timezone")
    if zone is not None and not (isinstance(zone, str) and _known_zone(zone)):
        raise EventError(
            Sentence("data.timezone {value} is not a known IANA zone; write it like `Asia/Shanghai`", value=show(zone))
        )


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
