"""A history, told to the real engine and to the model: the same must come out.

A history is plain data, so that one that fails can be printed, and run again by `replay`.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

import psycopg
import redis
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Engine, text

from engine import definitions_yaml
from engine.clocks import VirtualClock
from engine.core.errors import NotFound
from engine.current import CurrentDefinitions
from engine.embedded import EmbeddedServers
from engine.services.ingest import Ingest
from engine.settings import Settings, temporary_state_dir
from engine.store import invariants, schema
from engine.store.database import connect, transaction
from engine.store.pauses import Scope
from engine.wiring import CHANNEL_TYPES, Wiring
from tests.integration.pipeline import ScriptedChannel, ScriptedChannels
from tests.simulation import comparing
from tests.simulation.faults import Crash, Faults
from tests.simulation.model import Model
from tests.simulation.people import Happening

START = datetime(2026, 3, 5, 2, tzinfo=UTC)
"""A Thursday, 10:00 in Shanghai; three days before clocks go forward in New York."""

History = dict[str, Any]

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


@cache
def _loaded(texts: tuple[tuple[str, str], ...]) -> Any:
    return _load_sources(dict(texts), CHANNEL_TYPES)


_load_sources = definitions_yaml.load_sources


class Definitions(CurrentDefinitions):
    """The definitions in force; the same texts are parsed once in a test run, as parsing is a pure function."""

    def load(self, connection: Connection, generation: int) -> Any:
        definitions_yaml.load_sources = lambda texts, _types: _loaded(tuple(sorted(texts.items())))
        try:
            return super().load(connection, generation)
        finally:
            definitions_yaml.load_sources = _load_sources


@dataclass
class Play:
    """The engine on real servers, as one process that may die and is begun anew; and the model beside it."""

    database_url: str
    redis_url: str
    faults: Faults = field(default_factory=Faults)
    seen: Counter[str] = field(default_factory=Counter)
    """What took place → in how many histories."""

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

    # ── processes ─────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        """Begin a process: everything it keeps in memory is new."""
        self.wiring = Wiring(self.settings)
        self.wiring.engine, self.wiring.clock = self.engine, self.clock
        self.wiring.current = Definitions(CHANNEL_TYPES)
        self.wiring.channels = ScriptedChannels(self.wiring.current, self.channels)  # type: ignore[assignment]  # the same `read`
        self.wiring.leases = lambda _connection: self.clock.at + self.lease_time
        self.ingest = Ingest(self.engine, self.clock, self.wiring.hints, lambda _event: [])

    def _recover(self, lose_hints: bool) -> None:
        """The process died: its connections are gone, and with them its locks; a new one does what every new one does."""
        self.engine.dispose()
        self.wiring.redis.close()
        self.engine = self._connected()
        self.faults.live_again()
        if lose_hints:
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
        self.wiring.reconciling.run_once()
        self.wiring.operations.resuming.go_on()
        self.wiring.applying.settle()
        self.wiring.rethresholding.run()

    def _surely(self, *work: Callable[[], Any]) -> None:
        """Do the work although the process may die in it: then a new one begins with the reconciler's tick and does it again."""
        dead, todo = False, [*work, self._drain]
        while True:
            try:
                for each in [self._reconcile, *todo] if dead else todo:
                    each()
                return
            except Crash:
                dead = True
                self._recover(self.lose_hints)

    def look(self, statement: str, **values: Any) -> list[Any]:
        """Look into the database, beside the engine."""
        return self.watcher.execute(statement, values).fetchall()

    # ── a history ─────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, history: History) -> None:
        """Play a history; raises AssertionError where engine and model differ."""
        self._reset()
        for number, op in enumerate(history["ops"]):
            self.faults.plan([(n, when) for n, when in op.get("crash", [])])
            self.lose_hints = op.get("lose_hints", False)
            getattr(self, f"_{op['op']}")(number, op)
            self.faults.plan([])
        self._check()

    def _reset(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(_EMPTY))
        self.redis.flushdb()
        self.clock = VirtualClock(START)
        self.lease_time = timedelta()
        self.lose_hints = False
        self.channels = {"log": ScriptedChannel("log"), "second": ScriptedChannel("second", honours_key=False)}
        self.model = Model(START)
        self.applied_in_flight = False
        self.faults.crashes = 0
        self._begin()

    def _apply(self, _number: int, op: dict[str, Any]) -> None:
        texts = {"engine.yaml": json.dumps(op["engine"], ensure_ascii=False)}
        texts |= {f"sops/{sop['sop']}.yaml": json.dumps(sop, ensure_ascii=False, sort_keys=True) for sop in op["sops"]}
        loaded = _loaded(tuple(sorted(texts.items())))
        assert not loaded.errors, definitions_yaml.render_problems(loaded.errors)
        ids = {file: sop for sop, file in loaded.files.items()}
        sources = {name: (ids.get(name), body) for name, body in texts.items()}
        self.applied_in_flight |= bool(self.look("select 1 from timelines where state = 'active' limit 1"))
        self._surely(partial(self.wiring_apply, sources))
        self.model.apply(op["engine"], op["sops"])
        self.model.work()

    def wiring_apply(self, sources: dict[str, tuple[str | None, str]]) -> None:
        """What the command does."""
        if self.wiring.applying.apply(sources, "somebody").clocks_differ:
            self.wiring.rethresholding.run()

    def _post(self, number: int, op: dict[str, Any]) -> None:
        time = self.clock.at - timedelta(hours=op.get("late", 0))
        event = {
            "source": "crm",
            "id": op.get("id", f"e{number}"),
            "type": op["type"],
            "subject": op["who"],
            "data": op["data"],
        }
        if op.get("late"):
            event["time"] = time.isoformat()
        post = partial(self._post_once, event)
        self.model.post(op["who"], Happening(str(event["id"]), op["type"], op["data"], time, self.clock.at))
        if op.get("unworked"):
            self._unworked(post)
            return
        self._surely(post)
        self.model.work()

    def _post_once(self, event: dict[str, Any]) -> None:
        answer = self.ingest.accept([(0, event)])
        assert not answer.rejected or "other body" in answer.rejected[0].error, answer.rejected

    def _unworked(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Crash:
            self._recover(self.lose_hints)
            self._unworked(work)

    def _pass(self, _number: int, op: dict[str, Any]) -> None:
        """Time passes: whatever is due is done when it is due."""
        self._both_work()
        target = self.clock.at + timedelta(hours=op["hours"])
        while (at := min(filter(None, (self._status().next, self.model.next_moment())), default=target)) < target:
            self.clock.at = self.model.now = max(at, self.clock.at + timedelta(microseconds=1))
            self._both_work()
        self.clock.at = self.model.now = target
        self._both_work()

    def _both_work(self) -> None:
        self._surely()
        self.model.work()

    def _outage(self, _number: int, op: dict[str, Any]) -> None:
        """Nothing runs for so long."""
        self.clock.at = self.model.now = self.clock.at + timedelta(hours=op["hours"])
        self._both_work()

    def _pause(self, _number: int, op: dict[str, Any]) -> None:
        self._surely(partial(self._operate, "pausing", "pause", Scope(op["kind"], op["name"])))
        self.model.pause(op["kind"], op["name"])
        self.model.work()

    def _resume(self, _number: int, op: dict[str, Any]) -> None:
        self._surely(partial(self._operate, "resuming", "resume", Scope(op["kind"], op["name"])))
        self.model.resume(op["kind"], op["name"])
        self.model.work()

    def _operate(self, service: str, verb: str, scope: Scope) -> None:
        """What the command does; an SOP that is not in force is refused."""
        with suppress(NotFound):
            getattr(getattr(self.wiring.operations, service), verb)(scope, "somebody")

    # ── working off ───────────────────────────────────────────────────────────────────────────────────────────

    def _status(self) -> Any:
        return self.look(_STATUS, now=self.clock.at)[0]

    def _drain(self) -> None:
        """Let matcher, sweep, planner and senders do what is to be done now; ticks that would find nothing are left out."""
        for _ in range(1000):
            if not self._one_tick(self._status()):
                return
        raise AssertionError(f"the engine never comes to rest: {self._status()}")

    def _one_tick(self, status: Any) -> bool:
        if status.events:
            self._match()
        elif status.sweep:
            self.wiring.sweeping.run()
        elif status.plan:
            self.wiring.holding_anew.run()
            self.wiring.planning.run()
        elif status.sending:
            self._reconcile()
        else:
            return sum(self.wiring.sending.run(name).claimed for name in status.send) > 0
        return True

    def _match(self) -> None:
        """What the matcher's loop does: with no hints left, look for customers whose hints got lost."""
        hints = self.wiring.hints.take(500, 0)
        if hints:
            self.wiring.matching.run_once(hints)
        else:
            self.wiring.reconciling.hint_waiting()

    # ── comparing ─────────────────────────────────────────────────────────────────────────────────────────────

    def _check(self) -> None:
        differences = comparing.differences(self.look, self.model)
        assert not differences, "\n".join(differences)
        assert not (wrong := comparing.deliveries(self.look, self.channels, crashed=self.faults.crashes > 0)), wrong
        with transaction(self.engine) as connection:
            assert not (broken := invariants.count(connection, self.clock.at)), broken
        dead = self.look("select kind, error from dead_letters where kind <> 'cascade'")
        assert not dead, dead
        self.seen.update(comparing.met(self.model, self.faults.crashes, self.applied_in_flight))


def replay(history: History) -> None:
    """Play one history on servers of its own, as it is printed where one fails."""
    folder = temporary_state_dir("sop-replay-")
    with EmbeddedServers.start(folder, throwaway=True) as servers:
        upgraded = connect(servers.database_url)
        schema.upgrade(upgraded)
        upgraded.dispose()
        play = Play(servers.database_url, servers.redis_url)
        play.run(history)
        play.close()
    shutil.rmtree(folder, ignore_errors=True)
