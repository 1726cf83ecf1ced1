"""The whole engine in one process, on real servers and a clock that tests move: what a story needs, and ways to stop it midway."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Self, TypeVar

from sqlalchemy import Connection

from engine import definitions_yaml
from engine.adapters.hint_queue import BestEffortHints
from engine.clocks import VirtualClock
from engine.core.definitions.catalog import Definitions
from engine.definitions_in_force import CurrentDefinitions
from engine.ports import Delivery, Rate, Receipt
from engine.services.pipeline.ingest import Ingest
from engine.services.pipeline.match import MatchRound
from engine.services.pipeline.send import Sent
from engine.services.rollout.apply import Applied
from engine.settings import Settings
from engine.store.database import Row, rows, run, transaction
from engine.wiring import CHANNEL_TYPES, Wiring

T = TypeVar("T")

START = datetime(2026, 3, 1, 2, tzinfo=UTC)
"""10:00 in Shanghai, when every story begins."""

ENGINE = """
timezone: Asia/Shanghai
attributes: {name: text, budget: number}
dimensions: {stage: {values: [新加好友, 意向客户, 成交客户]}}
channels: {log: {type: log}, second: {type: log}}
"""

LEAD = """
sop: lead
title: 培育
trigger: [{tag_added: vip}]
exit: [{replied: {contains: 预约}, as: 预约}]
defaults: {at: "10:00", channel: log}
steps:
  - {id: d1, day: 1, message: {text: 第一天}}
  - {id: d3, day: 3, message: {text: 第三天}}
"""

AT_ONCE = """
sop: hello
title: 欢迎
trigger: [{tag_added: new}]
defaults: {channel: log}
steps: [{id: hi, after: 1m, message: {text: 您好}}]
"""


class ScriptedChannel:
    """A channel in memory: remembers what it was given, answers what it was told to."""

    def __init__(self, name: str, *, honours_key: bool = True, batch_size: int = 100, concurrency: int = 2) -> None:
        self.name, self.honours_key, self.batch_size, self.concurrency = name, honours_key, batch_size, concurrency
        self.timeout = 5.0
        self.rate: Rate | None = None
        self.delivered: list[Delivery] = []
        self.answers: list[Receipt] = []
        """One for each coming delivery; when used up, everything is sent."""
        self.during: Callable[[], None] = lambda: None
        """Happens within the provider's call."""

    def send(self, deliveries: Sequence[Delivery]) -> list[Receipt]:
        self.delivered += deliveries
        self.during()
        return [self.answers.pop(0) if self.answers else Receipt("sent") for _ in deliveries]

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Customer and step of everything delivered, in order."""
        return [(each.customer, each.step) for each in self.delivered]


class ScriptedChannels:
    """Stands where `CurrentChannels` does: of the scripted channels, those the definitions in force name."""

    def __init__(self, current: CurrentDefinitions, channels: Mapping[str, ScriptedChannel]) -> None:
        self._current, self._channels = current, channels

    def read(self, connection: Connection) -> dict[str, ScriptedChannel]:
        defined = self._current.read(connection).engine.channels
        return {name: channel for name, channel in self._channels.items() if name in defined}


class WatchedDefinitions(CurrentDefinitions):
    """Definitions that tell when they are read: after a deciding transaction has its locks and what it decides on."""

    def __init__(self) -> None:
        super().__init__(CHANNEL_TYPES)
        self.before: Callable[[Connection], None] = lambda connection: None

    def read(self, connection: Connection) -> Definitions:
        self.before(connection)
        return super().read(connection)


class Process:
    """The services of one process of the installation. Processes share servers and clock, nothing else."""

    def __init__(
        self, database_url: str, redis_url: str, clock: VirtualClock, name: str, channels: Mapping[str, ScriptedChannel]
    ) -> None:
        self.wiring = Wiring(Settings(database_url=database_url, redis_url=redis_url, pool_size=6), name)  # type: ignore[arg-type]  # pydantic makes them secrets
        self.wiring.clock = clock
        self.wiring.engine.pool._pre_ping = False  # the server is there; two of five statements would be asking it
        self.definitions = WatchedDefinitions()
        self.wiring.current = self.definitions
        self.wiring.channels = ScriptedChannels(self.definitions, channels)  # type: ignore[assignment]  # the same `read`

    def match(self) -> MatchRound | None:
        """Match one batch of hints, None where none wait."""
        hints = self.wiring.hints.take(500, 0) or self.wiring.hints.take(500, 0)
        return self.wiring.matcher.run_once(hints) if hints else None

    def close(self) -> None:
        self.wiring.engine.dispose()
        self.wiring.redis.close()


class Pipeline(Process):
    """The engine as one process, told as a story: apply, post, let time pass, see what was sent."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self._urls = (database_url, redis_url)
        self.clock = VirtualClock(START)
        self.channels = {"log": ScriptedChannel("log"), "second": ScriptedChannel("second", honours_key=False)}
        super().__init__(*self._urls, self.clock, "first", self.channels)
        self.engine = self.wiring.engine
        self._numbers = itertools.count(1)
        self._intake = {
            True: Ingest(self.engine, self.clock, self.wiring.hints, lambda event: []),
            False: Ingest(self.engine, self.clock, LostHints(self.wiring.hints), lambda event: []),
        }
        self._others: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self._others, self]:
            process.close()

    @property
    def log(self) -> ScriptedChannel:
        """The channel `log`, which honours keys."""
        return self.channels["log"]

    @property
    def second(self) -> ScriptedChannel:
        """The channel `second`, which does not honour keys."""
        return self.channels["second"]

    def another(self, name: str = "second") -> Process:
        """Return a second process on the same servers."""
        process = Process(*self._urls, self.clock, name, self.channels)
        self._others.append(process)
        return process

    def apply(self, *sops: str, engine: str = ENGINE) -> Applied:
        """Put these SOPs in force, and nothing else."""
        return self.wiring.definition_applier.apply(sources(*sops, engine=engine), "somebody")

    def post(
        self,
        subject: str,
        kind: str,
        *,
        id: str | None = None,
        at: datetime | None = None,
        hint: bool = True,
        **data: Any,
    ) -> int:
        """Post an event as a CRM would; return its place in the inbox."""
        raw = {"source": "crm", "id": id or f"e{next(self._numbers)}", "type": kind, "subject": subject, "data": data}
        if at is not None:
            raw["time"] = at.isoformat()
        answer = self._intake[hint].accept([(0, raw)])
        assert not answer.rejected, answer.rejected
        return answer.ids[0]

    def tag(self, *subjects: str, tag: str = "vip") -> None:
        """Tag customers, and have that matched."""
        for subject in subjects:
            self.post(subject, "tag.added", tag=tag)
        self.match_all()

    def match_all(self) -> int:
        """Match until no hint is left; return how many events that was."""
        events = 0
        while (done := self.match()) is not None:
            events += done.events
        return events

    def plan(self) -> int:
        """Do what the planning task does; return how many touches that made."""
        self.wiring.overdue_rescheduler.run()
        self.wiring.channel_fallback.run()
        return self.wiring.planner.run().touches

    def send(self, channel: str = "log") -> Sent:
        """Send what is ready on a channel."""
        return self.wiring.sender.run(channel)

    def work(self) -> None:
        """Match, plan and send until nothing is left to do now."""
        while self.match_all() + self.plan() + sum(self.send(name).recorded for name in self.wiring.sender.ready()):
            pass

    def wait(self, **by: float) -> None:
        """Let business time pass."""
        self.clock.at += timedelta(**by)

    def wait_until(self, day: int, at: str = "10:00") -> None:
        """Let time pass until `at` in Shanghai, so many days after the story's first."""
        hours, minutes = map(int, at.split(":"))
        self.clock.at = START + timedelta(days=day, hours=hours - 10, minutes=minutes)

    def rows(self, statement: str, **values: Any) -> list[Row]:
        """Return what a query finds."""
        with transaction(self.engine) as connection:
            return rows(connection, statement, **values)

    def run(self, statement: str, **values: Any) -> None:
        """Change something by hand."""
        with transaction(self.engine) as connection:
            run(connection, statement, **values)

    def touches(self, step: str | None = None) -> list[Row]:
        """Return touches, with their customer's ref, in order of planning."""
        return self.rows(
            """select t.*, c.ref from touches t join customers c on c.id = t.customer_id
               where t.step = coalesce(:step, t.step) order by t.id""",
            step=step,
        )

    def touch(self, step: str) -> Row:
        """Return the one touch of this step."""
        (one,) = self.touches(step)
        return one

    def told(self) -> list[tuple[str, str, str | None]]:
        """Return step, status and reason of every touch."""
        return [(each.step, each.status, each.reason) for each in self.touches()]

    def timelines(self) -> list[Row]:
        """Return timelines, with their customer's ref, in order of their start."""
        return self.rows("select t.*, c.ref from timelines t join customers c on c.id = t.customer_id order by t.id")

    def timeline(self) -> Row:
        """Return the one timeline."""
        (one,) = self.timelines()
        return one

    def event(self, row: int) -> Row:
        """Return an event by its place in the inbox."""
        return self.rows("select * from events where id = :row", row=row)[0]

    def dead_letters(self) -> list[Row]:
        """Return what was set aside."""
        return self.rows("select * from dead_letters order by id")

    def hinted(self) -> list[str | None]:
        """Return whom the waiting hints name, and forget them."""
        hints = self.wiring.hints.take(1000, 0) or self.wiring.hints.take(1000, 0)
        self.wiring.hints.done([hint.id for hint in hints])
        return [hint.subject for hint in hints]


class LostHints(BestEffortHints):
    """A queue that loses what it is given."""

    def look_at(self, subjects: Sequence[str], *, careful: bool = False) -> None:
        pass


def many(pipeline: Pipeline, number: int) -> None:
    """Put so many customers at the first step of `lead`, due after a day."""
    pipeline.run(
        "insert into customers (ref) select 'm' || lpad(n::text, 6, '0') from generate_series(1, :n) n", n=number
    )
    pipeline.run(
        """insert into timelines (customer_id, sop, version, priority, anchor, started_at, start_id, event, state, next_step,
                                  step_due, due_at)
           select id, 'lead', 1, 50, :at, :at, 'crm/' || ref, '{"type": "tag.added", "data": {}}', 'active', 'd1', :due, :due
           from customers""",
        at=START,
        due=START + timedelta(days=1),
    )


@cache
def sources(*sops: str, engine: str = ENGINE) -> dict[str, tuple[str | None, str]]:
    """Return checked definitions as `apply` takes them."""
    texts = {"engine.yaml": engine, **{f"sops/{number}.yaml": sop for number, sop in enumerate(sorted(sops), 1)}}
    loaded = definitions_yaml.load_sources(texts, CHANNEL_TYPES)
    assert not loaded.errors, definitions_yaml.render_problems(loaded.errors)
    ids = {file: sop for sop, file in loaded.files.items()}
    return {f"sops/{ids[name]}.yaml" if name in ids else name: (ids.get(name), body) for name, body in texts.items()}
