"""Connections, transactions and how values cross into SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import orjson
import psycopg
from psycopg.types.array import ListBinaryDumper
from psycopg.types.json import set_json_dumps, set_json_loads
from sqlalchemy import Connection, CursorResult, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from engine.core.errors import InstallationError
from engine.store.fragments import SqlFragment

T = TypeVar("T")

Row = Any
"""One row of a result; columns as attributes."""

_DEADLOCK, _SERIALIZATION = "40P01", "40001"


class DatabaseUnavailable(InstallationError):
    """The database cannot be reached; nothing was changed. Check SOP_DATABASE_URL and that PostgreSQL runs."""


def connect(url: str, *, pool_size: int = 5, name: str = "sop") -> Engine:
    """Return an engine for `url` with bounded waits. `name` shows up in pg_stat_activity."""
    set_json_dumps(to_json)
    set_json_loads(orjson.loads)
    url = url.replace("postgres://", "postgresql://", 1)
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        hide_parameters=True,  # errors end up in logs; what events carry must not
        pool_recycle=1800,
        connect_args={"application_name": name, "connect_timeout": 5},
    )
    event.listen(engine, "connect", _prepare_session)
    return engine


def _prepare_session(connection: psycopg.Connection[Any], _record: object) -> None:
    """Every session: UTC, never waiting for ever."""
    connection.execute("set timezone = 'UTC'")
    connection.execute("set lock_timeout = '10s'")
    connection.execute("set idle_in_transaction_session_timeout = '60s'")
    connection.adapters.register_dumper(list, ListBinaryDumper)
    connection.execute("set plan_cache_mode = force_generic_plan")
    connection.commit()


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One READ COMMITTED transaction: committed at the end, rolled back on an error.

    Raises DatabaseUnavailable where the database cannot be reached.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        if is_disconnect(error):
            raise DatabaseUnavailable from error
        raise


def is_disconnect(error: DBAPIError) -> bool:
    """Return whether the connection was lost (or only leads to a read-only server), so that nothing is known of a commit."""
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # the driver's own words: about the connection, or about a value it cannot send
        return bool(error.connection_invalidated) or isinstance(error, (OperationalError, InterfaceError))
    return bool(error.connection_invalidated) or state[:2] in ("08", "57") or state in ("25006", "53300")


def is_conflict(error: DBAPIError) -> bool:
    """Return whether the whole transaction should simply be tried again: a deadlock or a serialization failure."""
    return getattr(error.orig, "sqlstate", None) in (_DEADLOCK, _SERIALIZATION)


def retrying(engine: Engine, work: Callable[[Connection], T], *, tries: int = 5) -> T:
    """Run `work` in a transaction, the whole of it again after a deadlock, `tries` times at most.

    Raises what `work` raises, the deadlock too after the last try; DatabaseUnavailable where nobody answers.
    """
    for left in range(tries - 1, -1, -1):
        try:
            with transaction(engine) as connection:
                return work(connection)
        except DBAPIError as error:
            if not left or not is_conflict(error):
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def rows(connection: Connection, statement: str | SqlFragment, **values: Any) -> list[Row]:
    """Run a statement and return its rows."""
    return list(_execute(connection, statement, values).all())


def run(connection: Connection, statement: str | SqlFragment, **values: Any) -> int:
    """Run a statement and return how many rows it changed."""
    return _execute(connection, statement, values).rowcount


def scalar(connection: Connection, statement: str | SqlFragment, **values: Any) -> Any:
    """Run a statement and return the first column of its first row, None where there is none."""
    return _execute(connection, statement, values).scalar()


def _execute(connection: Connection, statement: str | SqlFragment, values: dict[str, Any]) -> CursorResult[Any]:
    """Run a literal, or a fragment with what it binds besides."""
    if isinstance(statement, SqlFragment):
        return connection.execute(text(statement.text), {**statement.values, **values})
    return connection.execute(text(statement), values)


def to_json(value: Any) -> str:
    """Return `value` as JSON text; dates and times as ISO 8601."""
    return orjson.dumps(value, default=_plain).decode()


def json_column(values: Iterable[Any]) -> list[str | None]:
    """Return values as JSON texts for an unnest parameter (`cast(:x as text[])`, then `::jsonb` per element)."""
    return [None if value is None else to_json(value) for value in values]


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
