"""What came of an SOP, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from engine.api import problems
from engine.api.routes import results as api
from engine.services.reports.results import ResultsReporter
from tests.support.pipeline import ENGINE, START, Pipeline
from tests.support.results_population import AB, STAFFED
from tests.support.serving import parts_on


@pytest.fixture
def client(pipeline: Pipeline, redis_url: str) -> Iterator[TestClient]:
    """A client with a key that may read, of this route alone."""
    counting = ResultsReporter(pipeline.wiring.runtime)
    parts = replace(parts_on(pipeline.engine, redis_url), results_reporter=counting, clock=pipeline.clock)
    app = FastAPI()
    problems.install(app)
    app.include_router(api.router(parts))
    headers = {"Authorization": f"Bearer {parts.keys.create('test', ['read'])}"}
    with TestClient(app, headers=headers, raise_server_exceptions=False) as client:
        yield client


def test_results_over_http(pipeline: Pipeline, client: TestClient) -> None:
    pipeline.apply(AB.replace("20%", "0%"), engine=ENGINE + STAFFED)
    pipeline.tag("c1", "c2")
    pipeline.post("c1", "purchase", order="A", amount=1)
    pipeline.match_all()
    told = client.get("/v1/sops/lead/results").json()
    assert (told["sop"], told["goal"], told["goal_within_seconds"], told["confidence"]) == (
        "lead", "event: type purchase", 2_592_000, 0.95,
    )  # fmt: skip
    treated = told["arms"][0]
    assert treated["rate"]["rate"] == 0.5
    assert treated["rate"]["low"] < 0.5 < treated["rate"]["high"]
    assert treated["open"] == 1
    later = (START + timedelta(hours=1)).isoformat()
    pipeline.wait(days=1)
    assert client.get("/v1/sops/lead/results", params={"since": later}).json()["arms"][0]["timelines"] == 0
    assert client.get("/v1/sops/lead/results", params={"until": later}).json()["arms"][0]["timelines"] == 2


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("leed/results", 404),
        ("lead/results?since=2026-03-01T00:00:00", 422),
        ("lead/results?since=2027-03-01T00:00:00Z", 400),
        ("LEAD/results", 422),
    ],
)
def test_what_cannot_be_told_is_refused(pipeline: Pipeline, client: TestClient, path: str, status: int) -> None:
    pipeline.apply(AB, engine=ENGINE + STAFFED)
    assert client.get(f"/v1/sops/{path}").status_code == status


def test_reading_needs_a_key_that_may_read(client: TestClient) -> None:
    assert client.get("/v1/sops/lead/results", headers={"Authorization": ""}).status_code == 401
