"""The engine as one process that may die at any commit and is begun anew, on servers, time and channels that outlive it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import psycopg
import redis
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Engine, text

from engine import definitions_yaml
from engine.clocks import VirtualClock
from engine.definitions_in_force import CurrentDefinitions
from engine.services.pipeline.ingest import Ingest
from engine.settings import Settings
from engine.store.database import connect
from engine.wiring import CHANNEL_TYPES, Wiring
from tests.simulation.faults import Crash, Faults
from tests.support.pipeline import ScriptedChannel, ScriptedChannels

START = datetime(2026, 3, 5, 2, tzinfo=UTC)
"""A Thursday, 10:00 in Shanghai; three days before clocks go forward in New York."""

_EMPTY = """
    delete from customers; delete from events; delete from rejected_events; delete from dead_letters; delete from pauses;
    delete from crons; delete from joining; delete from rethresholding; delete from generations; delete from definitions
"""

_STATUS = """
    select exists (select 1 from events where matched_at is null) as events,
           exists (select 1 from customer_clocks where next_at <= %(now)s) as sweep,
           exists (select 1 from timelines where state = 'active' and due_at <= %(now)s)
             or exists (select 1 from touches where status = 'queued' and send_before <= %(now)s and limit_at > %(now)s) as plan,
           exists (select 1 from touches where status = 'sending') as sending,
           array(select distinct channel from touches where status = 'queued' and ready_at <= %(now)s order by 1) as send,
           least((select min(due_at) from timelines where state = 'active' and due_at > %(now)s),
                 (select min(next_at) from customer_clocks where next_at > %(now)s),
                 (select min(ready_at) from touches where status = 'queued' and ready_at > %(now)s),
                 (select min(send_before) from touches where status = 'queued' and send_before > %(now)s)) as next
"""


@lru_cache(maxsize=64)
def loaded(texts: tuple[tuple[str, str], ...]) -> Any:
    return _load_sources(dict(texts), CHANNEL_TYPES)


_load_sources = definitions_yaml.load_sources


class Definitions(CurrentDefinitions):
    """The definitions in force; the same texts are parsed once in a test run, as parsing is a pure function."""

    def load(self, connection: Connection, generation: int) -> Any:
        definitions_yaml.load_sources = lambda texts, _types: loaded(tuple(sorted(texts.items())))
        try:
            return super().load(connection, generation)
        finally:
            definitions_yaml.load_sources = _load_sources


@dataclass
class Process:
    """The engine on real servers, as one process that may die and is begun anew. Time, channels and servers outlive it."""

    database_url: str
    redis_url: str
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.redis = redis.Redis.from_url(self.redis_url)
        self.settings = Settings(database_url=self.database_url, redis_url=self.redis_url, hint_claim_after=1e-9)  # type: ignore[arg-type]  # pydantic makes them secrets
        self.watcher = psycopg.connect(
            self.database_url.replace("+psycopg", ""), autocommit=True, row_factory=namedtuple_row, prepare_threshold=1
        )
        self.engine = self._connected()
        with self.engine.begin() as connection:
            connection.execute(text("alter table definitions disable trigger definitions_immutable"))
            connection.execute(
                text(
                    "do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$"
                )
            )

    def _connected(self) -> Engine:
        engine = connect(self.database_url, pool_size=4)
        engine.pool._pre_ping = False  # the server is there; a quarter of all statements would be asking it
        self.faults.attach(engine)
        return engine

    def close(self) -> None:
        self.engine.dispose()
        self.watcher.close()
        self.redis.close()

    def empty(self) -> None:
        """Forget everything, and begin a process at the first moment of a history."""
        with self.engine.begin() as connection:
            connection.execute(text(_EMPTY))
        self.redis.flushdb()
        self.clock = VirtualClock(START)
        self.lease_time = timedelta()
        self.lose_hints = False
        self.channels = {"log": ScriptedChannel("log"), "second": ScriptedChannel("second", honours_key=False)}
        self.faults.crashes = 0
        self._begin()

    # ── dying and beginning anew ─────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        """Begin a process: everything it keeps in memory is new."""
        self.wiring = Wiring(self.settings)
        self.wiring.engine, self.wiring.clock = self.engine, self.clock
        self.wiring.current = Definitions(CHANNEL_TYPES)
        self.wiring.channels = ScriptedChannels(self.wiring.current, self.channels)  # type: ignore[assignment]  # the same `read`
        self.wiring.leases = lambda _connection: self.clock.at + self.lease_time
        self.ingest = Ingest(self.engine, self.clock, self.wiring.hints, lambda _event: [])

    def recover(self) -> None:
        """The process died: its connections are gone, and with them its locks; a new one does what every new one does."""
        self.engine.dispose()
        self.wiring.redis.close()
        self.engine = self._connected()
        self.faults.live_again()
        if self.lose_hints:
            self.redis.flushdb()
        self.lease_time += timedelta(hours=1)
        self._await_free_locks()
        self._begin()

    def _await_free_locks(self) -> None:
        while self.look("select 1 from pg_locks where locktype = 'advisory' and database = "
                         "(select oid from pg_database where datname = current_database())"):  # fmt: skip
            pass

    def _reconcile(self) -> None:
        """What the reconciler's tick does."""
        self.wiring.reconciler.run_once()
        self.wiring.operations.resumer.go_on()
        self.wiring.definition_applier.settle()
        self.wiring.clock_rebaser.run()

    def surely(self, *work: Callable[[], Any]) -> None:
        """Do the work although the process may die in it: then a new one begins with the reconciler's tick and does it again."""
        dead, todo = False, [*work, self._drain]
        while True:
            try:
                for each in [self._reconcile, *todo] if dead else todo:
                    each()
                return
            except Crash:
                dead = True
                self.recover()

    def look(self, statement: str, **values: Any) -> list[Any]:
        """Look into the database, beside the engine."""
        return self.watcher.execute(statement, values).fetchall()

    # ── working off ───────────────────────────────────────────────────────────────────────────────────────────

    def status(self) -> Any:
        return self.look(_STATUS, now=self.clock.at)[0]

    def _drain(self) -> None:
        """Let matcher, sweep, planner and senders do what is to be done now; ticks that would find nothing are left out."""
        for _ in range(1000):
            if not self._one_tick(self.status()):
                return
        raise AssertionError(f"the engine never comes to rest: {self.status()}")

    def _one_tick(self, status: Any) -> bool:
        if status.events:
            self._match()
        elif status.sweep:
            self.wiring.silence_sweeper.run()
        elif status.plan:
            self.wiring.overdue_rescheduler.run()
            self.wiring.planner.run()
        elif status.sending:
            self._reconcile()
        else:
            return sum(self.wiring.sender.run(name).claimed for name in status.send) > 0
        return True

    def _match(self) -> None:
        """What the matcher's loop does: with no hints left, look for customers whose hints got lost."""
        hints = self.wiring.hints.take(500, 0)
        if hints:
            self.wiring.matcher.run_once(hints)
        else:
            self.wiring.reconciler.hint_waiting()
