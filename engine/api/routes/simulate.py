"""`POST /v1/simulate`: what would happen. Nothing is sent, nothing is stored."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.api.access import require
from engine.api.dependencies import Parts, json_response
from engine.api.intake.request_body import MAX_EVENTS
from engine.api.problems import ApiProblem
from engine.api.routes import responses
from engine.core.definitions.base import parse_duration
from engine.core.definitions.catalog import Definitions
from engine.core.definitions.lookup import unknown_sop
from engine.core.events.event import Event
from engine.core.sentence import Sentence
from engine.core.simulation.event_file import read_feed
from engine.core.simulation.simulate import Report, Span, Wanted, simulate
from engine.definitions_yaml import render_problems
from engine.definitions_yaml.customers import read_customer

_DAYS, _MOST_DAYS = 40, 400
_MOST_SHOWN = 200
_MOST_REPLAYED = 100
"""Customers of one replay; the command line replays everybody."""
_SAID = 20

_Text = Annotated[str, Field(max_length=1024 * 1024)]
_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Replay(_Body):
    """What is recorded of some customers, played again."""

    since: AwareDatetime | str = Field("30d", description="A duration before now (30d), or RFC 3339")
    customers: list[_Name] = Field(
        min_length=1,
        max_length=_MOST_REPLAYED,
        description="Their ids in the CRM; `sop simulate --replay` replays everybody",
    )


class WhatToSimulate(_Body):
    """Exactly one of `events`, `customer`, `replay`."""

    events: list[dict[str, Any]] | None = Field(
        None,
        min_length=1,
        max_length=MAX_EVENTS,
        description="As POST /v1/events takes them, each received at its own time",
    )
    customer: dict[str, Any] | None = Field(
        None, description="One customer described, as `sop simulate --example-customer` shows"
    )
    replay: Replay | None = None
    definitions: dict[str, _Text] | None = Field(
        None,
        max_length=1_000,
        description="Texts by file name: engine.yaml, segments.yaml, sops/*.yaml; absent: those in force",
    )
    days: int | None = Field(
        None, ge=1, le=_MOST_DAYS, description=f"From the first event on; {_DAYS} unless `until` is given"
    )
    until: AwareDatetime | None = None
    sop: str | None = Field(None, max_length=64, description="Show only this SOP; all are played")
    limit: int = Field(20, ge=0, le=_MOST_SHOWN, description="So many calendars; the totals are over all customers")

    @model_validator(mode="after")
    def _one(self) -> WhatToSimulate:
        if sum(each is not None for each in (self.events, self.customer, self.replay)) != 1:
            raise ValueError(Sentence("name exactly one of `events`, `customer`, `replay`"))
        if self.days is not None and self.until is not None:
            raise ValueError(Sentence("name `days` or `until`, not both"))
        if self.replay is not None and (self.days is not None or self.until is not None):
            raise ValueError(Sentence("a replay goes up to now; leave out `days` and `until`"))
        return self


def router(parts: Parts) -> APIRouter:
    """Return the route that simulates, one call at a time: it takes the processor, not the database."""
    routes, turn = APIRouter(prefix="/v1", tags=["simulation"]), asyncio.Semaphore(1)

    @routes.post(
        "/simulate",
        summary="What would happen: calendars and totals on a virtual clock, with nothing sent",
        openapi_extra=responses.NEEDS_KEY,
        responses=responses.problems(
            status_400="Definitions with an error; `detail` lists every one with its place",
            status_401="No valid API key",
            status_403="The key lacks the scope `read`",
            status_404="A customer or SOP is not known",
            status_422="The body, an event or a definition is wrong; `problems` lists each with its place",
        ),
    )
    async def post_simulate(request: Request, what: WhatToSimulate) -> Response:
        await require(request, parts.keys, "read")
        async with turn:
            report = await run_in_threadpool(_simulated, parts, what)
        return json_response(report, request)

    return routes


def _simulated(parts: Parts, what: WhatToSimulate) -> Report:
    definitions = parts.simulator.definitions(what.definitions)
    if what.sop is not None and what.sop not in definitions.sops:
        raise unknown_sop(what.sop, definitions.sops)
    wanted = Wanted(what.sop, what.limit)
    if what.replay is not None:
        since = _since(what.replay.since, parts.simulator.now())
        return parts.simulator.replay(definitions, since, wanted, what.replay.customers)
    begin, events = _given(what, definitions, parts.simulator.now())
    until = what.until or begin + timedelta(days=what.days or _DAYS)
    if not begin < until <= begin + timedelta(days=_MOST_DAYS):
        said = Sentence(
            "`until` must lie after {begin}, and at most {most} days after", begin=begin.isoformat(), most=_MOST_DAYS
        )
        raise ApiProblem(422, said)
    return simulate(events, definitions, Span(begin, until), wanted)


def _since(since: datetime | str, now: datetime) -> datetime:
    if isinstance(since, datetime):
        return since
    try:
        return now - parse_duration(since)
    except (ValueError, OverflowError) as error:
        raise ApiProblem(422, Sentence("replay.since: {error}; or an RFC 3339 time", error=error.args[0])) from None


def _given(what: WhatToSimulate, definitions: Definitions, now: datetime) -> tuple[datetime, list[Event]]:
    if what.customer is not None:
        found = read_customer(orjson.dumps(what.customer), "customer", definitions, now)
        if found.cast is None:
            raise _refused(
                Sentence("the customer cannot be taken, nothing was simulated: {first}"),
                [Sentence("{problem}", problem=render_problems([each])) for each in found.problems],
            )
        return found.cast.start, found.cast.events
    feed = read_feed(orjson.dumps(what.events), "events", definitions, now)
    if feed.problems:
        said = Sentence("{number:,} events cannot be taken, nothing was simulated: {first}")
        raise _refused(said.with_values(number=len(feed.problems), first=""), feed.problems)
    return min(event.time for event in feed.events), feed.events


def _refused(said: Sentence, problems: list[Sentence]) -> ApiProblem:
    """Return the answer to what cannot be taken; `said` is filled in with the first problem."""
    return ApiProblem(422, said.with_values(first=problems[0]), extra={"problems": problems[:_SAID]})
