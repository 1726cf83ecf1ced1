"""Where the embedded servers answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

POSTGRESQL_PORT = 5432  # names the socket file only; nothing listens on TCP
VALKEY_SOCKET = "valkey.sock"
DATABASE = "sop"
DATABASE_USER = "sop"


@dataclass(frozen=True)
class Urls:
    """How to reach a pair of servers: `database_url` for SQLAlchemy with psycopg, `redis_url` for redis-py."""

    database_url: str
    redis_url: str


def socket_urls(sockets: Path) -> Urls:
    """Return the URLs of servers whose sockets are in the folder `sockets`."""
    query = urlencode({"host": str(sockets), "port": POSTGRESQL_PORT}, safe="/")
    return Urls(
        database_url=f"postgresql+psycopg://{DATABASE_USER}@/{DATABASE}?{query}",
        redis_url=f"unix://{quote(str(sockets / VALKEY_SOCKET))}?db=0",
    )


def broker_url(redis_url: str) -> str:
    """Return a Redis URL as Celery and kombu read it: `unix://` becomes `redis+socket://`, others stay as they are."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"
