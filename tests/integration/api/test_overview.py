"""How things stand over HTTP: customers' facts, timelines, SOPs with counts, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.api.app import create_app
from engine.services.reports.explain import CustomerExplainer
from engine.services.reports.overview import Overview
from engine.services.reports.sop_report import SopReporter
from tests.support.pipeline import AT_ONCE, LEAD, Pipeline
from tests.support.serving import parts_on


@pytest.fixture
def client(pipeline: Pipeline, redis_url: str) -> Iterator[TestClient]:
    """A client of the whole API with a key that may read."""
    runtime = pipeline.wiring.runtime
    parts = replace(
        parts_on(pipeline.engine, redis_url),
        clock=pipeline.clock,
        customer_explainer=CustomerExplainer(runtime),
        sop_reporter=SopReporter(runtime),
        overview=Overview(runtime),
    )
    headers = {"Authorization": f"Bearer {parts.keys.create('test', ['read'])}"}
    with TestClient(create_app(parts), headers=headers, raise_server_exceptions=False) as client:
        yield client


def get(client: TestClient, path: str, **query: Any) -> Any:
    answer = client.get(f"/v1/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


# ── a customer ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_customer_is_told_with_since_when_each_fact_is_so(pipeline: Pipeline, client: TestClient) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait(hours=1)
    pipeline.post("c1", "stage.changed", value="意向客户")
    pipeline.post("c1", "customer.updated", attributes={"name": "王"}, staff={"owner": "li"})
    pipeline.post("c1", "message.opted_out", channel="log")
    pipeline.match_all()
    told = get(client, "customers/c1")
    assert told["tags"] == {"vip": {"since": "2026-03-01T02:00:00+00:00", "set_by": "crm"}}
    assert told["dimensions"] == {"stage": {"value": "意向客户", "since": "2026-03-01T03:00:00+00:00"}}
    assert (told["attributes"], told["staff"], told["opt_outs"], told["zone"]) == (
        {"name": "王"},
        {"owner": "li"},
        ["log"],
        "Asia/Shanghai",
    )
    assert [(each["sop"], each["next_step"], each["due_at"]) for each in told["timelines"]] == [
        ("lead", "d1", "2026-03-02T02:00:00+00:00")
    ]


def test_nobody_is_not_found_with_the_nearest(pipeline: Pipeline, client: TestClient) -> None:
    pipeline.tag("customer-42")
    answer = client.get("/v1/customers/customer-4")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "Did you mean `customer-42`" in answer.json()["detail"]


# ── timelines ────────────────────────────────────────────────────────────────────────────────────────────────


def test_timelines_come_in_pages_newest_first(pipeline: Pipeline, client: TestClient) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1", "c2", "c3")
    first = get(client, "timelines", limit=2)
    second = get(client, "timelines", limit=2, cursor=first["next"])
    assert [each["customer"] for each in first["timelines"] + second["timelines"]] == ["c3", "c2", "c1"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"customer": "c1"}, ["lead"]),
        ({"sop": "hello"}, ["hello"]),
        ({"state": "active"}, ["hello", "lead"]),
        ({"state": "exited"}, []),
        ({"step": "d1"}, ["lead"]),
        ({"waiting": "paused"}, ["lead"]),
        ({"customer": "nobody"}, []),
    ],
    ids=str,
)
def test_timelines_can_be_narrowed(
    pipeline: Pipeline, client: TestClient, query: dict[str, str], found: list[str]
) -> None:
    pipeline.apply(LEAD, AT_ONCE)
    pipeline.tag("c1")
    pipeline.run("insert into pauses (kind, name, since) values ('sop', 'lead', now())")
    pipeline.wait_until(1)
    pipeline.plan()
    pipeline.tag("c2", tag="new")
    told = get(client, "timelines", **query)["timelines"]
    assert sorted(each["sop"] for each in told) == found


def test_a_parked_timeline_has_no_next_look_and_an_ended_one_waits_for_nothing(
    pipeline: Pipeline, client: TestClient
) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1", "c2")
    pipeline.run("insert into pauses (kind, name, since) values ('sop', 'lead', now())")
    pipeline.post("c2", "message.received", text="预约")
    pipeline.match_all()
    pipeline.wait_until(1)
    pipeline.plan()
    ended, parked = get(client, "timelines")["timelines"]
    assert (parked["waiting"], parked["due_at"], parked["next_step"]) == ("paused", None, "d1")
    assert (ended["state"], ended["next_step"], ended["due_at"], ended["waiting"]) == ("exited", None, None, None)


@pytest.mark.parametrize(
    ("query", "status"), [({"cursor": "x"}, 400), ({"state": "asleep"}, 422), ({"limit": 0}, 422)], ids=str
)
def test_what_cannot_be_asked_is_a_problem(client: TestClient, query: dict[str, Any], status: int) -> None:
    answer = client.get("/v1/timelines", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


# ── SOPs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_sop_is_listed_with_who_is_before_each_step_and_what_became_of_touches(
    pipeline: Pipeline, client: TestClient
) -> None:
    pipeline.apply(LEAD, AT_ONCE)
    pipeline.tag("c1", "c2")
    pipeline.post("c2", "message.opted_out")
    pipeline.wait_until(1)
    pipeline.work()
    hello, lead = get(client, "sops", since="7d")["sops"]
    assert (hello["sop"], hello["active"], hello["started"]) == ("hello", 0, 0)
    assert (lead["title"], lead["version"], lead["active"], lead["started"], lead["paused"]) == ("培育", 1, 2, 2, False)
    assert [(each["step"], each["when"], each["to_come"], each["touches"]) for each in lead["steps"]] == [
        ("d1", "day 1 10:00", 0, {"sent": 1, "skipped": 1}),
        ("d3", "day 3 10:00", 2, {}),
    ]
    pipeline.wait(days=9)
    assert get(client, "sops", since="7d")["sops"][1]["started"] == 0


def test_why_is_told_over_a_time_given_as_a_duration_or_a_moment(pipeline: Pipeline, client: TestClient) -> None:
    pipeline.apply(LEAD.replace("sop: lead", "sop: lead\naccept: false"))
    pipeline.tag("c1", "c2")
    pipeline.wait(days=1)
    why = get(client, "sops/lead/why", since="2d", samples=1)
    assert (why["triggered"], why["started"], why["accepting"]) == (2, 0, False)
    (refused,) = why["refused"]
    assert (refused["reason"], refused["number"], len(refused["samples"])) == ("not_accepting", 2, 1)
    assert get(client, "sops/lead/why", since="2h")["triggered"] == 0
    at = {"since": "2026-03-01T09:00:00+08:00", "until": "2026-03-01T11:00:00+08:00"}
    assert get(client, "sops/lead/why", **at)["triggered"] == 2
    assert get(client, "sops/lead/why", reason="cooldown")["refused"] == []


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("sops/leed/why", 404, "Did you mean `lead`"),
        ("sops/lead/why?since=soon", 422, "write 7d"),
        ("sops/lead/why?since=2026-03-01T10:00:00", 422, "write 7d"),
        ("sops/lead/why?reason=capp", 400, "Did you mean `cap`"),
        ("sops/lead/why?step=d9", 400, "Its steps: d1, d3"),
        ("sops/lead/why?samples=999", 422, "samples"),
    ],
)
def test_what_there_is_not_is_a_problem_with_a_remedy(
    pipeline: Pipeline, client: TestClient, path: str, status: int, says: str
) -> None:
    pipeline.apply(LEAD)
    answer = client.get(f"/v1/{path}")
    assert (answer.status_code, says in answer.json()["detail"]) == (status, True)


def test_why_not_is_told_with_the_story(pipeline: Pipeline, client: TestClient) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1", tag="vlp")
    told = get(client, "customers/c1/explain", sop="lead")["why_not"]
    assert (told["closest"][0]["events"][0]["actual"], told["would_start"]["starts"]) == ("vlp", True)


@pytest.mark.parametrize("path", ["customers/c1", "timelines", "sops", "sops/lead/why"])
def test_reading_needs_a_key_that_may_read(client: TestClient, path: str) -> None:
    assert client.get(f"/v1/{path}", headers={"Authorization": "Bearer no"}).status_code == 401


def test_the_openapi_document_describes_what_is_told(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    why = document["paths"]["/v1/sops/{sop}/why"]["get"]
    assert why["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].startswith(
        "#/components/schemas/SopReport"
    )
    assert {"404", "422", "503"} <= set(why["responses"])
    assert {"/v1/customers/{ref}", "/v1/timelines", "/v1/sops"} <= set(document["paths"])
