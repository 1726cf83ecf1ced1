"""What the API is made of; `engine.wiring` puts it together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from engine.operations import Operations
from engine.ports import Clock
from engine.services.explain import Explaining
from engine.services.ingest import Ingest
from engine.services.keys import Keys
from engine.services.overview import Overview
from engine.services.results import Counting
from engine.services.simulate import Simulating
from engine.services.take_receipts import TakingReceipts
from engine.services.why import Telling
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
