"""API keys: made once, shown once, verified on every call without a query per call."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from sqlalchemy import Engine

from engine.core.errors import AccessError, SopError, did_you_mean
from engine.core.sentence import Sentence, codes
from engine.ports import Clock
from engine.store.database import transaction
from engine.store.operations import api_keys as store

SCOPES = ("events:write", "read", "operate", "admin")
"""What a key may do; `admin` implies all."""

CACHE_SECONDS = 20.0
"""A revoked key may still work so long."""

_CACHE_SIZE = 1024
_TOKEN = re.compile(r"sop_([0-9a-f]{12})_([A-Za-z0-9_-]{16,128})")


@dataclass(frozen=True, slots=True)
class Key:
    """Who is calling."""

    id: str
    name: str
    scopes: frozenset[str]

    def allows(self, scope: str) -> bool:
        """Return whether the key has this scope, or all."""
        return scope in self.scopes or "admin" in self.scopes


@dataclass(frozen=True, slots=True)
class _Known:
    digest: bytes
    key: Key | None
    until: float


class ApiKeys:
    """Creates and verifies API keys of the form ``sop_<id>_<secret>``."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._cache: OrderedDict[str, _Known] = OrderedDict()
        self._guard = threading.Lock()

    def create(self, name: str, scopes: Sequence[str]) -> str:
        """Store a new key and return it, the only time it can be read.

        Raises SopError for a scope that does not exist, or none at all.
        """
        for scope in scopes:
            if scope not in SCOPES:
                there = Sentence(
                    "scope `{scope}` does not exist; there are {scopes}.", scope=scope, scopes=codes(SCOPES)
                )
                raise SopError(there + did_you_mean(scope, SCOPES))
        if not scopes:
            raise SopError(Sentence("a key needs a scope; there are {scopes}", scopes=codes(SCOPES)))
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        record = store.KeyRecord(key_id, _digest(secret), name, sorted(set(scopes)))
        with transaction(self._engine) as connection:
            store.insert(connection, record, self._clock.now())
        return f"sop_{key_id}_{secret}"

    def revoke(self, key_id: str) -> bool:
        """End a key, here at once and in other processes within `CACHE_SECONDS`; return whether there was one."""
        with transaction(self._engine) as connection:
            ended = store.revoke(connection, key_id, self._clock.now())
        with self._guard:
            self._cache.pop(key_id, None)
        return ended

    def verify(self, token: str) -> Key:
        """Return whose token this is. Raises AccessError for a wrong one, DatabaseUnavailable where it cannot be looked up."""
        key = self.remembered(token)
        return key or self._checked(self._look_up(_parts(token)[0]), token)

    def remembered(self, token: str) -> Key | None:
        """Return whose token this is, if that can be told without a query. Raises AccessError for a wrong one."""
        key_id, _ = _parts(token)
        with self._guard:
            known = self._cache.get(key_id)
        return None if known is None or known.until < monotonic() else self._checked(known, token)

    def _checked(self, known: _Known, token: str) -> Key:
        matches = secrets.compare_digest(known.digest, _digest(_parts(token)[1]))
        if not matches or known.key is None:
            raise AccessError(Sentence("the API key is unknown or revoked; create one with `sop key create`"))
        return known.key

    def _look_up(self, key_id: str) -> _Known:
        with transaction(self._engine) as connection:
            row = store.use(connection, key_id, self._clock.now())
        key = Key(key_id, row.name, frozenset(row.scopes)) if row else None
        known = _Known(bytes(row.hash) if row else bytes(32), key, monotonic() + CACHE_SECONDS)
        with self._guard:
            self._cache[key_id] = known
            while len(self._cache) > _CACHE_SIZE:
                self._cache.popitem(last=False)
        return known


def _parts(token: str) -> tuple[str, str]:
    found = _TOKEN.fullmatch(token)
    if not found:
        raise AccessError(Sentence("this is not an API key; a key looks like `sop_<id>_<secret>`"))
    return found[1], found[2]


def _digest(secret: str) -> bytes:
    """SHA-256 is enough: the secret is 256 random bits, not a password."""
    return hashlib.sha256(secret.encode()).digest()
