"""Chance that is none: what is drawn for a customer is a function of names, and so is who is held out."""

from __future__ import annotations

import hashlib

from engine.core.definitions.sop import Sop


def held_out(sop: Sop, ref: str) -> bool:
    """Return whether the customer belongs to the SOP's comparison group."""
    return hash_fraction(ref, sop.sop, "holdout") * 100 < sop.holdout


def hash_fraction(*named: str) -> float:
    """Return a number in [0, 1), evenly spread over what it is drawn for (customer, SOP, purpose) and always the same for it."""
    digest = hashlib.blake2b("\x1f".join(named).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
