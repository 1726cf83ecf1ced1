"""What an HTTP answer, or none, means for a touch. Pure: no request is made here."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from engine.core.sentence import Sentence
from engine.ports import Receipt

LONGEST_WAIT = 86_400.0
"""Seconds. A provider that asks for more in Retry-After is asked again after this."""

OUTCOME_HEADER = "sop-outcome"
"""Of a 2xx answer: `handed` says that staff has it and must confirm first (`POST /v1/receipts`)."""

_TRY_AGAIN = frozenset({408, 425, 429})


def receipt(status: int, headers: Mapping[str, str]) -> Receipt:
    """Return what an answer means.

    Parameters:
        status: the HTTP status code.
        headers: the answer's headers, found whatever their case.
    """
    title = _title(status)
    if 200 <= status < 300:
        handed = headers.get(OUTCOME_HEADER, "").strip().lower() == "handed"
        return Receipt("handed" if handed else "sent", title)
    if status in _TRY_AGAIN or 500 <= status < 600:
        return Receipt("retry", title, retry_after=retry_after(headers))
    if 300 <= status < 400:
        said = Sentence(
            "{title}: redirects are not followed; put the final address into the channel's url", title=title
        )
        return Receipt("failed", said)
    return Receipt("failed", title)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for, at most `LONGEST_WAIT`; None if it is absent or cannot be read.

    A date is read against the answer's own Date, so that a wrong clock on either side does no harm; without one it is
    ignored.
    """
    wanted = headers.get("retry-after", "").strip()
    if wanted.isascii() and wanted.isdigit():
        return min(float(wanted), LONGEST_WAIT)
    try:
        wait = (parsedate_to_datetime(wanted) - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
    except (TypeError, ValueError, OverflowError):  # no date, one of them without a zone, or one beyond the calendar
        return None
    return min(max(wait, 0.0), LONGEST_WAIT)


def no_answer(error: BaseException) -> Receipt:
    """Return what a broken connection means; the detail names error classes only: messages may hold addresses."""
    innermost = error
    while (below := innermost.__cause__ or innermost.__context__) is not None:
        innermost = below
    kind, cause = type(error).__name__, type(innermost).__name__
    shown = kind if type(innermost) is type(error) else f"{kind} ({cause})"
    return Receipt("retry", Sentence("no answer: {error}", error=shown))


def too_late(seconds: float) -> Receipt:
    """Return what silence means: the receiver may have taken the touch, but it honours the key, so it is sent again."""
    return Receipt("retry", Sentence("no answer within {seconds} s", seconds=f"{seconds:g}"))


def _title(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
