"""The time of an event: RFC 3339 with an offset, or epoch seconds or milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from engine.core.errors import EventError
from engine.core.events.canonical_json import show
from engine.core.events.reading_faults import TIME
from engine.core.sentence import Sentence

MAX_AHEAD = timedelta(minutes=5)
"""An event's time may be so far ahead of its receipt (clocks differ), no further."""

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 1e11
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,12})?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)


def event_time(value: object, received_at: datetime) -> datetime:
    """Return when an event happened: what it says, when it was received where it says nothing. Raises EventError."""
    if value is None:
        return received_at
    moment = _moment(value)
    if not _EARLIEST <= moment < _LATEST:
        raise EventError(
            Sentence(
                "time {time} is outside 1970 to 2199; numbers are epoch seconds, or milliseconds from 1e11 on",
                time=show(value),
            )
        )
    if moment - received_at > MAX_AHEAD:
        raise EventError(
            Sentence(
                "time {time} is {span} ahead of its receipt ({receipt}); at most 5 minutes are allowed. "
                "Is it Beijing time labelled UTC? Beijing is +08:00",
                time=show(value),
                span=_span(moment - received_at),
                receipt=f"{received_at:%Y-%m-%dT%H:%M:%SZ}",
            )
        )
    return moment


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise EventError(
            Sentence(
                "time is {time}; write RFC 3339 with an offset, or epoch seconds or milliseconds", time=show(value)
            )
        )
    try:
        milliseconds = abs(value) >= _MILLISECONDS_FROM
        return datetime.fromtimestamp(value / 1000 if milliseconds else value, UTC)
    except (OverflowError, ValueError, OSError):
        raise EventError(
            Sentence("time {time} is no moment of this calendar; send epoch seconds or milliseconds", time=show(value))
        ) from None


def _from_text(value: str) -> datetime:
    shape = _RFC3339.fullmatch(value)
    if shape is None:
        raise EventError(
            Sentence("time {time} is not RFC 3339; write it like 2026-03-01T10:00:00+08:00", time=show(value))
        )
    if shape[2] is None:
        raise EventError(
            Sentence(
                "time {time} has no offset, so it names no moment; add +08:00 for Beijing, or Z for UTC",
                time=show(value),
            )
        )
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise EventError(
            Sentence("time {time} does not exist: {error}", time=show(value), error=TIME.said(str(error)))
        ) from None


def _span(span: timedelta) -> Sentence:
    minutes = int(span.total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return Sentence("{days} d {hours} h", days=days, hours=hours)
    if hours:
        return Sentence("{hours} h {minutes} min", hours=hours, minutes=minutes % 60)
    return Sentence("{minutes} min", minutes=minutes)
