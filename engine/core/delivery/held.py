"""What a hold's detail says, read again: the other reasons that led there, the cap, and the SOP that goes first."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CAP = re.compile(r"(?P<most>\d+)/(?P<days>\d+)d(?: (?P<channel>[^,]+))?(?:, (?P<rival>.+))?")


@dataclass(frozen=True, slots=True)
class HeldDetail:
    """The detail of what a gate holds back."""

    others: list[str]
    """Codes of the reasons that came before."""
    most: int | None = None
    """So many messages the cap allows; None where it is no cap that holds."""
    days: int | None = None
    channel: str | None = None
    rival: str | None = None
    """The SOP of higher priority that takes the room later the same day."""


def read_detail(detail: str | None) -> HeldDetail:
    """Return what `engine.core.delivery.gates` wrote: `quiet_hours; 1/1d sms, vip`."""
    parts = [each for each in (detail or "").split("; ") if each]
    found = _CAP.fullmatch(parts[-1]) if parts else None
    if found is None:
        return HeldDetail(parts)
    return HeldDetail(parts[:-1], int(found["most"]), int(found["days"]), found["channel"], found["rival"])
