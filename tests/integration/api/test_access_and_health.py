"""Who may call what, errors as problems, listing, probes and metrics, and what a server away does to them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine

from engine.api.dependencies import Parts
from engine.api.intake import request_body
from engine.core.errors import AccessError, SopError
from engine.services.operations.api_keys import ApiKeys
from engine.store.database import connect, rows, run, transaction
from tests.support.serving import Api, parts_on

EVENT = {"source": "crm", "id": "e-1", "type": "visit", "subject": "c-1"}


def problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    return body


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Basic abc", "Bearer sop_zz", "Bearer sop_000000000000_" + "x" * 43]
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/events"), ("GET", "/v1/events")])
def test_without_a_valid_key_nothing_is_done(
    api: Api, engine: Engine, header: str | None, method: str, path: str
) -> None:
    with api.client() as client:
        response = client.request(
            method, path, json=EVENT, headers={"Authorization": header} if header is not None else {}
        )
    problem(response, 401)
    assert response.headers["www-authenticate"].startswith("Bearer")
    with transaction(engine) as connection:
        assert rows(connection, "select 1 from events") == []


@pytest.mark.parametrize(
    ("scope", "posting", "reading"),
    [("events:write", 202, 403), ("read", 403, 200), ("operate", 403, 403), ("admin", 202, 200)],
)
def test_a_key_may_do_what_its_scopes_say(api: Api, scope: str, posting: int, reading: int) -> None:
    with api.client(scope) as client:
        assert client.post("/v1/events", json=EVENT).status_code == posting
        assert client.get("/v1/events").status_code == reading


def test_secrets_are_not_stored(api: Api, engine: Engine) -> None:
    _, _, secret = api.key("read").split("_", 2)
    with transaction(engine) as connection:
        (row,) = rows(connection, "select * from api_keys")
    assert len(secret) >= 43 and secret not in str(row._mapping) and row.hash != secret.encode()


def test_a_key_with_another_secret_is_refused_even_when_the_right_one_is_remembered(api: Api) -> None:
    token = api.key("read")
    api.parts.keys.verify(token)
    with pytest.raises(AccessError):
        api.parts.keys.verify(token[:-4] + ("aaaa" if token[-4:] != "aaaa" else "bbbb"))


def test_a_revoked_key_ends_at_once_in_this_process(api: Api) -> None:
    token = api.key("read")
    keys = api.parts.keys
    assert keys.verify(token).scopes == {"read"}
    assert keys.revoke(token.split("_")[1])
    with pytest.raises(AccessError):
        keys.verify(token)


def test_a_remembered_key_costs_no_query(api: Api) -> None:
    keys, token = api.parts.keys, api.key("read")
    keys.verify(token)
    away = ApiKeys(connect("postgresql://nobody@127.0.0.1:1/none"), api.parts.clock)
    away._cache = keys._cache
    assert away.verify(token).name == "test"


def test_scopes_that_do_not_exist_are_refused_by_name(api: Api) -> None:
    with pytest.raises(SopError, match="Did you mean `events:write`"):
        api.key("event:write")
    with pytest.raises(SopError, match="needs a scope"):
        api.key()


def test_unknown_addresses_and_methods_are_problems(client: httpx2.Client) -> None:
    problem(client.get("/nothing"), 404)
    response = client.delete("/v1/events")
    problem(response, 405)
    assert "POST" in response.headers["allow"] or "GET" in response.headers["allow"]


def test_an_unexpected_error_shows_nothing_of_the_inside(
    serving: Callable[[Parts], Api], engine: Engine, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = serving(parts_on(engine, redis_url))

    def fail(*_: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(api.parts.ingest, "accept_each", fail)
    monkeypatch.setattr(api.parts.ingest, "accept", fail)
    with api.client("admin") as client:
        body = problem(client.post("/v1/events", json=[EVENT]), 500)
    assert "secret" not in str(body) and "Traceback" not in str(body)


def test_events_are_listed_newest_first_page_by_page(client: httpx2.Client) -> None:
    client.post("/v1/events", json=[EVENT | {"id": f"e-{n}"} for n in range(7)])
    seen, cursor = [], None
    while True:
        page = client.get("/v1/events", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [each["id"] for each in page["events"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"e-{n}" for n in range(6, -1, -1)]


def test_events_are_found_by_what_they_are(client: httpx2.Client, engine: Engine) -> None:
    others = [EVENT | {"source": "shop"}, EVENT | {"id": "e-2", "subject": '客"户'}]
    client.post(
        "/v1/events", json=[EVENT, *others, EVENT | {"id": "bad", "type": "X", "subject": '客"户'}, {"id": "bad 2"}]
    )
    with transaction(engine) as connection:
        run(connection, "update events set matched_at = now(), outcome = '{}' where event_id = 'e-2'")

    def found(**query: str) -> list[tuple[str | None, str | None]]:
        listed = client.get("/v1/events", params=query).json()["events"]
        return [(each["source"], each["id"]) for each in listed]

    assert found(id="e-1") == [("shop", "e-1"), ("crm", "e-1")]
    assert found(id="e-1", source="crm") == [("crm", "e-1")]
    assert found(customer='客"户') == [("crm", "e-2")]
    assert found(outcome="matched") == [("crm", "e-2")]
    assert found(outcome="unmatched") == [("shop", "e-1"), ("crm", "e-1")]
    assert found(outcome="rejected") == [(None, "bad 2"), ("crm", "bad")]
    assert found(outcome="rejected", customer='客"户') == [("crm", "bad")]
    assert found(outcome="rejected", id="bad 2") == [(None, "bad 2")]
    assert found(id="\x00") == [] == found(customer="nobody")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": 0}, 422),
        ({"limit": 501}, 422),
        ({"outcome": "lost"}, 422),
        ({"cursor": "!"}, 400),
        ({"cursor": "LTE"}, 400),
        ({"cursor": "9" * 64}, 400),
    ],
)
def test_wrong_queries_are_problems(client: httpx2.Client, query: dict[str, Any], status: int) -> None:
    problem(client.get("/v1/events", params=query), status)


def test_probes_and_metrics_need_no_key(api: Api, engine: Engine) -> None:
    with api.client() as client, api.client("admin") as writer:
        writer.post("/v1/events", json=EVENT)
        with transaction(engine) as connection:
            run(connection, "insert into heartbeats values ('beat', now() - interval '5s')")
        assert client.get("/healthz").json() == {"status": "ok", "version": "test"}
        ready = client.get("/readyz")
        assert ready.status_code == 200 and ready.json()["status"] == "ready" and ready.json()["redis"] == "ok"
        text = client.get("/metrics").text
    assert "sop_events_accepted_total 1.0" in text and "sop_events_unmatched 1.0" in text
    assert "sop_due_backlog 0.0" in text and "sop_dead_letters 0.0" in text and "sop_beat_age_seconds 5." in text


def test_without_beat_or_redis_the_api_still_is_ready(serving: Callable[[Parts], Api], engine: Engine) -> None:
    api = serving(parts_on(engine, "redis://127.0.0.1:1/0"))
    with api.client("admin") as client:
        assert client.post("/v1/events", json=EVENT).status_code == 202
        body = client.get("/readyz").json()
    assert body["ready"] and body["status"] == "degraded"
    assert body["redis"] == "away" and body["beat"] == {"state": "never seen", "age_seconds": None}


def test_an_old_schema_makes_it_unready(client: httpx2.Client, engine: Engine) -> None:
    with transaction(engine) as connection:
        run(connection, "update alembic_version set version_num = '0000'")
    response = client.get("/readyz")
    assert response.status_code == 503 and "sop db upgrade" in response.json()["schema"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"{}", "application/json"), (b"[{}]", "application/json"), (b"{}\n", "application/x-ndjson")],
)
def test_with_the_database_away_posts_are_told_to_come_again(
    serving: Callable[[Parts], Api], api: Api, redis_url: str, body: bytes, kind: str
) -> None:
    away = serving(parts_on(connect("postgresql://nobody@127.0.0.1:1/none"), redis_url))
    token = api.key("admin")
    api.parts.keys.verify(token)
    with httpx2.Client(base_url=away.url, headers={"Authorization": f"Bearer {token}", "Content-Type": kind}) as client:
        unknown_key = client.post("/v1/events", content=body)
        away.parts.keys._cache = api.parts.keys._cache
        known_key = client.post("/v1/events", content=body)
        assert client.get("/readyz").status_code == 503
        assert client.get("/metrics").status_code == 200
        assert client.get("/healthz").status_code == 200
    for response in (unknown_key, known_key):
        problem(response, 503)
        assert int(response.headers["retry-after"]) > 0


def test_a_body_that_trickles_in_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "READ_SECONDS", 0.2)
    host, port = api.url.removeprefix("http://").split(":")
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key('admin')}\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 408") and b"application/problem+json" in answer


def test_openapi_describes_the_forms_of_events(client: httpx2.Client) -> None:
    document = client.get("/openapi.json").json()
    post = document["paths"]["/v1/events"]["post"]
    assert set(post["requestBody"]["content"]) == {
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "application/x-ndjson",
    }
    assert {"202", "400", "401", "403", "408", "409", "413", "415", "422", "503"} <= set(post["responses"])
    parameters = {each["name"] for each in post["parameters"]}
    assert parameters == {"backfill", "wait"}
    assert set(post["security"][0]) <= set(document["components"]["securitySchemes"])
