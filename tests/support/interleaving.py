"""Ways to stop a story midway: threads that wait, locks that are held, processes that die."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text

from engine.store.database import connect

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone: no handler of ours runs."""


def die(*_: object) -> None:
    """Be gone."""
    raise Killed


class Stop:
    """A place where a thread stops until it is told to go on."""

    def __init__(self) -> None:
        self._reached, self._go = threading.Event(), threading.Event()

    def __call__(self, *_: object) -> None:
        self._reached.set()
        assert self._go.wait(90), "nobody let it go on"

    def await_reached(self) -> None:
        assert self._reached.wait(90), "never came here"

    def go(self) -> None:
        self._go.set()


@contextmanager
def in_background(work: Callable[[], T]) -> Iterator[Future[T]]:
    """Run work in a thread; at the end of the block it must have come to an end too."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


def eventually(condition: Callable[[], T], what: str) -> T:
    """Return the condition's value once it is true."""
    end = time.monotonic() + 90
    while not (value := condition()):
        assert time.monotonic() < end, f"never so: {what}"
        threading.Event().wait(0.005)
    return value


def await_blocked(engine: Engine, number: int = 1) -> None:
    """Wait until so many sessions of this database wait for somebody else's lock."""
    statement = """select count(*) as n from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
                   and cardinality(pg_blocking_pids(pid)) > 0"""

    def blocked() -> bool:
        with engine.connect() as connection:
            return bool(connection.execute(text(statement)).scalar() >= number)  # type: ignore[operator]  # a count is a number

    eventually(blocked, "a session waits for a lock")


_GATE = 4711


@contextmanager
def gate_inside_locking(engine: Engine) -> Iterator[Callable[[], None]]:
    """Stop every statement that locks customers after it has its snapshot and before it has its locks; yield what opens the gate.

    It replaces the table by a view whose condition waits. That is the only moment at which reading in the locking statement
    and reading after it differ.
    """
    with engine.begin() as connection:
        connection.execute(text("alter table customers rename to customers_stored"))
        connection.execute(
            text(f"""
            create function gate() returns boolean language plpgsql volatile as $$ begin
                if current_query() like '%for no key update%' then perform pg_advisory_xact_lock_shared({_GATE}); end if;
                return true; end $$""")
        )
        connection.execute(text("create view customers as select * from customers_stored where gate()"))
    keeper = engine.connect()
    keeper.execute(text(f"select pg_advisory_lock({_GATE})"))
    keeper.commit()
    opened = False

    def opens() -> None:
        nonlocal opened
        if not opened:
            opened = True
            keeper.execute(text(f"select pg_advisory_unlock({_GATE})"))
            keeper.commit()

    try:
        yield opens
    finally:
        opens()
        keeper.close()


@contextmanager
def holding(engine: Engine, statement: str, **values: Any) -> Iterator[Connection]:
    """Hold, in a transaction of its own, what this statement locks; rolled back at the end unless committed."""
    with engine.connect() as connection:
        connection.execute(text(statement), values)
        try:
            yield connection
        finally:
            connection.rollback()


def separate(database_url: str) -> Engine:
    """Return connections of their own, with a short patience for locks."""
    engine = connect(database_url, pool_size=3, name="witness")
    with engine.connect() as connection:
        connection.execute(text("select 1"))
    return engine
