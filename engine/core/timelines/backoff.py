"""How long a touch waits before it is tried again."""

from __future__ import annotations

import hashlib
from datetime import timedelta

MAX_TRIES = 8
"""After so many tries a touch has failed: with the waits below, after about an hour and a half."""

_FIRST, _LONGEST = 5.0, 3600.0


def retry_after(key: str, attempt: int, asked: float | None = None) -> timedelta:
    """Return the wait after try number `attempt` (from 1): 5, 15, 45 … seconds, an hour at most, never less than `asked` seconds.

    Up to a quarter is added, by the key, so that touches refused together do not come back together.
    """
    wait = min(_FIRST * 3 ** (attempt - 1), _LONGEST)
    spread = int.from_bytes(hashlib.blake2b(f"{key}:{attempt}".encode(), digest_size=4).digest(), "big") / 2**32
    return timedelta(seconds=max(wait, asked or 0.0) * (1 + spread / 4))
