"""The only place where parts are put together: settings in, working services out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any

import redis
from dotenv import dotenv_values
from sqlalchemy import Engine

from engine import embedded
from engine.adapters.hint_queue import BestEffortHints, RedisHintQueue
from engine.adapters.hint_queue import connect as connect_queue
from engine.adapters.rate_limits import RedisRates
from engine.channels import registry
from engine.clocks import LeaseClock, SteppedClock, WallClock, database_lease_clock, wall_now
from engine.core.customers import facts
from engine.core.errors import InstallationError
from engine.core.events.event import Event
from engine.core.sentence import Sentence
from engine.definitions_in_force import CurrentChannels, CurrentDefinitions
from engine.operations import Operations, operations_on
from engine.ports import Channel, Clock, HintQueue, Rates
from engine.runtime import Runtime
from engine.services.operations.api_keys import ApiKeys
from engine.services.pipeline.fallback import ChannelFallback
from engine.services.pipeline.ingest import Ingest
from engine.services.pipeline.match import Matcher
from engine.services.pipeline.plan import Planner
from engine.services.pipeline.receipts import ReceiptRecorder
from engine.services.pipeline.reconcile import Reconciler
from engine.services.pipeline.reschedule import OverdueRescheduler
from engine.services.pipeline.send import Sender
from engine.services.reports.explain import CustomerExplainer
from engine.services.reports.overview import Overview
from engine.services.reports.readiness import Readiness
from engine.services.reports.results import ResultsReporter
from engine.services.reports.sop_report import SopReporter
from engine.services.rollout.apply import DefinitionApplier
from engine.services.rollout.plan_apply import ApplyPlanner
from engine.services.rollout.preview_segments import SegmentPreviewer
from engine.services.rollout.simulate import Simulator
from engine.services.rollout.versions import VersionHistory
from engine.services.scheduled.enrol_existing import ExistingEnroller
from engine.services.scheduled.rebase_clocks import ClockRebaser
from engine.services.scheduled.refresh_segments import SegmentRefresher
from engine.services.scheduled.run_schedules import ScheduleRunner
from engine.services.scheduled.sweep_silence import SilenceSweeper
from engine.settings import Settings
from engine.store.database import connect, transaction

CHANNEL_TYPES = {name: kind.config for name, kind in registry.TYPES.items()}
"""Channel type → the model that its section of engine.yaml must fit."""

_HINT_PATIENCE = 1.0
"""Seconds for which intake waits for the queue; a lost hint costs less than a slow answer."""

_HINT_PAUSE = 5.0
"""Seconds in which intake tries no hint after one was lost; the reconciler finds what waits."""

_DEFINITIONS_KNOWN_FOR = 2.0
"""Seconds for which intake's warnings go by the definitions read last."""


class NoServers(InstallationError):
    """There are no servers; start `sop up`, or set SOP_DATABASE_URL and SOP_REDIS_URL."""

    def __init__(self, folder: Path) -> None:
        self.text = Sentence(
            "no servers: nothing runs on {folder}, and SOP_DATABASE_URL and SOP_REDIS_URL are not both set",
            folder=folder,
        )
        self.remedy = Sentence("start `sop up`, or set both")
        super().__init__(Sentence.joined([self.text, self.remedy]))


def urls(settings: Settings) -> tuple[str, str]:
    """Return the URLs of database and Redis: as set, else of the embedded servers running on the state folder.

    Raises NoServers where one is neither set nor running.
    """
    database = settings.database_url.get_secret_value() if settings.database_url else None
    queue = settings.redis_url.get_secret_value() if settings.redis_url else None
    if database and queue:
        return database, queue
    found = embedded.running(settings.state_dir)
    if found is None:
        raise NoServers(settings.state_dir)
    return database or found.database_url, queue or found.redis_url


def channel_environment() -> dict[str, str]:
    """Return what `${NAME}` in a channel's section is replaced from: `.env`, and over it the environment."""
    return {**{name: value for name, value in dotenv_values(".env").items() if value is not None}, **os.environ}


@dataclass
class Wiring:
    """All parts of one process, each made when first asked for."""

    settings: Settings
    name: str = "sop"
    """What the process calls itself, in the database and as a consumer of hints."""
    _definitions_known_until: float = field(default=0.0, init=False)

    @cached_property
    def urls(self) -> tuple[str, str]:
        """URLs of database and Redis."""
        return urls(self.settings)

    @cached_property
    def engine(self) -> Engine:
        """The database."""
        return connect(self.urls[0], pool_size=self.settings.pool_size, name=f"sop {self.name}")

    @cached_property
    def redis(self) -> redis.Redis:
        """The Redis client."""
        return connect_queue(self.urls[1])

    @cached_property
    def clock(self) -> Clock:
        """Business time."""
        return SteppedClock(self.engine) if self.settings.clock == "stepped" else WallClock()

    @cached_property
    def leases(self) -> LeaseClock:
        """What leases run on: the database's time."""
        return database_lease_clock

    @cached_property
    def hints(self) -> HintQueue:
        """The queue of hints."""
        claim_after = round(self.settings.hint_claim_after * 1000)
        return BestEffortHints(RedisHintQueue(self.redis, f"{self.name}-{os.getpid()}", claim_after_ms=claim_after))

    @cached_property
    def current(self) -> CurrentDefinitions:
        """The definitions in force."""
        return CurrentDefinitions(CHANNEL_TYPES)

    @property
    def runtime(self) -> Runtime:
        """What nearly every service works with."""
        return Runtime(self.engine, self.clock, self.hints, self.current)

    @cached_property
    def channels(self) -> CurrentChannels:
        """The channels in force."""
        environment = channel_environment()

        def build(name: str, config: Mapping[str, Any]) -> Channel:
            return registry.build(name, config, environment, wall=wall_now)

        return CurrentChannels(self.current, build)

    @cached_property
    def rates(self) -> Rates:
        """How fast channels may be called."""
        return RedisRates(self.redis)

    @cached_property
    def ingest(self) -> Ingest:
        """Takes events in; no call waits long for its hints."""
        hints = BestEffortHints(RedisHintQueue(self.redis, self.name), _HINT_PATIENCE, _HINT_PAUSE)
        return Ingest(self.engine, self.clock, hints, self._warn)

    def _warn(self, event: Event) -> list[Sentence]:
        """Return what of an event would be dropped under the definitions in force (as known a few seconds ago)."""
        if monotonic() > self._definitions_known_until:
            self._definitions_known_until = monotonic() + _DEFINITIONS_KNOWN_FOR
            with transaction(self.engine) as connection:
                self.current.read(connection)
        return facts.warnings(event, self.current.last.engine, self.current.last.segments)

    @cached_property
    def customer_explainer(self) -> CustomerExplainer:
        """Tells customers' stories."""
        return CustomerExplainer(self.runtime)

    @cached_property
    def sop_reporter(self) -> SopReporter:
        """Tells what SOPs did over a time."""
        return SopReporter(self.runtime)

    @cached_property
    def results_reporter(self) -> ResultsReporter:
        """Counts what came of SOPs."""
        return ResultsReporter(self.runtime)

    @cached_property
    def overview(self) -> Overview:
        """Tells how things stand."""
        return Overview(self.runtime)

    @cached_property
    def api_keys(self) -> ApiKeys:
        """API keys."""
        return ApiKeys(self.engine, self.clock)

    @cached_property
    def readiness(self) -> Readiness:
        """What the installation lacks."""
        return Readiness(self.engine, RedisHintQueue(self.redis, self.name))

    @cached_property
    def matcher(self) -> Matcher:
        """The matcher's service."""
        return Matcher(self.runtime)

    @cached_property
    def planner(self) -> Planner:
        """The planner's service."""
        return Planner(self.runtime, self.settings.plan_batch)

    @cached_property
    def overdue_rescheduler(self) -> OverdueRescheduler:
        """Reschedules what missed its hours."""
        return OverdueRescheduler(self.runtime)

    @cached_property
    def channel_fallback(self) -> ChannelFallback:
        """Takes the next channel where staff did not confirm."""
        return ChannelFallback(self.runtime)

    @cached_property
    def receipt_recorder(self) -> ReceiptRecorder:
        """Takes what is told of touches afterwards."""
        return ReceiptRecorder(self.engine, self.clock)

    @cached_property
    def silence_sweeper(self) -> SilenceSweeper:
        """Finds silent customers."""
        return SilenceSweeper(self.runtime, self.settings.sweep_cron)

    @cached_property
    def clock_rebaser(self) -> ClockRebaser:
        """Sets clocks anew when their definition has changed."""
        return ClockRebaser(self.runtime)

    @cached_property
    def schedule_runner(self) -> ScheduleRunner:
        """Finds who enters by a date or a schedule."""
        return ScheduleRunner(self.runtime)

    @cached_property
    def existing_enroller(self) -> ExistingEnroller:
        """Takes in who was there before an SOP."""
        return ExistingEnroller(self.runtime)

    @cached_property
    def segment_refresher(self) -> SegmentRefresher:
        """Refreshes numbers and computed dimensions."""
        return SegmentRefresher(self.runtime)

    @cached_property
    def segment_previewer(self) -> SegmentPreviewer:
        """Counts segments and the moves a refresh would make."""
        return SegmentPreviewer(self.runtime)

    @cached_property
    def simulator(self) -> Simulator:
        """Simulates on what is recorded."""
        return Simulator(self.runtime, CHANNEL_TYPES)

    @cached_property
    def operations(self) -> Operations:
        """What operators may do."""
        return operations_on(self.runtime, self.channels)

    @cached_property
    def sender(self) -> Sender:
        """The sender's service."""
        return Sender(self.runtime, self.leases, self.channels, self.rates, self.settings.lease_margin)

    @cached_property
    def reconciler(self) -> Reconciler:
        """The reconciler's service."""
        return Reconciler(self.runtime, self.leases, self.channels)

    @cached_property
    def definition_applier(self) -> DefinitionApplier:
        """Applies definitions."""
        return DefinitionApplier(self.runtime)

    @cached_property
    def version_history(self) -> VersionHistory:
        """Tells the generations."""
        return VersionHistory(self.engine)

    @cached_property
    def apply_planner(self) -> ApplyPlanner:
        """Works out what definitions would change."""
        return ApplyPlanner(self.runtime, CHANNEL_TYPES)
