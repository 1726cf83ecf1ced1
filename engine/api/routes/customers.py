"""`/v1/customers` and `/v1/touches`: one customer's story, and the dispatch log."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Security
from fastapi.security import HTTPBearer
from pydantic import AwareDatetime
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.api.access import require
from engine.api.dependencies import Parts
from engine.api.problems import ApiProblem
from engine.core.explain.story import Story
from engine.core.timelines.states import TouchState
from engine.services.reports.explain import MOST_EVENTS
from engine.store.database import Row, transaction
from engine.store.reports import dispatch_log
from engine.store.reports.dispatch_log import TouchFilter

_DOCUMENTED = Security(HTTPBearer(auto_error=False, description="sop_<id>_<secret>"))
_Text = Annotated[str | None, Query(max_length=200)]


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
        return _json(await run_in_threadpool(parts.explaining.explain, ref, sop=sop, events=events, why_not=why_not))

    @routes.get("/touches", summary="The dispatch log, newest first")
    async def find_touches(
        request: Request,
        customer: _Text = None,
        sop: _Text = None,
        step: _Text = None,
        status: Annotated[TouchState | None, Query()] = None,
        channel: _Text = None,
        reason: _Text = None,
        since: Annotated[AwareDatetime | None, Query(description="In its present state since then")] = None,
        until: Annotated[AwareDatetime | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=20, description="`next` of the page before")] = None,
    ) -> Response:
        await require(request, parts.keys, "read")
        wanted = TouchFilter(
            _plain(customer), _plain(sop), _plain(step), status, _plain(channel), _plain(reason), since, until
        )
        found = await run_in_threadpool(_page, parts, wanted, limit + 1, _before(cursor))
        more = str(found[limit - 1].id) if len(found) > limit else None
        return _json({"touches": [dict(row._mapping) for row in found[:limit]], "next": more})

    return routes


def _page(parts: Parts, wanted: TouchFilter, limit: int, before: int | None) -> list[Row]:
    with transaction(parts.engine) as connection:
        return dispatch_log.touches(connection, wanted, limit, before)


def _before(cursor: str | None) -> int | None:
    """Return the id a page ends above. Raises ApiProblem 400 for a cursor this list did not give."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and int(cursor) < 2**63):
        raise ApiProblem(400, "cursor is not one this list gave; leave it out to begin with the newest")
    return int(cursor)


def _plain(text: str | None) -> str | None:
    """A filter as PostgreSQL can take it; no stored value contains NUL."""
    return None if text is None else text.replace("\x00", "\\u0000")


def _json(body: Any) -> Response:
    return Response(orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS), media_type="application/json")
