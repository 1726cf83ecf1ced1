"""Places: so many at once of one kind of work, over all processes, kept by advisory locks of a session."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from engine.store.database import DatabaseUnavailable, is_disconnect, run, scalar


@contextmanager
def limit(engine: Engine, name: str, places: int) -> Iterator[bool]:
    """Yield True while holding one of the `places` of this name, False where all are taken. A dead holder's place is free.

    Raises DatabaseUnavailable where the database cannot be reached.
    """
    try:
        with engine.connect() as connection:
            number = _take(connection, name, places)
            try:
                yield number is not None
            finally:
                if number is not None:
                    _release(connection, number)
    except DBAPIError as error:
        if is_disconnect(error):
            raise DatabaseUnavailable from error
        raise


def _take(connection: Connection, name: str, places: int) -> int | None:
    number = None
    for candidate in (_number(name, index) for index in range(places)):
        if scalar(connection, "select pg_try_advisory_lock(:number)", number=candidate):
            number = candidate
            break
    connection.commit()
    return number


def _release(connection: Connection, number: int) -> None:
    try:
        run(connection, "select pg_advisory_unlock(:number)", number=number)
        connection.commit()
    except DBAPIError as error:
        if not is_disconnect(error):  # with its session, the place is free already
            raise


def _number(name: str, index: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{name}:{index}".encode(), digest_size=8).digest(), "big", signed=True)
