"""`/v1/sops/{id}/pause` and what else operators do: each audited under the key that called, each safe to repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from engine.api import language
from engine.api.access import require
from engine.api.dependencies import Parts, plain
from engine.api.problems import ApiProblem
from engine.api.routes import requests, responses
from engine.core.sentence import Sentence
from engine.operations import Operations
from engine.services.operations.cancel import Cancelled
from engine.services.operations.opt_out import Opted
from engine.services.operations.pause import Paused
from engine.services.operations.recall import Recalled
from engine.services.operations.resume import Resumed
from engine.services.operations.retry import Retried
from engine.services.operations.start import ManualStart
from engine.services.operations.trial_send import Trial, Tried
from engine.store.database import Row
from engine.store.state.pauses import Scope

T = TypeVar("T")

_Sop = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]+$", description="The SOP's id")]
_Ref = Annotated[str, Path(max_length=200, pattern=r"^[^\x00]+$", description="The customer's id in the CRM")]
_Id = Annotated[int, Path(ge=1, lt=2**63)]
_MAX_WAIT = 10.0
_PROBLEMS = responses.problems(
    status_400="What is asked cannot be done; `detail` says why and what would help",
    status_401="No valid API key",
    status_403="The key lacks the scope `operate`",
    status_404="A name or id leads nowhere; `detail` names the nearest",
    status_422="The body or a parameter is not as described",
    status_503="The database is away; try again after Retry-After",
)


def router(parts: Parts) -> APIRouter:
    """Return the routes of operating."""
    routes = APIRouter(prefix="/v1", tags=["operations"], responses=_PROBLEMS)
    _pausing(routes, parts)
    _by_hand(routes, parts)
    _mending(routes, parts)
    _reading(routes, parts)
    return routes


async def _do(request: Request, parts: Parts, work: Callable[[Operations, str], T], scope: str = "operate") -> T:
    """Do work for a key that may, under its name."""
    key = await require(request, parts.keys, scope)
    return await run_in_threadpool(work, parts.operations, f"key:{key.id}")


def _pausing(routes: APIRouter, parts: Parts) -> None:
    @routes.post("/sops/{sop}/pause", summary="Hold everything of an SOP", openapi_extra=responses.NEEDS_KEY)
    async def pause_sop(request: Request, sop: _Sop, why: requests.Why | None = None) -> Paused:
        reason = why.reason if why else None
        return await _do(request, parts, lambda do, who: do.pauser.pause(Scope("sop", sop), who, reason))

    @routes.post("/sops/{sop}/resume", summary="Let an SOP go on", openapi_extra=responses.NEEDS_KEY)
    async def resume_sop(request: Request, sop: _Sop, how: requests.ResumeRequest | None = None) -> Resumed:
        skip = bool(how and how.skip_missed)
        return await _do(request, parts, lambda do, who: do.resumer.resume(Scope("sop", sop), who, skip_missed=skip))

    @routes.get("/pauses", summary="What is paused", openapi_extra=responses.NEEDS_KEY)
    async def list_pauses(request: Request) -> requests.Pauses:
        found = await _do(request, parts, lambda do, _: do.pauser.pauses(), "read")
        return requests.Pauses(pauses=[requests.Pause.model_validate(dict(row._mapping)) for row in found])

    @routes.post("/pauses", summary="Hold a channel, or all", openapi_extra=responses.NEEDS_KEY)
    async def pause_other(request: Request, what: requests.PauseRequest) -> Paused:
        return await _do(request, parts, lambda do, who: do.pauser.pause(what.scope, who, what.reason))

    @routes.post("/pauses/resume", summary="Let a channel, or all, go on", openapi_extra=responses.NEEDS_KEY)
    async def resume_other(request: Request, what: requests.WhatToResume) -> Resumed:
        return await _do(
            request, parts, lambda do, who: do.resumer.resume(what.scope, who, skip_missed=what.skip_missed)
        )


def _by_hand(routes: APIRouter, parts: Parts) -> None:
    @routes.post("/sops/{sop}/start", summary="Start an SOP for a customer", openapi_extra=responses.NEEDS_KEY)
    async def start(
        request: Request,
        response: Response,
        sop: _Sop,
        whom: requests.StartRequest,
        wait: Annotated[float, Query(ge=0, le=_MAX_WAIT, allow_inf_nan=False, description="Seconds to wait")] = 3.0,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> requests.StartOutcome:
        asked = await _do(
            request,
            parts,
            lambda do, who: do.starter.start(
                ManualStart(sop, whom.customer, whom.anchor, whom.data or {}, idempotency_key), who
            ),
        )
        row = await _matched(parts, asked.event, wait)
        if row is None:
            return requests.StartOutcome(event=asked.event, changed=asked.changed)
        started, outcome = bool((row.outcome or {}).get("started")), _told(row.outcome, request, response)
        return requests.StartOutcome(event=asked.event, changed=asked.changed, started=started, outcome=outcome)

    @routes.post("/sops/{sop}/recall", summary="Call back a step's touches", openapi_extra=responses.NEEDS_KEY)
    async def recall(request: Request, sop: _Sop, what: requests.RecallRequest) -> Recalled:
        return await _do(request, parts, lambda do, who: do.recaller.recall(sop, what.step, who))

    @routes.post(
        "/sops/{sop}/test-send", summary="Send one step to one customer now", openapi_extra=responses.NEEDS_KEY
    )
    async def test_send(request: Request, response: Response, sop: _Sop, what: requests.TestSendRequest) -> Tried:
        tried = await _do(
            request,
            parts,
            lambda do, who: do.trial_sender.send(Trial(sop, what.step, what.to, what.variant, what.channel), who),
        )
        return replace(tried, detail=_told(tried.detail, request, response))

    @routes.post("/customers/{ref}/opt-out", summary="No more messages", openapi_extra=responses.NEEDS_KEY)
    async def opt_out(request: Request, ref: _Ref, what: requests.WhatToOptOut | None = None) -> Opted:
        channel = what.channel if what else None
        return await _do(request, parts, lambda do, who: do.opt_outs.opt(ref, who, channel=channel))

    @routes.post("/customers/{ref}/opt-in", summary="Messages again", openapi_extra=responses.NEEDS_KEY)
    async def opt_in(request: Request, ref: _Ref, what: requests.WhatToOptOut | None = None) -> Opted:
        channel = what.channel if what else None
        return await _do(request, parts, lambda do, who: do.opt_outs.opt(ref, who, channel=channel, out=False))


async def _matched(parts: Parts, event: int, wait: float) -> Row | None:
    """Return an event once it is matched, None after `wait` seconds. No thread is kept waiting."""
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + wait, 0.02
    while (row := await run_in_threadpool(parts.operations.outcomes.wait, event, 0.0)) is None:
        if loop.time() >= until:
            return None
        await asyncio.sleep(min(pause, max(0.0, until - loop.time())))
        pause = min(1.5 * pause, 0.5)
    return row


def _mending(routes: APIRouter, parts: Parts) -> None:
    @routes.post("/timelines/{timeline}/cancel", summary="End a timeline", openapi_extra=responses.NEEDS_KEY)
    async def cancel(request: Request, timeline: _Id, why: requests.Why | None = None) -> Cancelled:
        reason = why.reason if why else None
        return await _do(request, parts, lambda do, who: do.canceller.cancel(timeline, who, reason))

    @routes.post(
        "/touches/{touch}/retry",
        summary="Send a failed touch again, or note that it arrived",
        openapi_extra=responses.NEEDS_KEY,
        responses=responses.problems(status_409="It is in another state, or its limit or its timeline is over"),
    )
    async def retry(request: Request, touch: _Id, how: requests.HowToRetry | None = None) -> Retried:
        mark = bool(how and how.mark_sent)
        (told,) = await _do(request, parts, lambda do, who: do.retrier.retry([touch], who, mark_sent=mark))
        if told.verdict == "not_found":
            raise ApiProblem(404, Sentence("no touch has the id {touch}; GET /v1/touches lists them", touch=touch))
        if not told.done:
            raise ApiProblem(409, _not_retried(told), extra={"verdict": told.verdict})
        return told

    @routes.get("/dead-letters", summary="What was set aside", openapi_extra=responses.NEEDS_KEY)
    async def letters(
        request: Request, response: Response, limit: Annotated[int, Query(ge=1, le=500)] = 50
    ) -> requests.DeadLettersFound:
        found = await _do(request, parts, lambda do, _: do.dead_letters.newest(limit), "read")
        told = _told([dict(row._mapping) for row in found], request, response)
        return requests.DeadLettersFound(dead_letters=[requests.DeadLetter.model_validate(each) for each in told])

    @routes.post("/dead-letters/{letter}/replay", summary="Match its event anew", openapi_extra=responses.NEEDS_KEY)
    async def replay(request: Request, letter: _Id) -> requests.Replayed:
        event = await _do(request, parts, lambda do, who: do.dead_letters.replay(letter, who))
        return requests.Replayed(letter=letter, event=event)

    @routes.post("/dead-letters/{letter}/discard", summary="Take it away", openapi_extra=responses.NEEDS_KEY)
    async def discard(request: Request, letter: _Id) -> requests.Discarded:
        await _do(request, parts, lambda do, who: do.dead_letters.discard(letter, who))
        return requests.Discarded(letter=letter)


def _not_retried(told: Retried) -> Sentence:
    if told.verdict == "ended":
        return Sentence("its timeline has ended; it is not sent")
    if told.verdict == "expired":
        return Sentence("its limit {limit} is over; it is not sent", limit=f"{told.limit_at:%Y-%m-%d %H:%M:%S%z}")
    return Sentence(
        "it is {status}; what is failed or unknown can be sent again, what is unknown marked as sent",
        status=told.status,
    )


def _told(body: Any, request: Request, response: Response) -> Any:
    """Return part of an answer in the language its request asks for, which the answer says."""
    wanted = language.asked_for(request)
    response.headers.update(language.headers(wanted))
    return language.told(body, wanted)


def _reading(routes: APIRouter, parts: Parts) -> None:
    @routes.get("/audit", summary="What was done by hand, newest first", openapi_extra=responses.NEEDS_KEY)
    async def audit(
        request: Request,
        response: Response,
        action: Annotated[str | None, Query(max_length=64)] = None,
        before: Annotated[int | None, Query(ge=1, lt=2**63, description="`next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> requests.AuditFound:
        found = await _do(
            request,
            parts,
            lambda do, _: do.audit_log.newest(limit + 1, before=before, action=plain(action)),
            "operate",
        )
        told = _told([dict(row._mapping) for row in found[:limit]], request, response)
        lines = [requests.AuditLine.model_validate(each) for each in told]
        return requests.AuditFound(audit=lines, next=lines[-1].id if len(found) > limit else None)
