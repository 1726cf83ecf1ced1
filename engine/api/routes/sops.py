"""How things stand, over HTTP: one customer's facts, timelines, every SOP with its counts, and why an SOP did what it did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Security
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.api.access import require
from engine.api.dependencies import Parts, before_id, json_response
from engine.api.problems import ApiProblem
from engine.api.routes import responses
from engine.core.definitions.base import parse_duration
from engine.core.explain.sop_report import SopReport
from engine.core.sentence import Sentence
from engine.services.reports.sop_report import MOST_SAMPLES, Narrowing
from engine.store.reports.overview import TimelineFilter

_DOCUMENTED = Security(HTTPBearer(auto_error=False, description="sop_<id>_<secret>"))
_Text = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
_Sop = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]+$", description="The SOP's id")]
_Ref = Annotated[str, Path(max_length=200, pattern=r"^[^\x00]+$", description="The customer's id in the CRM")]
_Moment = Annotated[
    str | None, Query(max_length=40, description="A duration before now (7d, 2h), or RFC 3339 with an offset")
]
_State = Literal["active", "completed", "converted", "exited", "cancelled"]
_PROBLEMS = responses.problems(
    status_400="A parameter names something there is not, or an empty time; `detail` says what there is",
    status_401="No valid API key",
    status_403="The key lacks the scope `read`",
    status_404="The name leads nowhere; `detail` names the nearest",
    status_422="A parameter is not as described",
    status_503="The database is away; try again after Retry-After",
)


def router(parts: Parts) -> APIRouter:
    """Return the routes that tell how things stand."""
    routes = APIRouter(prefix="/v1", tags=["overview"], dependencies=[_DOCUMENTED], responses=_PROBLEMS)
    _customers(routes, parts)
    _sops(routes, parts)
    return routes


def _customers(routes: APIRouter, parts: Parts) -> None:
    @routes.get("/customers/{ref}", summary="What is known of a customer, each fact with since when it is so")
    async def customer(request: Request, ref: _Ref) -> Response:
        await require(request, parts.keys, "read")
        return json_response(await run_in_threadpool(parts.overview.customer, ref), request)

    @routes.get("/timelines", summary="Customers' runs through SOPs, newest first")
    async def timelines(
        request: Request,
        customer: _Text = None,
        sop: _Text = None,
        state: Annotated[_State | None, Query()] = None,
        step: Annotated[str | None, Query(max_length=64, description="The step that comes next")] = None,
        waiting: Annotated[
            str | None, Query(max_length=64, description="The reason that holds it back, e.g. cap")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=20, description="`next` of the page before")] = None,
    ) -> Response:
        await require(request, parts.keys, "read")
        wanted = TimelineFilter(customer, sop, state, step, waiting)
        found = await run_in_threadpool(parts.overview.timelines, wanted, limit + 1, before_id(cursor))
        more = str(found[limit - 1]["id"]) if len(found) > limit else None
        return json_response({"timelines": found[:limit], "next": more}, request)


def _sops(routes: APIRouter, parts: Parts) -> None:
    @routes.get("/sops", summary="Every SOP in force, with how many are before each step and what became of touches")
    async def sops(request: Request, since: _Moment = "30d") -> Response:
        await require(request, parts.keys, "read")
        begin = _moment(since, parts.clock.now()) or parts.clock.now() - timedelta(days=30)
        found = await run_in_threadpool(parts.overview.sops, begin)
        return json_response({"since": begin, "sops": found}, request)

    @routes.get(
        "/sops/{sop}/why",
        summary="What an SOP did over a time: triggered, started, refused, sent, skipped, each with its reason and samples",
        responses={200: {"model": SopReport}},
    )
    async def why(
        request: Request,
        sop: _Sop,
        since: _Moment = "7d",
        until: _Moment = None,
        reason: Annotated[str | None, Query(max_length=64, description="Only what has this reason")] = None,
        step: Annotated[str | None, Query(max_length=64, description="Only this step")] = None,
        samples: Annotated[int, Query(ge=0, le=MOST_SAMPLES, description="So many customers for each reason")] = 3,
    ) -> Response:
        await require(request, parts.keys, "read")
        now = parts.clock.now()
        begin, end = _moment(since, now) or now - timedelta(days=7), _moment(until, now)
        only = Narrowing(reason, step)
        told = await run_in_threadpool(parts.sop_reporter.why, sop, begin, end, only=only, samples=samples)
        return json_response(told, request)


def _moment(text: str | None, now: datetime) -> datetime | None:
    """Return the moment a parameter names. Raises ApiProblem 422 for what is neither duration nor moment."""
    if text is None:
        return None
    try:
        return now - parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ApiProblem(
            422, Sentence("`{text}` is no time; write 7d, 2h, 30m, or 2026-03-01T10:00:00+08:00 (+ as %2B)", text=text)
        )
    return found
