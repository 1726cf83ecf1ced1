"""What the API is made of (`engine.wiring` puts it together), and what several of its routes do with parameters and answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from engine.api import language
from engine.api.problems import ApiProblem
from engine.core.sentence import Sentence
from engine.operations import Operations
from engine.ports import Clock
from engine.services.operations.api_keys import ApiKeys
from engine.services.pipeline.ingest import Ingest
from engine.services.pipeline.receipts import ReceiptRecorder
from engine.services.reports.explain import CustomerExplainer
from engine.services.reports.overview import Overview
from engine.services.reports.results import ResultsReporter
from engine.services.reports.sop_report import SopReporter
from engine.services.rollout.simulate import Simulator
from engine.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a request needs."""

    engine: Engine
    clock: Clock
    ingest: Ingest
    customer_explainer: CustomerExplainer
    results_reporter: ResultsReporter
    sop_reporter: SopReporter
    overview: Overview
    simulator: Simulator
    keys: ApiKeys
    operations: Operations
    receipt_recorder: ReceiptRecorder
    settings: Settings
    ready: Callable[[], dict[str, Any]]
    """Looks at what the API depends on; its answer's `ready` says whether events can be taken. May block."""
    version: str


def plain(text: str | None) -> str | None:
    """Return a filter as PostgreSQL can take it; no stored value contains NUL."""
    return None if text is None else text.replace("\x00", "\\u0000")


def before_id(cursor: str | None) -> int | None:
    """Return the id that a page ends above. Raises ApiProblem 400 for a cursor that no list gave."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and int(cursor) < 2**63):
        raise ApiProblem(400, Sentence("cursor is not one this list gave; leave it out to begin with the newest"))
    return int(cursor)


def json_response(body: Any, request: Request, status: int = 200) -> Response:
    """Return an answer, what it says in words in the language its request asks for. Mappings may have keys that are no texts."""
    wanted = language.asked_for(request)
    told = orjson.dumps(language.told(body, wanted), option=orjson.OPT_NON_STR_KEYS)
    return Response(told, status, headers=language.headers(wanted), media_type="application/json")
