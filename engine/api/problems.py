"""Every error as RFC 9457 problem+json, whoever raised it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from engine.api import language
from engine.api.validation_faults import fault
from engine.core.errors import AccessError, EventConflict, EventError, InstallationError, NotFound, SopError, TooLarge
from engine.core.foreign_texts import ForeignTexts
from engine.core.sentence import Sentence
from engine.services.pipeline.group_commit import Overloaded
from engine.store.database import DatabaseUnavailable, is_conflict

_log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = {"Retry-After": "2"}

STATUS_OF: dict[type[SopError], int] = {
    EventConflict: 409,
    EventError: 422,
    TooLarge: 413,
    NotFound: 404,
    AccessError: 401,
    DatabaseUnavailable: 503,
    Overloaded: 503,
    InstallationError: 503,
    SopError: 400,
}


class Problem(BaseModel):
    """An error as RFC 9457 has it."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class ApiProblem(Exception):
    """An error with the answer it leads to. `extra` are further members of the problem."""

    def __init__(
        self,
        status: int,
        detail: Sentence,
        *,
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra or {}


def respond(
    request: Request,
    status: int,
    detail: Sentence,
    *,
    headers: dict[str, str] | None = None,
    extra: dict[str, Any] | None = None,
) -> Response:
    """Return a problem as a response, in the language its request asks for.

    Parameters:
        detail: what is wrong and what to do about it, for a person.
        extra: further members of the problem.
    """
    wanted = language.asked_for(request)
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **(extra or {}),
    }
    said = {**(headers or {}), **language.headers(wanted)}
    return Response(orjson.dumps(language.told(body, wanted)), status, headers=said, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(ApiProblem, _own)
    app.add_exception_handler(SopError, _sop_error)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(ClientDisconnect, _gone)
    for kind in (DBAPIError, PoolTimeout):
        app.add_exception_handler(kind, _database)
    app.add_exception_handler(Exception, _unexpected)


def of_failure(error: Exception) -> ApiProblem | None:
    """Return the problem a failing database or an overload leads to, None for other errors."""
    if isinstance(error, (DatabaseUnavailable, Overloaded, InstallationError)):
        return ApiProblem(503, error.message, headers=RETRY_AFTER)
    unreachable = isinstance(error, (PoolTimeout, OperationalError, InterfaceError))
    if unreachable or (isinstance(error, DBAPIError) and is_conflict(error)):
        busy = Sentence("the database is away or too busy; nothing was taken, try again")
        return ApiProblem(503, busy, headers=RETRY_AFTER)
    return None


async def _own(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiProblem)
    return respond(request, error.status, error.detail, headers=error.headers, extra=error.extra)


async def _sop_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SopError)
    status = next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)
    return respond(request, status, error.message, headers=RETRY_AFTER if status == 503 else None)


_FRAMEWORK = ForeignTexts(Sentence("There was an error parsing the body"))
"""What FastAPI says of a request that it cannot read."""


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    details = {
        404: Sentence("nothing is at this address; /openapi.json lists what there is"),
        405: Sentence("this address does not know this method"),
    }
    said = details.get(error.status_code) or _FRAMEWORK.said(str(error.detail))
    return respond(request, error.status_code, said, headers=dict(error.headers or {}))


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [{"field": ".".join(str(part) for part in each["loc"]), "error": fault(each)} for each in error.errors()]
    said = Sentence.joined(Sentence("{field}: {error}", **each) for each in errors)
    return respond(request, 422, said, extra={"errors": errors})


async def _gone(request: Request, _error: Exception) -> Response:
    return respond(request, 400, Sentence("the connection was closed before the body was complete"))


async def _database(request: Request, error: Exception) -> Response:
    problem = of_failure(error)
    if problem is None:
        return await _unexpected(request, error)
    _log.warning("api.database_away", path=request.url.path, error=type(error).__name__)
    return await _own(request, problem)


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("api.failed", method=request.method, path=request.url.path, error=type(error).__name__, exc_info=error)
    return respond(request, 500, Sentence("something went wrong on our side; the log of the API says what"))
