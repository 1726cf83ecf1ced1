"""Figures for Prometheus: this process's own counter, the rest read from the database when asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import monotonic

import structlog
from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.core.errors import SopError
from engine.ports import Clock
from engine.store.database import Row, transaction
from engine.store.reports import vitals

_log = structlog.get_logger(__name__)

TOUCHES_EVERY = 30.0
"""Seconds for which a count of all touches is good enough."""

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The registry of this API process."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self.accepted = Counter("sop_events_accepted", "Events this process took in", registry=self.registry)
        self.registry.register(_FromDatabase(engine, clock))

    def text(self) -> bytes:
        """Return everything in Prometheus' text format. Reads the database; a database away leaves its figures out."""
        return generate_latest(self.registry)


class _FromDatabase(Collector):
    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._touches: list[Row] = []
        self._counted_at: float | None = None
        self._guard = threading.Lock()

    def describe(self) -> list[GaugeMetricFamily]:
        """Return nothing, so that registering asks no database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the figures; those that cannot be read are left out, which Prometheus shows as absent."""
        try:
            yield from self._backlogs()
            yield self._touch_counts()
        except (SQLAlchemyError, SopError) as error:
            _log.warning("metrics.incomplete", error=type(error).__name__)

    def _backlogs(self) -> list[GaugeMetricFamily]:
        with transaction(self._engine) as connection:
            age = vitals.heartbeat_age(connection, "beat")
            gauges = [
                _gauge("sop_events_unmatched", "Events waiting for the matcher", vitals.unmatched_events(connection)),
                _gauge(
                    "sop_due_backlog", "Timelines that are due", vitals.due_timelines(connection, self._clock.now())
                ),
                _gauge("sop_dead_letters", "Dead letters", vitals.dead_letters(connection)),
            ]
        return gauges if age is None else [*gauges, _gauge("sop_beat_age_seconds", "Since beat last ticked", age)]

    def _touch_counts(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "sop_touches_total", "Touches by their present status", labels=("sop", "channel", "status")
        )
        with self._guard:
            if self._counted_at is None or monotonic() - self._counted_at > TOUCHES_EVERY:
                with transaction(self._engine) as connection:
                    self._touches = vitals.touches(connection)
                self._counted_at = monotonic()
            for row in self._touches:
                family.add_metric((row.sop, row.channel, row.status), row.times)
        return family


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)


def router(metrics: Metrics) -> APIRouter:
    """Return the route for Prometheus. It needs no key and tells nothing about customers."""
    routes = APIRouter(tags=["operation"])

    @routes.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    async def read_metrics() -> Response:
        return Response(await run_in_threadpool(metrics.text), media_type=MEDIA_TYPE)

    return routes
