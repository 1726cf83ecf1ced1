"""What is stored beside the reason for which an SOP did not start: values, which earlier versions wrote in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.core.definitions.base import parse_duration

_SINCE_OR_UNTIL = re.compile(r"(since|until) (\d{4}-\d\d-\d\dT\S+)")
_OLD = re.compile(r"(.+) old, at most (.+)")
_CLOCK = re.compile(r"(?:(\d+) days?, )?(\d+):(\d\d):(\d\d)")
"""How the first versions wrote a length: `3 days, 0:00:00`."""


def read_entry_detail(stored: str | Mapping[str, Any]) -> str | Mapping[str, Any]:
    """Return the values beside a reason: `since`, `until` (ISO 8601), `age_seconds` and `limit_seconds`; any other text as it is."""
    if not isinstance(stored, str):
        return stored
    if (found := _SINCE_OR_UNTIL.fullmatch(stored)) is not None:
        return {found[1]: found[2]}
    if (found := _OLD.fullmatch(stored)) is not None:
        return {"age_seconds": _seconds(found[1]), "limit_seconds": _seconds(found[2])}
    return stored


def _seconds(shown: str) -> float:
    if (found := _CLOCK.fullmatch(shown)) is not None:
        days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return sum(parse_duration(part).total_seconds() for part in shown.split())
