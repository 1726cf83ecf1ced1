"""`POST /v1/receipts`: staff has sent what they were handed, or gave it up."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Security
from fastapi.security import HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from engine.api.access import require
from engine.api.dependencies import Parts
from engine.services.pipeline.receipts import Told

_DOCUMENTED = Security(HTTPBearer(auto_error=False, description="sop_<id>_<secret>"))


class ReceiptBody(BaseModel):
    """What became of one touch."""

    model_config = ConfigDict(extra="forbid")
    key: Annotated[str, Field(min_length=1, max_length=100)] = Field(description="the touch's idempotency key")
    outcome: Literal["sent", "failed"] = Field(description="sent: staff has sent it; failed: they will not")
    at: AwareDatetime | None = Field(None, description="when; absent: now")
    detail: Annotated[str, Field(max_length=300)] | None = Field(None, description="for operators; no personal data")


def router(parts: Parts) -> APIRouter:
    """Return the route that takes receipts."""
    routes = APIRouter(prefix="/v1", tags=["receipts"], dependencies=[_DOCUMENTED])

    @routes.post("/receipts", summary="Confirm touches that staff was handed")
    async def take(
        request: Request, receipts: Annotated[list[ReceiptBody], Field(min_length=1, max_length=1000)]
    ) -> dict[str, object]:
        await require(request, parts.keys, "events:write")
        told = [Told(each.key, each.outcome, each.at, each.detail) for each in receipts]
        return asdict(await run_in_threadpool(parts.receipt_recorder.take, told))

    return routes
