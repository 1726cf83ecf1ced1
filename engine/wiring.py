"""The only place where parts are put together: settings in, working services out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from typing import Any

import redis
from dotenv import dotenv_values
from sqlalchemy import Engine

from engine import embedded
from engine.adapters.hint_queue import ForgivingHints, RedisHintQueue
from engine.adapters.hint_queue import connect as connect_queue
from engine.adapters.rate_limits import RedisRates
from engine.channels import registry
from engine.clocks import LeaseClock, SteppedClock, WallClock, database_lease_clock, wall_now
from engine.core.customers import facts
from engine.core.errors import InstallationError
from engine.core.events.event import Event
from engine.definitions_in_force import CurrentChannels, CurrentDefinitions
from engine.operations import Operations, operations_on
from engine.ports import Channel, Clock, HintQueue, Rates
from engine.services.operations.api_keys import Keys
from engine.services.pipeline.fallback import FallingBack
from engine.services.pipeline.ingest import Ingest
from engine.services.pipeline.match import Matching
from engine.services.pipeline.plan import Planning
from engine.services.pipeline.receipts import TakingReceipts
from engine.services.pipeline.reconcile import Reconciling
from engine.services.pipeline.reschedule import HoldingAnew
from engine.services.pipeline.send import Sending
from engine.services.reports.explain import Explaining
from engine.services.reports.overview import Overview
from engine.services.reports.readiness import Readiness
from engine.services.reports.results import Counting
from engine.services.reports.sop_report import Telling
from engine.services.rollout.apply import Applying
from engine.services.rollout.plan_apply import Forecasting
from engine.services.rollout.preview_segments import Previewing
from engine.services.rollout.simulate import Simulating
from engine.services.rollout.versions import Versions
from engine.services.scheduled.enrol_existing import JoiningExisting
from engine.services.scheduled.rebase_clocks import Rethresholding
from engine.services.scheduled.refresh_segments import Refreshing
from engine.services.scheduled.run_schedules import TakingSlots
from engine.services.scheduled.sweep_silence import Sweeping
from engine.settings import Settings
from engine.store.database import connect, transaction

CHANNEL_TYPES = {name: kind.config for name, kind in registry.TYPES.items()}
"""Channel type → the model that its section of engine.yaml must fit."""

_DEFINITIONS_KNOWN_FOR = 2.0
"""Seconds for which intake's warnings go by the definitions read last."""


def urls(settings: Settings) -> tuple[str, str]:
    """Return the URLs of database and Redis: as set, else of the embedded servers running on the state folder.

    Raises InstallationError where one is neither set nor running.
    """
    database = settings.database_url.get_secret_value() if settings.database_url else None
    queue = settings.redis_url.get_secret_value() if settings.redis_url else None
    if database and queue:
        return database, queue
    found = embedded.running(settings.state_dir)
    if found is None:
        raise InstallationError(
            f"no servers: nothing runs on {settings.state_dir}, and SOP_DATABASE_URL and SOP_REDIS_URL are not both set; "
            "start `sop up`, or set both"
        )
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
        return ForgivingHints(RedisHintQueue(self.redis, f"{self.name}-{os.getpid()}", claim_after_ms=claim_after))

    @cached_property
    def current(self) -> CurrentDefinitions:
        """The definitions in force."""
        return CurrentDefinitions(CHANNEL_TYPES)

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
        """Takes events in. Its hints may raise: it bounds and counts their failures itself."""
        return Ingest(self.engine, self.clock, RedisHintQueue(self.redis, self.name), self._warn)

    def _warn(self, event: Event) -> list[str]:
        """Return what of an event would be dropped under the definitions in force (as known a few seconds ago)."""
        if monotonic() > self._definitions_known_until:
            self._definitions_known_until = monotonic() + _DEFINITIONS_KNOWN_FOR
            with transaction(self.engine) as connection:
                self.current.read(connection)
        return facts.warnings(event, self.current.last.engine, self.current.last.segments)

    @cached_property
    def explaining(self) -> Explaining:
        """Tells customers' stories."""
        return Explaining(self.engine, self.clock, self.current)

    @cached_property
    def telling(self) -> Telling:
        """Tells what SOPs did over a time."""
        return Telling(self.engine, self.clock, self.current)

    @cached_property
    def counting(self) -> Counting:
        """Counts what came of SOPs."""
        return Counting(self.engine, self.clock, self.current)

    @cached_property
    def overview(self) -> Overview:
        """Tells how things stand."""
        return Overview(self.engine, self.clock, self.current)

    @cached_property
    def keys(self) -> Keys:
        """API keys."""
        return Keys(self.engine, self.clock)

    @cached_property
    def readiness(self) -> Readiness:
        """What the installation lacks."""
        return Readiness(self.engine, RedisHintQueue(self.redis, self.name))

    @cached_property
    def matching(self) -> Matching:
        """The matcher's service."""
        return Matching(self.engine, self.clock, self.hints, self.current)

    @cached_property
    def planning(self) -> Planning:
        """The planner's service."""
        return Planning(self.engine, self.clock, self.hints, self.current, self.settings.plan_batch)

    @cached_property
    def holding_anew(self) -> HoldingAnew:
        """Holds anew what missed its hours."""
        return HoldingAnew(self.engine, self.clock, self.current)

    @cached_property
    def falling_back(self) -> FallingBack:
        """Takes the next channel where staff did not confirm."""
        return FallingBack(self.engine, self.clock, self.current)

    @cached_property
    def taking_receipts(self) -> TakingReceipts:
        """Takes what is told of touches afterwards."""
        return TakingReceipts(self.engine, self.clock)

    @cached_property
    def sweeping(self) -> Sweeping:
        """Finds silent customers."""
        return Sweeping(self.engine, self.clock, self.hints, self.current, self.settings.sweep_cron)

    @cached_property
    def rethresholding(self) -> Rethresholding:
        """Sets clocks anew when their definition has changed."""
        return Rethresholding(self.engine, self.clock, self.current)

    @cached_property
    def taking_slots(self) -> TakingSlots:
        """Finds who enters by a date or a schedule."""
        return TakingSlots(self.engine, self.clock, self.hints, self.current)

    @cached_property
    def joining_existing(self) -> JoiningExisting:
        """Takes in who was there before an SOP."""
        return JoiningExisting(self.engine, self.clock, self.hints, self.current)

    @cached_property
    def refreshing(self) -> Refreshing:
        """Refreshes numbers and computed dimensions."""
        return Refreshing(self.engine, self.clock, self.hints, self.current)

    @cached_property
    def previewing(self) -> Previewing:
        """Counts segments and the moves a refresh would make."""
        return Previewing(self.engine, self.clock, self.current)

    @cached_property
    def simulating(self) -> Simulating:
        """Simulates on what is recorded."""
        return Simulating(self.engine, self.clock, self.current, CHANNEL_TYPES)

    @cached_property
    def operations(self) -> Operations:
        """What operators may do."""
        return operations_on(self.engine, self.clock, self.hints, self.current, self.channels)

    @cached_property
    def sending(self) -> Sending:
        """The sender's service."""
        return Sending(self.engine, self.clock, self.leases, self.channels, self.rates, self.settings.lease_margin)

    @cached_property
    def reconciling(self) -> Reconciling:
        """The reconciler's service."""
        return Reconciling(self.engine, self.clock, self.leases, self.hints, self.current, self.channels)

    @cached_property
    def applying(self) -> Applying:
        """Applies definitions."""
        return Applying(self.engine, self.clock, self.current)

    @cached_property
    def versions(self) -> Versions:
        """Tells the generations."""
        return Versions(self.engine)

    @cached_property
    def forecasting(self) -> Forecasting:
        """Works out what definitions would change."""
        return Forecasting(self.engine, self.clock, self.current, CHANNEL_TYPES)
