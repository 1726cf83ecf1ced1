"""`POST /v1/events` in all its forms, and its answers."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from engine.store.database import Row, rows, run, transaction


def event(number: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "source": "crm",
        "id": f"e-{number}",
        "type": "tag.added",
        "subject": "c-1",
        "data": {"tag": "装修意向"},
        **changed,
    }


def ndjson(*lines: Any) -> bytes:
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


def post(client: httpx2.Client, body: bytes, kind: str, **query: Any) -> httpx2.Response:
    return client.post("/v1/events", content=body, headers={"Content-Type": kind}, params=query)


def inbox(engine: Engine) -> list[Row]:
    with transaction(engine) as connection:
        return rows(connection, "select * from events order by id")


def problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status and body["title"] and body["detail"]
    return body


def test_one_event_is_committed_before_the_answer(client: httpx2.Client, engine: Engine) -> None:
    response = client.post("/v1/events", json=event())
    assert response.status_code == 202
    assert response.json() == {"accepted": 1, "duplicates": 0, "rejected": [], "warnings": []}
    (row,) = inbox(engine)
    assert (row.event_id, row.data, row.backfill) == ("e-1", {"tag": "装修意向"}, False)


def test_posted_again_it_is_a_duplicate(client: httpx2.Client) -> None:
    client.post("/v1/events", json=event())
    response = client.post("/v1/events", json=event())
    assert response.status_code == 202 and response.json()["duplicates"] == 1


def test_posted_again_with_another_body_it_is_a_conflict(client: httpx2.Client) -> None:
    client.post("/v1/events", json=event())
    body = problem(client.post("/v1/events", json=event(data={"tag": "x"})), 409)
    assert body["rejected"][0]["id"] == "e-1"


def test_an_invalid_event_is_named_field_by_field(client: httpx2.Client) -> None:
    assert "data.tag is missing" in problem(client.post("/v1/events", json=event(data={})), 422)["detail"]


def test_a_near_miss_of_a_type_is_warned_of(client: httpx2.Client) -> None:
    response = client.post("/v1/events", json=event(type="tag.add"))
    assert response.status_code == 202 and "tag.added" in response.json()["warnings"][0]


def test_a_list_takes_the_valid_ones(client: httpx2.Client, engine: Engine) -> None:
    response = client.post("/v1/events", json=[event(1), event(2, subject=""), 7, event(3), event(1)])
    assert response.status_code == 202
    body = response.json()
    assert (body["accepted"], body["duplicates"]) == (2, 1)
    assert [(each["index"], each["id"]) for each in body["rejected"]] == [(1, "e-2"), (2, None)]
    assert [row.event_id for row in inbox(engine)] == ["e-1", "e-3"]


def test_a_list_of_which_nothing_is_taken_is_no_success(client: httpx2.Client) -> None:
    body = problem(client.post("/v1/events", json=[event(1, subject=""), event(2, type="X")]), 422)
    assert len(body["rejected"]) == 2 and body["accepted"] == 0


def test_an_empty_list_is_fine(client: httpx2.Client) -> None:
    assert client.post("/v1/events", json=[]).json()["accepted"] == 0


def test_a_stream_is_taken_line_by_line(client: httpx2.Client, engine: Engine) -> None:
    lines = ndjson(event(1), b"", b"{oops", event(2), b"[]") + json.dumps(event(3)).encode()
    response = post(client, lines, "application/x-ndjson")
    assert response.status_code == 202
    body = response.json()
    assert body["accepted"] == 3 and [each["index"] for each in body["rejected"]] == [1, 3]
    assert "not JSON" in body["rejected"][0]["error"]
    assert [row.event_id for row in inbox(engine)] == ["e-1", "e-2", "e-3"]


def test_a_long_stream_keeps_its_order_over_its_transactions(client: httpx2.Client, engine: Engine) -> None:
    response = post(client, ndjson(*[event(n) for n in range(6000)]), "application/x-ndjson")
    assert response.json()["accepted"] == 6000
    assert [row.event_id for row in inbox(engine)] == [f"e-{n}" for n in range(6000)]


def test_one_overlong_line_is_rejected_and_the_others_taken(client: httpx2.Client, engine: Engine) -> None:
    long = event(2, data={"tag": "x", "more": "y" * 200_000})
    body = post(client, ndjson(event(1), long, event(3), long | {"id": "last"})[:-1], "application/x-ndjson").json()
    assert body["accepted"] == 2 and [each["index"] for each in body["rejected"]] == [1, 3]
    assert "too large" in body["rejected"][0]["error"]


def test_backfill_is_stored(client: httpx2.Client, engine: Engine) -> None:
    client.post("/v1/events", json=event(1), params={"backfill": "true"})
    client.post("/v1/events", json=[event(2)], params={"backfill": "1"})
    post(client, ndjson(event(3)), "application/x-ndjson", backfill="true")
    assert [row.backfill for row in inbox(engine)] == [True, True, True]


def cloud_event(number: int = 1) -> CloudEvent:
    attributes = {"source": "crm", "id": f"e-{number}", "type": "tag.added", "subject": "客户 1%", "specversion": "1.0"}
    return CloudEvent(attributes | {"datacontenttype": "application/json"}, {"tag": "装修意向"})


@pytest.mark.parametrize("form", [to_structured, to_binary])
def test_the_official_sdk_posts_one_event(client: httpx2.Client, engine: Engine, form: Any) -> None:
    message = form(cloud_event(), JSONFormat())
    response = client.post("/v1/events", content=message.body, headers=message.headers)
    assert response.status_code == 202, response.text
    (row,) = inbox(engine)
    assert (row.source, row.event_id, row.type, row.subject, row.data) == (
        "crm",
        "e-1",
        "tag.added",
        "客户 1%",
        {"tag": "装修意向"},
    )


def test_events_of_the_official_sdk_are_taken_as_a_batch(client: httpx2.Client, engine: Engine) -> None:
    bodies = [to_structured(cloud_event(number), JSONFormat()).body for number in (1, 2)]
    response = post(client, b"[" + b",".join(bodies) + b"]", "application/cloudevents-batch+json")
    assert response.status_code == 202, response.text
    assert [row.event_id for row in inbox(engine)] == ["e-1", "e-2"]


CE = {"ce-specversion": "1.0", "ce-source": "crm", "ce-id": "e-1", "ce-type": "visit", "ce-subject": "c%20%E5%AE%A2"}


def test_binary_mode_needs_no_body(client: httpx2.Client, engine: Engine) -> None:
    assert client.post("/v1/events", headers=CE | {"ce-time": "2026-03-01T01:00:00Z"}).status_code == 202
    (row,) = inbox(engine)
    assert (row.subject, row.data) == ("c 客", {})


def test_binary_mode_refuses_what_is_not_utf8(client: httpx2.Client) -> None:
    assert "ce-subject" in problem(client.post("/v1/events", headers=CE | {"ce-subject": "%ff"}), 422)["detail"]


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        ("application/cloudevents+json", [event()], "application/cloudevents-batch+json"),
        ("application/cloudevents-batch+json", event(), "application/cloudevents+json"),
        ("application/json", "text", "must be an event"),
        ("application/json", None, "must be an event"),
    ],
)
def test_a_form_that_does_not_fit_its_content_type_names_the_right_one(
    client: httpx2.Client, kind: str, body: Any, says: str
) -> None:
    assert says in problem(post(client, json.dumps(body).encode(), kind), 422)["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=gbk"},
        {"Content-Type": "text/plain", "ce-id": "1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_other_content_types_are_refused_by_name(client: httpx2.Client, headers: dict[str, str]) -> None:
    response = client.post("/v1/events", content=b"{}", headers=headers)
    assert problem(response, 415)


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": 1,}', b"\xff", b'{"a": "\\ud800"}', b'{"a": NaN}', b"[" * 5000])
def test_what_is_not_json_is_refused_with_the_position(client: httpx2.Client, body: bytes) -> None:
    found = problem(post(client, body, "application/json"), 400)
    assert "line 1" in found["detail"] and isinstance(found["position"], int)


def test_a_byte_order_mark_does_no_harm(client: httpx2.Client) -> None:
    body = b"\xef\xbb\xbf" + json.dumps([event(n) for n in range(800)]).encode()
    assert post(client, body, "application/json").json()["accepted"] == 800


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", json.dumps(event(data={"tag": "x" * 70_000})).encode()),
        ("application/cloudevents+json", b" " * 70_000),
        ("application/json", json.dumps([event(n) for n in range(10_001)]).encode()),
        ("application/json", b"[" + b" " * 16_777_216 + b"]"),
        ("application/x-ndjson", ndjson(*[event(n) for n in range(10_001)])),
        ("application/x-ndjson", b"\n" * 16_777_217),
    ],
)
@pytest.mark.parametrize("announced", [True, False])
def test_too_much_is_refused(client: httpx2.Client, kind: str, body: bytes, announced: bool) -> None:
    content = body if announced else iter([body[at : at + 65_536] for at in range(0, len(body), 65_536)])
    try:
        response = client.post("/v1/events", content=content, headers={"Content-Type": kind})
    except (
        httpx2.WriteError,
        httpx2.ReadError,
    ):  # the server may close before a client that never listens has sent it all
        return
    problem(response, 413)


def test_a_stream_that_is_too_long_says_what_was_taken(client: httpx2.Client, engine: Engine) -> None:
    body = problem(post(client, ndjson(*[event(n) for n in range(10_001)]), "application/x-ndjson"), 413)
    assert body["accepted"] == len(inbox(engine)) > 0
    assert "posting all again is safe" in body["detail"]


def test_waiting_tells_what_each_event_led_to(client: httpx2.Client, engine: Engine) -> None:
    def match() -> None:
        while True:
            with transaction(engine) as connection:
                if run(
                    connection,
                    "update events set matched_at = now(), outcome = '{\"changed\": true}' where matched_at is null",
                ):
                    return

    matcher = threading.Thread(target=match)
    matcher.start()
    body = client.post("/v1/events", json=event(), params={"wait": 20}).json()
    matcher.join()
    assert body["events"] == [
        {"source": "crm", "id": "e-1", "type": "tag.added", "subject": "c-1", "outcome": {"changed": True}}
    ]


def test_waiting_ends_with_what_is_known(client: httpx2.Client) -> None:
    response = client.post("/v1/events", json=event(), params={"wait": 0.05})
    assert response.status_code == 202 and response.json()["events"][0]["outcome"] is None


@pytest.mark.parametrize(
    "query", [{"wait": "31"}, {"wait": "-1"}, {"wait": "nan"}, {"wait": "x"}, {"backfill": "perhaps"}]
)
def test_wrong_parameters_are_named(client: httpx2.Client, engine: Engine, query: dict[str, str]) -> None:
    assert next(iter(query)) in problem(client.post("/v1/events", json=event(), params=query), 422)["detail"]
    assert inbox(engine) == []


def test_concurrent_posts_each_get_their_own_answer(client: httpx2.Client, engine: Engine) -> None:
    bodies = [event(n) if n % 4 else event(n, subject="") for n in range(200)]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda body: client.post("/v1/events", json=body), bodies))
    assert [answer.status_code for answer in answers] == [202 if n % 4 else 422 for n in range(200)]
    assert {row.event_id for row in inbox(engine)} == {f"e-{n}" for n in range(200) if n % 4}
    with transaction(engine) as connection:
        commits = rows(connection, "select distinct xmin::text from events")
    assert len(commits) < 150, "posts that came together shared no commit"


KINDS = [
    "application/json",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/x-ndjson",
    "text/xml",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*event(), "x"]), inner, max_size=6),
    max_leaves=15,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()), st.sampled_from(KINDS))
def test_whatever_bytes_are_posted_the_server_does_not_fail(client: httpx2.Client, body: bytes, kind: str) -> None:
    response = post(client, body, kind)
    assert response.status_code < 500, response.text
    if response.status_code != 202:
        problem(response, response.status_code)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*event(), "specversion"]), JSON))
def test_whatever_an_event_holds_the_server_does_not_fail(client: httpx2.Client, changed: dict[str, Any]) -> None:
    assert post(client, json.dumps(event() | changed).encode(), "application/json").status_code < 500
