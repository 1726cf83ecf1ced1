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

from engine.core.errors import AccessError, EventConflict, EventError, InstallationError, NotFound, SopError, TooLarge
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
        self, status: int, detail: str, *, headers: dict[str, str] | None = None, extra: dict[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra or {}


def respond(
    status: int, detail: str, *, headers: dict[str, str] | None = None, extra: dict[str, Any] | None = None
) -> Response:
    """Return a problem as a response.

    Parameters:
        detail: what is wrong and what to do about it, for a person.
        extra: further members of the problem.
    """
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **(extra or {}),
    }
    return Response(orjson.dumps(body), status, headers=headers, media_type=MEDIA_TYPE)


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
        return ApiProblem(503, str(error), headers=RETRY_AFTER)
    unreachable = isinstance(error, (PoolTimeout, OperationalError, InterfaceError))
    if unreachable or (isinstance(error, DBAPIError) and is_conflict(error)):
        return ApiProblem(503, "the database is away or too busy; nothing was taken, try again", headers=RETRY_AFTER)
    return None


async def _own(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiProblem)
    return respond(error.status, error.detail, headers=error.headers, extra=error.extra)


async def _sop_error(_request: Request, error: Exception) -> Response:
    status = next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)
    return respond(status, str(error), headers=RETRY_AFTER if status == 503 else None)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    details = {
        404: "nothing is at this address; /openapi.json lists what there is",
        405: "this address does not know this method",
    }
    return respond(
        error.status_code, details.get(error.status_code, str(error.detail)), headers=dict(error.headers or {})
    )


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"field": ".".join(str(part) for part in each["loc"]), "error": str(each["msg"])} for each in error.errors()
    ]
    return respond(422, "; ".join(f"{each['field']}: {each['error']}" for each in errors), extra={"errors": errors})


async def _gone(_request: Request, _error: Exception) -> Response:
    return respond(400, "the connection was closed before the body was complete")


async def _database(request: Request, error: Exception) -> Response:
    problem = of_failure(error)
    if problem is None:
        return await _unexpected(request, error)
    _log.warning("api.database_away", path=request.url.path, error=type(error).__name__)
    return await _own(request, problem)


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("api.failed", method=request.method, path=request.url.path, error=type(error).__name__, exc_info=error)
    return respond(500, "something went wrong on our side; the log of the API says what")
