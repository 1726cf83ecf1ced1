"""API keys at rest: the hash of the secret, never the secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.store.database import Row, rows, run


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it is stored."""

    id: str
    digest: bytes
    name: str
    scopes: Sequence[str]


def insert(connection: Connection, key: KeyRecord, at: datetime) -> None:
    """Store a key."""
    run(
        connection,
        "insert into api_keys (id, hash, name, scopes, created_at) values (:id, :hash, :name, :scopes, :at)",
        id=key.id,
        hash=key.digest,
        name=key.name,
        scopes=list(key.scopes),
        at=at,
    )


def use(connection: Connection, key_id: str, at: datetime) -> Row | None:
    """Return hash, name and scopes of a key that is not revoked, noting that it was used; None where there is none."""
    found = rows(
        connection,
        "update api_keys set last_used_at = :at where id = :id and revoked_at is null returning hash, name, scopes",
        id=key_id,
        at=at,
    )
    return found[0] if found else None


def revoke(connection: Connection, key_id: str, at: datetime) -> bool:
    """End a key; return whether there was one to end."""
    return bool(
        run(connection, "update api_keys set revoked_at = :at where id = :id and revoked_at is null", id=key_id, at=at)
    )
