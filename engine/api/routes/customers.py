"""`/v1/customers` and `/v1/touches`: one customer's story, and the dispatch log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Security
from fastapi.security import HTTPBearer
from pydantic import AwareDatetime
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.api.access import require
from engine.api.dependencies import Parts, before_id, json_response, plain
from engine.core.explain.story import Story
from engine.core.timelines.states import TouchState
from engine.services.reports.explain import MOST_EVENTS
from engine.store.database import Row, transaction
from engine.store.reports import dispatch_log
from engine.store.reports.dispatch_log import TouchFilter

_DOCUMENTED = Security(HTTPBearer(auto_error=False, description="sop_<id>_<secret>"))
_Text = Annotated[str | None, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class _Page:
    """Which page of a list is asked for."""

    limit: Annotated[int, Query(ge=1, le=500)] = 50
    cursor: Annotated[str | None, Query(max_length=20, description="`next` of the page before")] = None


def _touch_filter(
    customer: _Text = None,
    sop: _Text = None,
    step: _Text = None,
    status: Annotated[TouchState | None, Query()] = None,
    channel: _Text = None,
    reason: _Text = None,
    since: Annotated[AwareDatetime | None, Query(description="In its present state since then")] = None,
    until: Annotated[AwareDatetime | None, Query()] = None,
) -> TouchFilter:
    return TouchFilter(plain(customer), plain(sop), plain(step), status, plain(channel), plain(reason), since, until)


def router(parts: Parts) -> APIRouter:
    """Return the routes that tell about customers and touches."""
    routes = APIRouter(prefix="/v1", tags=["stories"], dependencies=[_DOCUMENTED])

    @routes.get(
        "/customers/{ref}/explain",
        summary="One customer's story, with the reason of everything, and what becomes of each step to come",
        responses={200: {"model": Story}},
    )
    async def explain(
        request: Request,
        ref: str,
        sop: Annotated[str | None, Query(max_length=64, description="Only what concerns this SOP")] = None,
        events: Annotated[int, Query(ge=1, le=MOST_EVENTS, description="So many of the newest events")] = 100,
        why_not: Annotated[
            bool, Query(description="With `sop`: what came closest to starting it, and whether it would start now")
        ] = False,
    ) -> Response:
        await require(request, parts.keys, "read")
        story = await run_in_threadpool(parts.customer_explainer.explain, ref, sop=sop, events=events, why_not=why_not)
        return json_response(story, request)

    @routes.get("/touches", summary="The dispatch log, newest first")
    async def find_touches(
        request: Request,
        wanted: Annotated[TouchFilter, Depends(_touch_filter)],
        page: Annotated[_Page, Depends()],
    ) -> Response:
        await require(request, parts.keys, "read")
        rows = await run_in_threadpool(_rows, parts, wanted, page.limit + 1, before_id(page.cursor))
        more = str(rows[page.limit - 1].id) if len(rows) > page.limit else None
        return json_response({"touches": [dict(row._mapping) for row in rows[: page.limit]], "next": more}, request)

    return routes


def _rows(parts: Parts, wanted: TouchFilter, limit: int, before: int | None) -> list[Row]:
    with transaction(parts.engine) as connection:
        return dispatch_log.touches(connection, wanted, limit, before)
