"""`/v1/events`: events in, and what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.api.access import require
from engine.api.dependencies import Parts, json_response, plain
from engine.api.intake.accept import EventIntake, members
from engine.api.metrics import Metrics
from engine.api.routes import responses
from engine.services.pipeline.ingest import IngestSummary
from engine.store.database import DatabaseUnavailable, Row, transaction
from engine.store.state import events as store

MAX_WAIT = 30.0
"""Seconds a call may wait for outcomes."""

_FIRST_LOOK, _SLOWEST_LOOK = 0.02, 0.25


def router(parts: Parts, taking: EventIntake, metrics: Metrics) -> APIRouter:
    """Return the routes of events."""
    routes = APIRouter(prefix="/v1", tags=["events"])
    _intake(routes, parts, taking, metrics)
    _search(routes, parts)
    return routes


def _intake(routes: APIRouter, parts: Parts, taking: EventIntake, metrics: Metrics) -> None:
    @routes.post(
        "/events",
        status_code=202,
        summary="Post events",
        response_model=responses.TakenEvents,
        openapi_extra={"requestBody": responses.REQUEST_BODY, **responses.NEEDS_KEY},
        responses=responses.problems(
            status_400="The body is not JSON; `position` says where",
            status_401="No valid API key",
            status_403="The key lacks the scope `events:write`",
            status_408="The body took more than 30 seconds",
            status_409="One event whose source and id came before with another body",
            status_413="Over 64 KiB an event, 10,000 events or 16 MiB a body",
            status_415="A content type that is not taken",
            status_422="One event that is not valid, or a batch of which none was",
            status_503="The database is away; try again after Retry-After. Posting again is always safe",
        ),
    )
    async def post_events(
        request: Request,
        backfill: Annotated[bool, Query(description="Facts only: the events start nothing")] = False,
        wait: Annotated[
            float | None, Query(ge=0, le=MAX_WAIT, allow_inf_nan=False, description="Seconds to wait for outcomes")
        ] = None,
    ) -> Response:
        await require(request, parts.keys, "events:write")
        taken = await taking.take(request, backfill=backfill)
        metrics.accepted.inc(taken.accepted)
        body = members(taken)
        if wait is not None:
            body["events"] = await _outcomes(parts, taken, wait)
        return json_response(body, request, 202)


def _search(routes: APIRouter, parts: Parts) -> None:
    @routes.get(
        "/events",
        summary="Find events, newest first",
        response_model=responses.EventList,
        openapi_extra=responses.NEEDS_KEY,
        responses=responses.problems(status_401="No valid API key", status_403="The key lacks the scope `read`"),
    )
    async def find_events(
        request: Request,
        id: Annotated[str | None, Query(max_length=200, description="Exactly this id")] = None,
        source: Annotated[str | None, Query(max_length=200, description="Exactly this source")] = None,
        customer: Annotated[str | None, Query(max_length=200, description="The customer's id in the CRM")] = None,
        outcome: Annotated[
            Literal["rejected", "unmatched", "matched"] | None, Query(description="What became of them")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before")] = None,
    ) -> Response:
        await require(request, parts.keys, "read")
        wanted = store.Filter(plain(id), plain(source), plain(customer), outcome)
        page = await run_in_threadpool(_page, parts, wanted, limit, cursor)
        return json_response({"events": [_listed(row) for row in page.items], "next": page.next}, request)


def _page(parts: Parts, wanted: store.Filter, limit: int, cursor: str | None) -> store.Page:
    with transaction(parts.engine) as connection:
        return store.page(connection, wanted, limit=limit, cursor=cursor)


async def _outcomes(parts: Parts, taken: IngestSummary, wait: float) -> list[dict[str, Any]]:
    """Return what each event led to, as far as it is known after `wait` seconds. A database away ends the waiting."""
    loop = asyncio.get_running_loop()
    until, pause, pending = loop.time() + wait, _FIRST_LOOK, taken.ids
    try:
        while pending := await run_in_threadpool(_unmatched, parts, pending):
            if loop.time() >= until:
                break
            await asyncio.sleep(min(pause, max(0.0, until - loop.time())))
            pause = min(pause * 1.5, _SLOWEST_LOOK)
        return await run_in_threadpool(_known_outcomes, parts, taken.ids)
    except DatabaseUnavailable:
        return []


def _unmatched(parts: Parts, ids: Sequence[int]) -> list[int]:
    if not ids:
        return []
    with transaction(parts.engine) as connection:
        return store.unmatched_of(connection, ids)


def _known_outcomes(parts: Parts, ids: Sequence[int]) -> list[dict[str, Any]]:
    with transaction(parts.engine) as connection:
        found = store.outcomes(connection, ids)
    return [
        {"source": row.source, "id": row.event_id, "type": row.type, "subject": row.subject, "outcome": row.outcome}
        for row in found
    ]


def _listed(row: Row) -> dict[str, Any]:
    """A row as it is shown: the inbox's number stays inside, the event's own id is `id`."""
    shown = dict(row._mapping)
    shown["id"] = shown.pop("event_id")
    return shown
