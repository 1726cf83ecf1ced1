"""What the API is made of; `engine.wiring` puts it together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from engine.operations import Operations
from engine.ports import Clock
from engine.services.operations.api_keys import ApiKeys
from engine.services.pipeline.ingest import Ingest
from engine.services.pipeline.receipts import ReceiptRecorder
from engine.services.reports.explain import CustomerExplainer
from engine.services.reports.overview import Overview
from engine.services.reports.results import ResultsReporter
from engine.services.reports.sop_report import SopReporter
from engine.services.rollout.simulate import Simulator
from engine.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a request needs."""

    engine: Engine
    clock: Clock
    ingest: Ingest
    explaining: CustomerExplainer
    counting: ResultsReporter
    telling: SopReporter
    overview: Overview
    simulating: Simulator
    keys: ApiKeys
    operations: Operations
    taking_receipts: ReceiptRecorder
    settings: Settings
    ready: Callable[[], dict[str, Any]]
    """Looks at what the API depends on; its answer's `ready` says whether events can be taken. May block."""
    version: str
