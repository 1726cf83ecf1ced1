"""Whether the process lives (/healthz) and whether it can do its work (/readyz)."""

from __future__ import annotations

import asyncio
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from engine.api import language
from engine.api.dependencies import Parts
from engine.core.sentence import Sentence

PATIENCE = 5.0
"""Seconds after which a dependency that does not answer counts as away."""


def router(parts: Parts) -> APIRouter:
    """Return the routes for probes. They need no key and tell nothing about customers."""
    routes = APIRouter(tags=["operation"])

    @routes.get("/healthz", summary="The process answers")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "version": parts.version}

    @routes.get(
        "/readyz", summary="Events can be taken", responses={503: {"description": "They cannot; the body says why"}}
    )
    async def readyz(request: Request) -> JSONResponse:
        found = await _look(parts)
        wanted = language.asked_for(request)
        status = 200 if found["ready"] else 503
        return JSONResponse(language.told(found, wanted), status, headers=language.headers(wanted))

    return routes


async def _look(parts: Parts) -> dict[str, Any]:
    try:
        async with asyncio.timeout(PATIENCE):
            return await to_thread.run_sync(parts.ready, abandon_on_cancel=True)
    except TimeoutError:
        said = Sentence("no answer within {seconds} seconds", seconds=f"{PATIENCE:.0f}")
        return {"ready": False, "status": "unready", "database": said}
