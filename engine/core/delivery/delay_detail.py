"""What is stored beside the reason of a delay: the cap, who takes its room, what else held it back. As values, in JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_CAP = re.compile(r"(?P<most>\d+)/(?P<days>\d+)d(?: (?P<channel>[^,]+))?(?:, (?P<rival>.+))?")
"""A cap as rows of earlier versions have it: `1/1d sms, vip`."""


@dataclass(frozen=True, slots=True)
class DelayDetail:
    """The detail of what a gate holds back."""

    others: tuple[str, ...] = ()
    """Codes of the reasons that came before, in order."""
    most: int | None = None
    """So many messages the cap allows; None where it is no cap that holds."""
    days: int | None = None
    channel: str | None = None
    rival: str | None = None
    """The SOP of higher priority that takes the room later the same day."""

    def written(self) -> str | None:
        """Return it as rows hold it: `{"cap": {"max": 1, "days": 1, "channel": "sms"}, "rival": "vip", "after": ["quiet_hours"]}`."""
        cap = {"max": self.most, "days": self.days, **({"channel": self.channel} if self.channel else {})}
        values: dict[str, Any] = {"cap": cap} if self.most is not None else {}
        values |= {"rival": self.rival} if self.rival else {}
        values |= {"after": list(self.others)} if self.others else {}
        return json.dumps(values, ensure_ascii=False) if values else None


def read_detail(detail: str | None) -> DelayDetail:
    """Return what a row holds beside a delay's reason; earlier versions wrote `quiet_hours; 1/1d sms, vip`."""
    if detail is None or not detail.startswith("{"):
        return _of_earlier(detail or "")
    values = json.loads(detail)
    cap = values.get("cap", {})
    return DelayDetail(
        tuple(values.get("after", ())), cap.get("max"), cap.get("days"), cap.get("channel"), values.get("rival")
    )


def _of_earlier(detail: str) -> DelayDetail:
    parts = [each for each in detail.split("; ") if each]
    found = _CAP.fullmatch(parts[-1]) if parts else None
    if found is None:
        return DelayDetail(tuple(parts))
    return DelayDetail(tuple(parts[:-1]), int(found["most"]), int(found["days"]), found["channel"], found["rival"])
