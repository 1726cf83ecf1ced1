"""Whether the process lives (/healthz) and whether it can do its work (/readyz)."""

from __future__ import annotations

import asyncio
from typing import Any

from anyio import to_thread
from fastapi import APIRouter
from starlette.responses import JSONResponse

from engine.api.dependencies import Parts

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
    async def readyz() -> JSONResponse:
        found = await _look(parts)
        return JSONResponse(found, 200 if found["ready"] else 503)

    return routes


async def _look(parts: Parts) -> dict[str, Any]:
    try:
        async with asyncio.timeout(PATIENCE):
            return await to_thread.run_sync(parts.ready, abandon_on_cancel=True)
    except TimeoutError:
        return {"ready": False, "status": "unready", "database": f"no answer within {PATIENCE:.0f} seconds"}
