"""What the API is made of; `engine.wiring` puts it together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from engine.operations import Operations
from engine.ports import Clock
from engine.services.operations.api_keys import Keys
from engine.services.pipeline.ingest import Ingest
from engine.services.pipeline.receipts import TakingReceipts
from engine.services.reports.explain import Explaining
from engine.services.reports.overview import Overview
from engine.services.reports.results import Counting
from engine.services.reports.sop_report import Telling
from engine.services.rollout.simulate import Simulating
from engine.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a request needs."""

    engine: Engine
    clock: Clock
    ingest: Ingest
    explaining: Explaining
    counting: Counting
    telling: Telling
    overview: Overview
    simulating: Simulating
    keys: Keys
    operations: Operations
    taking_receipts: TakingReceipts
    settings: Settings
    ready: Callable[[], dict[str, Any]]
    """Looks at what the API depends on; its answer's `ready` says whether events can be taken. May block."""
    version: str
