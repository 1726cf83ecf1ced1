"""A customer's story and the dispatch log over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from engine.api import problems
from engine.api.routes import customers
from engine.core.sentence import Sentence
from engine.ports import Receipt
from engine.services.reports.explain import CustomerExplainer
from tests.support.pipeline import LEAD, Pipeline
from tests.support.serving import parts_on


@pytest.fixture
def client(pipeline: Pipeline, redis_url: str) -> Iterator[TestClient]:
    """A client with a key that may read, of the routes alone."""
    explaining = CustomerExplainer(pipeline.wiring.runtime)
    parts = replace(parts_on(pipeline.engine, redis_url), customer_explainer=explaining)
    app = FastAPI()
    problems.install(app)
    app.include_router(customers.router(parts))
    headers = {"Authorization": f"Bearer {parts.keys.create('test', ['read'])}"}
    with TestClient(app, headers=headers, raise_server_exceptions=False) as client:
        yield client


def test_a_story_is_told_with_its_decisions_and_steps(pipeline: Pipeline, client: TestClient) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    told = client.get("/v1/customers/c1/explain").json()
    assert told["events"][0]["decisions"][0]["what"] == "started"
    assert [each["status"] for each in told["timelines"][0]["steps"]] == ["planned", "planned"]


ZH = {"Accept-Language": "zh"}


def test_what_was_stored_in_words_is_told_in_the_language_of_who_reads_it(
    pipeline: Pipeline, client: TestClient
) -> None:
    pipeline.apply(LEAD)
    pipeline.post("c1", "stage.changed", dimension="unheard", value="x")
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.log.answers = [Receipt("failed", Sentence("the channel did not say"))]
    pipeline.work()
    said: list[tuple[str, str]] = []
    for headers in ({}, ZH):
        story = client.get("/v1/customers/c1/explain", headers=headers).json()
        (touch,) = client.get("/v1/touches", headers=headers).json()["touches"]
        step = story["timelines"][0]["steps"][0]
        assert step["detail"] == touch["detail"]
        said.append((story["events"][0]["dropped"][0], touch["detail"]))
    assert said == [
        ("dimension `unheard` is not declared in engine.yaml; not taken.", "the channel did not say"),
        ("维度 `unheard` 未在 engine.yaml 中声明；未采用。", "渠道没有给出结果"),
    ]


def test_nobodys_story_is_not_found(client: TestClient) -> None:
    answer = client.get("/v1/customers/nobody/explain")
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")


def test_the_dispatch_log_comes_in_pages_newest_first(pipeline: Pipeline, client: TestClient) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1", "c2", "c3")
    pipeline.wait_until(1)
    pipeline.work()
    first = client.get("/v1/touches", params={"limit": 2, "status": "sent"}).json()
    second = client.get("/v1/touches", params={"limit": 2, "status": "sent", "cursor": first["next"]}).json()
    assert [each["customer"] for each in first["touches"] + second["touches"]] == ["c3", "c2", "c1"]
    assert second["next"] is None


@pytest.mark.parametrize("query", ["customer=c1", "sop=lead", "channel=log", "step=d1", "since=2026-03-01T00:00:00Z"])
def test_the_dispatch_log_can_be_narrowed(pipeline: Pipeline, client: TestClient, query: str) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.work()
    name = query.split("=", 1)[0]
    other = "2027-03-01T00:00:00Z" if name == "since" else "other"
    assert len(client.get(f"/v1/touches?{query}").json()["touches"]) == 1
    assert client.get(f"/v1/touches?{name}={other}").json()["touches"] == []


REFUSED = [
    ("cursor=x", 400),
    ("cursor=99999999999999999999", 400),
    ("status=gone", 422),
    ("since=2026-03-01T00:00:00", 422),
]


@pytest.mark.parametrize(("query", "status"), REFUSED)
def test_what_is_not_a_filter_is_refused(client: TestClient, query: str, status: int) -> None:
    assert client.get(f"/v1/touches?{query}").status_code == status


def test_reading_needs_a_key_that_may_read(client: TestClient) -> None:
    for path in ("/v1/touches", "/v1/customers/c1/explain"):
        assert client.get(path, headers={"Authorization": ""}).status_code == 401
