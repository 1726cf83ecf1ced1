"""The API over a database and a Redis, as tests run it."""

from __future__ import annotations

from dataclasses import dataclass

import httpx2
import redis
from sqlalchemy import Engine

from engine.adapters.hint_queue import BestEffortHints, RedisHintQueue
from engine.api.dependencies import Parts
from engine.channels import registry
from engine.clocks import VirtualClock, wall_now
from engine.definitions_in_force import CurrentChannels, CurrentDefinitions
from engine.operations import operations_on
from engine.runtime import Runtime
from engine.services.operations.api_keys import ApiKeys
from engine.services.pipeline.ingest import Ingest
from engine.services.pipeline.receipts import ReceiptRecorder
from engine.services.reports.explain import CustomerExplainer
from engine.services.reports.overview import Overview
from engine.services.reports.readiness import Readiness
from engine.services.reports.results import ResultsReporter
from engine.services.reports.sop_report import SopReporter
from engine.services.rollout.simulate import Simulator
from engine.settings import Settings
from engine.wiring import CHANNEL_TYPES


@dataclass
class Api:
    """A running API: its address, its parts, and clients of it."""

    url: str
    parts: Parts

    def client(self, *scopes: str) -> httpx2.Client:
        """A client whose key has these scopes; without any, one without a key."""
        headers = {"Authorization": f"Bearer {self.key(*scopes)}"} if scopes else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30)

    def key(self, *scopes: str) -> str:
        """A new key."""
        return self.parts.keys.create("test", scopes)


def parts_on(engine: Engine, redis_url: str) -> Parts:
    """The API's parts over a database and a Redis, with business time starting now and standing still."""
    clock = VirtualClock(wall_now())
    hints = RedisHintQueue(redis.Redis.from_url(redis_url, socket_timeout=2, decode_responses=True))
    current = CurrentDefinitions(CHANNEL_TYPES)
    runtime = Runtime(engine, clock, hints, current)
    channels = CurrentChannels(current, lambda name, config: registry.build(name, config, {}, wall=wall_now))
    return Parts(
        engine=engine,
        clock=clock,
        ingest=Ingest(engine, clock, BestEffortHints(hints, patience=1.0, pause=5.0), lambda event: []),
        customer_explainer=CustomerExplainer(runtime),
        results_reporter=ResultsReporter(runtime),
        sop_reporter=SopReporter(runtime),
        overview=Overview(runtime),
        simulator=Simulator(runtime, CHANNEL_TYPES),
        keys=ApiKeys(engine, clock),
        operations=operations_on(runtime, channels),
        receipt_recorder=ReceiptRecorder(engine, clock),
        settings=Settings(_env_file=None),
        ready=Readiness(engine, hints),
        version="test",
    )
