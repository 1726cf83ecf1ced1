"""The canonical JSON of an event's body: its text, its hash, and the check that PostgreSQL can store it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from math import isfinite
from typing import Any

from engine.core.errors import EventError
from engine.core.sentence import Sentence

MAX_NESTING = 32
"""Objects and lists may be nested so deep."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_LONG = re.compile(rb"[0-9]{19}")
_LARGEST, _SMALLEST = 2**64, -(2**63)
_SHOWN = 60


def text(head: Sequence[str | None], data: dict[str, Any]) -> bytes:
    """Return what identifies an event and its data as canonical JSON: sorted keys, no spaces, UTF-8.

    Raises EventError for data that PostgreSQL cannot store or that would lose digits, with its place.
    """
    try:
        written = _ENCODER.encode([*head, data]).encode()
    except (ValueError, TypeError, RecursionError):
        _check(data)
        raise EventError(
            Sentence("the event holds a value that JSON does not know; send text, numbers, true, false, null")
        ) from None
    if _suspect(written):
        _check(data)
    return written


def _suspect(written: bytes) -> bool:
    """Return whether the text has to be walked through: too many brackets to be sure of the nesting, NUL, large numbers."""
    return (
        written.count(b"{") + written.count(b"[") > MAX_NESTING
        or b"\\u0000" in written
        or b"e+" in written
        or _LONG.search(written) is not None
    )


def digest(body: bytes) -> bytes:
    """Return the hash of a canonical text."""
    return hashlib.blake2b(body, digest_size=32).digest()


def show(value: object) -> str:
    """Return a value as it is named in a message: shortened, without control characters."""
    if isinstance(value, (dict, list)):
        return Sentence("an object") if isinstance(value, dict) else Sentence("a list")
    shown = repr(value) if isinstance(value, str) else json.dumps(value, default=lambda other: type(other).__name__)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"


def _check(data: object) -> None:
    """Raise EventError naming the first value that cannot be stored. A stack of its own: nesting may be hostile."""
    waiting: list[tuple[object, str, int]] = [(data, "data", 1)]
    while waiting:
        value, path, depth = waiting.pop()
        if isinstance(value, (dict, list)):
            if depth > MAX_NESTING:
                raise EventError(
                    Sentence("{path} is nested more than {most} deep; flatten it", path=_short(path), most=MAX_NESTING)
                )
            waiting.extend(_inside(value, path, depth))
        else:
            _check_scalar(value, path)


def _inside(value: dict[str, Any] | list[Any], path: str, depth: int) -> list[tuple[object, str, int]]:
    if isinstance(value, list):
        return [(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    for key in value:
        _check_scalar(key, f"{path}.{key}")
    return [(item, f"{path}.{key}", depth + 1) for key, item in value.items()]


def _check_scalar(value: object, path: str) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise EventError(
                Sentence("{path} contains a NUL character, which PostgreSQL cannot store; remove it", path=_short(path))
            )
        if any("\ud800" <= each <= "\udfff" for each in value):
            raise EventError(
                Sentence("{path} contains half a surrogate pair (a cut emoji?); send valid Unicode", path=_short(path))
            )
    elif isinstance(value, float) and not isfinite(value):
        raise EventError(Sentence("{path} is not a number (NaN or Infinity); send a number or null", path=_short(path)))
    elif isinstance(value, (int, float)) and not _SMALLEST <= value < _LARGEST:
        raise EventError(
            Sentence("{path} is a number beyond 64 bits and would lose digits; send it as text", path=_short(path))
        )


def _short(path: str) -> str:
    """Return a path as text that is safe to print: escaped, its middle left out."""
    safe = path.encode("unicode_escape").decode() if not path.isprintable() else path
    return safe if len(safe) <= 2 * _SHOWN else f"{safe[:_SHOWN]}…{safe[-_SHOWN:]}"
