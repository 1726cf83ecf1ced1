"""What clocks are defined by, and since when each threshold of silence is: a new one concerns those who pass it from now on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.core.definitions.catalog import Definitions

Since = dict[str, dict[int, datetime]]
"""Clock → days of silence → since when that threshold is defined."""


def basis(definitions: Definitions) -> dict[str, Any]:
    """Return everything clocks depend on, as plain values: where it is the same, no clock needs to be looked at."""
    return {
        "timezone": definitions.engine.timezone,
        "clocks": {
            name: {
                "kinds": sorted(clock.kinds),
                "lifecycle": [list(level) for level in (clock.lifecycle or {}).items()],
                "thresholds": list(definitions.thresholds[name]),
            }
            for name, clock in definitions.engine.clocks.items()
        },
    }


def defined_since(definitions: Definitions, before: Mapping[str, Any], known: Since, now: datetime) -> Since:
    """Return since when each threshold is defined: new ones, and those of a clock that now counts other things, since now.

    Parameters:
        before: the basis of the definitions in force until now.
        known: since when theirs were defined.
    """
    return {
        name: {
            days: known.get(name, {}).get(days, now) if _counts_the_same(name, clock.kinds, before) else now
            for days in each
        }
        for name, each in definitions.thresholds.items()
        for clock in (definitions.engine.clocks[name],)
    }


def _counts_the_same(name: str, kinds: tuple[str, ...], before: Mapping[str, Any]) -> bool:
    clock = before.get("clocks", {}).get(name)
    return clock is not None and clock["kinds"] == sorted(kinds)
