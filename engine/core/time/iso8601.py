"""Dates and moments written in ISO 8601, as attributes, event data and conditions hold them.

How strict a reader is depends on who wrote the text: conditions read only what the database's function `moment_of` reads too,
dates that steps count from anything ISO 8601 allows. Events coming in are read in `engine.core.events.parse`, stricter still.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Any

from engine.core.time.arithmetic import zone

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])?)?"
)
"""Texts that are dates or moments; the database's function moment_of reads the same ones."""
_DATE_LENGTH = len("2026-01-31")


def moment_of(given: Any, zone_name: str) -> datetime:
    """Return a date (its first moment in the zone), a datetime, or ISO 8601 text of either as a moment in UTC.

    Raises TypeError, ValueError or OverflowError for anything else.
    """
    value = given
    if isinstance(value, str):
        if not _ISO.fullmatch(value):
            raise ValueError("not a date or moment")
        value = _read(value)
    if not isinstance(value, datetime):
        if not isinstance(value, date):
            raise TypeError("not a date")
        value = datetime.combine(value, time(), tzinfo=zone(zone_name))
    return (value if value.tzinfo else value.replace(tzinfo=zone(zone_name))).astimezone(UTC)


def as_date(value: Any, zone_name: str) -> date | None:
    """Return a date, a moment's date in the zone, or ISO 8601 text of either as a date; None for anything else.

    A moment without an offset is one of the zone's, as it is in conditions.
    """
    try:
        if isinstance(value, str):
            value = _read(value)
        if isinstance(value, datetime):
            return value.astimezone(zone(zone_name)).date() if value.tzinfo else value.date()
    except (ValueError, OverflowError):
        return None
    return value if isinstance(value, date) else None


def is_date(value: Any) -> bool:
    """Return whether this is the text of a date, or of a moment with its offset whose date is written with hyphens."""
    try:
        return (
            isinstance(value, str)
            and bool(date.fromisoformat(value[:_DATE_LENGTH]))
            and (len(value) == _DATE_LENGTH or is_datetime(value))
        )
    except ValueError:
        return False


def is_datetime(value: Any) -> bool:
    """Return whether this is the text of a moment with its offset."""
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _read(text: str) -> date:
    """Return the date or, of a longer text, the datetime that it says. Raises ValueError."""
    return date.fromisoformat(text) if len(text) == _DATE_LENGTH else datetime.fromisoformat(text)
