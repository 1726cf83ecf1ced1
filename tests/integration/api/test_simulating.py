"""`POST /v1/simulate`: reports on what is posted, on a described customer, and on what is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.pipeline import ENGINE, LEAD, sources
from tests.support.serving import Api

TEXTS = {name: text for name, (_, text) in sources(LEAD).items()}
TAGGED = {
    "source": "crm", "id": "1", "type": "tag.added", "subject": "S1", "time": "2026-03-01T10:00:00+08:00", "data": {"tag": "vip"},
}  # fmt: skip


@pytest.fixture
def reader(api: Api) -> Iterator[httpx2.Client]:
    """A client that may only read."""
    with api.client("read") as client:
        yield client


def simulated(client: httpx2.Client, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/simulate", json={"definitions": TEXTS} | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def touches(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    lines = [line for calendar in report["calendars"] for line in calendar["lines"] if line["what"] == "touch"]
    return [(line["step"]["step"], line["at"], line["body"]["text"]) for line in lines]


def test_events_lead_to_a_calendar(reader: httpx2.Client) -> None:
    report = simulated(reader, events=[TAGGED], days=10)
    assert touches(report) == [
        ("d1", "2026-03-02T10:00:00+08:00", "第一天"), ("d3", "2026-03-04T10:00:00+08:00", "第三天"),
    ]  # fmt: skip
    assert report["totals"]["sent"] == 2


def test_a_described_customer(reader: httpx2.Client) -> None:
    customer = {"start": "2026-03-01 12:00", "events": [{"type": "tag.added", "data": {"tag": "vip"}}]}
    assert [each[0] for each in touches(simulated(reader, customer=customer, days=2))] == ["d1"]


def test_a_replay_of_customers(reader: httpx2.Client, api: Api) -> None:
    with api.client("events:write") as crm:
        assert crm.post("/v1/events", json=TAGGED | {"subject": "S7", "time": None}).status_code == 202
    answer = reader.post("/v1/simulate", json={"definitions": TEXTS, "replay": {"since": "2d", "customers": ["S8"]}})
    assert (answer.status_code, "S8" in answer.json()["detail"]) == (404, True)


def test_nothing_is_taken_in(reader: httpx2.Client, api: Api) -> None:
    simulated(reader, events=[TAGGED | {"subject": "nobody-real"}])
    found = reader.get("/v1/events", params={"customer": "nobody-real"})
    assert found.json()["events"] == []


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "exactly one of"),
        ({"events": [TAGGED], "customer": {}}, 422, "exactly one of"),
        ({"events": [TAGGED | {"time": "2026-03-01T10:00:00"}]}, 422, "has no offset"),
        ({"events": [TAGGED], "until": "2026-02-01T00:00:00Z"}, 422, "must lie after"),
        ({"customer": {"tag": ["vip"]}}, 422, "Did you mean `tags`"),
        ({"events": [TAGGED], "sop": "leed"}, 404, "lead"),
        ({"events": [TAGGED], "definitions": {"engine.yaml": ENGINE, "sops/x.yaml": "sop: x"}}, 400, "sops/x.yaml:1:1"),
        ({"replay": {"since": "often", "customers": ["S1"]}}, 422, "often"),
        ({"replay": {"customers": []}}, 422, "customers"),
    ],
)
def test_what_is_wrong_is_named(reader: httpx2.Client, body: dict[str, Any], status: int, said: str) -> None:
    answer = reader.post("/v1/simulate", json={"definitions": TEXTS} | body)
    assert answer.status_code == status, answer.text
    assert said in answer.text


@pytest.mark.parametrize(("scopes", "status"), [((), 401), (("events:write",), 403)])
def test_it_needs_a_key_that_may_read(api: Api, scopes: tuple[str, ...], status: int) -> None:
    with api.client(*scopes) as client:
        assert client.post("/v1/simulate", json={"events": [TAGGED]}).status_code == status
