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
from datetime import timedelta
from functools import partial
from typing import Any

from engine import definitions_yaml
from engine.core.errors import NotFound
from engine.embedded import EmbeddedServers
from engine.settings import temporary_state_dir
from engine.store import schema
from engine.store.database import connect, transaction
from engine.store.reports import invariants
from engine.store.state.pauses import Scope
from tests.simulation import comparing
from tests.simulation.faults import Crash
from tests.simulation.model import Model
from tests.simulation.process import START, Process, loaded
from tests.simulation.timelines import Happening

History = dict[str, Any]


@dataclass
class Play(Process):
    """A process, and the model beside it."""

    seen: Counter[str] = field(default_factory=Counter)
    """What took place → in how many histories."""

    def run(self, history: History) -> None:
        """Play a history; raises AssertionError where engine and model differ."""
        self.empty()
        self.model, self.applied_in_flight = Model(START), False
        for number, op in enumerate(history["ops"]):
            self.faults.plan([(n, when) for n, when in op.get("crash", [])])
            self.lose_hints = op.get("lose_hints", False)
            getattr(self, f"_{op['op']}")(number, op)
            self.faults.plan([])
        self._check()

    def _apply(self, _number: int, op: dict[str, Any]) -> None:
        texts = {"engine.yaml": json.dumps(op["engine"], ensure_ascii=False)}
        texts |= {f"sops/{sop['sop']}.yaml": json.dumps(sop, ensure_ascii=False, sort_keys=True) for sop in op["sops"]}
        parsed = loaded(tuple(sorted(texts.items())))
        assert not parsed.errors, definitions_yaml.render_problems(parsed.errors)
        ids = {file: sop for sop, file in parsed.files.items()}
        sources = {name: (ids.get(name), body) for name, body in texts.items()}
        self.applied_in_flight |= bool(self.look("select 1 from timelines where state = 'active' limit 1"))
        self.surely(partial(self.wiring_apply, sources))
        self.model.apply(op["engine"], op["sops"])
        self.model.work()

    def wiring_apply(self, sources: dict[str, tuple[str | None, str]]) -> None:
        """What the command does."""
        if self.wiring.definition_applier.apply(sources, "somebody").clocks_differ:
            self.wiring.clock_rebaser.run()

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
        self.surely(post)
        self.model.work()

    def _post_once(self, event: dict[str, Any]) -> None:
        answer = self.ingest.accept([(0, event)])
        assert not answer.rejected or "other body" in answer.rejected[0].error, answer.rejected

    def _unworked(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Crash:
            self.recover()
            self._unworked(work)

    def _pass(self, _number: int, op: dict[str, Any]) -> None:
        """Time passes: whatever is due is done when it is due."""
        self._both_work()
        target = self.clock.at + timedelta(hours=op["hours"])
        while (at := min(filter(None, (self.status().next, self.model.next_moment())), default=target)) < target:
            self.clock.at = self.model.now = max(at, self.clock.at + timedelta(microseconds=1))
            self._both_work()
        self.clock.at = self.model.now = target
        self._both_work()

    def _both_work(self) -> None:
        self.surely()
        self.model.work()

    def _outage(self, _number: int, op: dict[str, Any]) -> None:
        """Nothing runs for so long."""
        self.clock.at = self.model.now = self.clock.at + timedelta(hours=op["hours"])
        self._both_work()

    def _pause(self, _number: int, op: dict[str, Any]) -> None:
        self.surely(partial(self._operate, "pauser", "pause", Scope(op["kind"], op["name"])))
        self.model.pause(op["kind"], op["name"])
        self.model.work()

    def _resume(self, _number: int, op: dict[str, Any]) -> None:
        self.surely(partial(self._operate, "resumer", "resume", Scope(op["kind"], op["name"])))
        self.model.resume(op["kind"], op["name"])
        self.model.work()

    def _operate(self, service: str, verb: str, scope: Scope) -> None:
        """What the command does; an SOP that is not in force is refused."""
        with suppress(NotFound):
            getattr(getattr(self.wiring.operations, service), verb)(scope, "somebody")

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
