"""`/v1/sops/{id}/results`: what came of an SOP."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Request, Security
from fastapi.security import HTTPBearer
from pydantic import AwareDatetime
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.api.access import require
from engine.api.dependencies import Parts

_DOCUMENTED = Security(HTTPBearer(auto_error=False, description="sop_<id>_<secret>"))
_DAYS = 30


def router(parts: Parts) -> APIRouter:
    """Return the route that tells what came of an SOP."""
    routes = APIRouter(prefix="/v1", tags=["results"], dependencies=[_DOCUMENTED])

    @routes.get("/sops/{id}/results", summary="Conversions by arm, step and variant, each with its confidence interval")
    async def results(
        request: Request,
        id: Annotated[str, Path(max_length=64, pattern="^[a-z0-9][a-z0-9-]*$", description="The SOP's id")],
        since: Annotated[
            AwareDatetime | None,
            Query(description=f"Timelines started from then on; absent: {_DAYS} days before `until`, or before now"),
        ] = None,
        until: Annotated[
            AwareDatetime | None, Query(description="Timelines started before then; absent: until now")
        ] = None,
    ) -> Response:
        await require(request, parts.keys, "read")
        begin = since if since is not None else (until or parts.clock.now()) - timedelta(days=_DAYS)
        told = await run_in_threadpool(parts.results_reporter.results, id, begin, until)
        return Response(orjson.dumps(told), media_type="application/json")

    return routes
