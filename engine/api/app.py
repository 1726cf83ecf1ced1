"""The API put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from engine.api import metrics, problems
from engine.api.dependencies import Parts
from engine.api.intake.accept import EventIntake
from engine.api.routes import customers, events, health, operations, receipts, responses, results, simulate, sops
from engine.services.pipeline.group_commit import GroupCommit
from engine.services.pipeline.ingest import IngestResult, RawEvent


def create_app(parts: Parts) -> FastAPI:
    """Return the API over its parts. Nothing is connected to before the first request."""
    singles: GroupCommit[RawEvent, IngestResult] = GroupCommit(
        parts.ingest.accept_each, within=parts.settings.intake_grouping
    )
    taking = EventIntake(parts.ingest, singles)
    figures = metrics.Metrics(parts.engine, parts.clock)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        taking.close()
        singles.close()

    app = FastAPI(
        title="SOP engine",
        version=parts.version,
        description="Events in; which customer gets which touch, and why.",
        docs_url=None,  # its pages load scripts from foreign hosts
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    problems.install(app)
    _describe_keys(app)
    app.include_router(events.router(parts, taking, figures))
    app.include_router(receipts.router(parts))
    app.include_router(customers.router(parts))
    app.include_router(sops.router(parts))
    app.include_router(operations.router(parts))
    app.include_router(results.router(parts))
    app.include_router(simulate.router(parts))
    app.include_router(health.router(parts))
    app.include_router(metrics.router(figures))
    return app


def _describe_keys(app: FastAPI) -> None:
    """Tell OpenAPI how keys are sent. A security dependency would do so too, and cost every post a tenth of its time."""
    describe = app.openapi

    def with_keys() -> dict[str, Any]:
        document = describe()
        document.setdefault("components", {})["securitySchemes"] = responses.KEY_SCHEME
        return document

    app.openapi = with_keys  # type: ignore[method-assign]  # FastAPI's own way of extending its document
