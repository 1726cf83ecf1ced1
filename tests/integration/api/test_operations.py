"""Operating over HTTP: every call needs its scope, is audited under its key, and says what it did."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from engine.api.dependencies import Parts
from engine.core.sentence import Sentence
from engine.ports import Receipt
from engine.services.operations.api_keys import ApiKeys
from engine.store.database import transaction
from engine.store.state.inbox import DeadLetter, add_dead_letter
from tests.support.pipeline import AT_ONCE, LEAD, Pipeline
from tests.support.serving import Api, parts_on

POSTS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/sops/lead/pause", {}),
    ("/v1/sops/lead/resume", {}),
    ("/v1/sops/lead/start", {"customer": "c1"}),
    ("/v1/sops/lead/recall", {"step": "d1"}),
    ("/v1/sops/lead/test-send", {"step": "d1", "to": "c1"}),
    ("/v1/pauses", {"all": True}),
    ("/v1/pauses/resume", {"channel": "log"}),
    ("/v1/timelines/1/cancel", {}),
    ("/v1/touches/1/retry", {}),
    ("/v1/customers/c1/opt-out", {}),
    ("/v1/customers/c1/opt-in", {}),
    ("/v1/dead-letters/1/replay", {}),
    ("/v1/dead-letters/1/discard", {}),
]


@pytest.fixture
def served(serving: Callable[[Parts], Api], pipeline: Pipeline, redis_url: str) -> Api:
    """The API over the pipeline: the same database, clock and channels."""
    parts = parts_on(pipeline.engine, redis_url)
    keys = ApiKeys(pipeline.engine, pipeline.clock)
    return serving(replace(parts, clock=pipeline.clock, keys=keys, operations=pipeline.wiring.operations))


@pytest.fixture
def client(served: Api) -> Iterator[httpx2.Client]:
    """A client that may operate and read."""
    with served.client("operate", "read") as client:
        yield client


@pytest.mark.parametrize(("path", "body"), POSTS, ids=[path for path, _ in POSTS])
def test_operating_needs_a_key_that_may(served: Api, path: str, body: dict[str, Any]) -> None:
    with served.client() as nobody, served.client("read", "events:write") as reader:
        assert nobody.post(path, json=body).status_code == 401
        refused = reader.post(path, json=body)
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
    assert "`operate`" in refused.json()["detail"]


def _with_id(found: re.Match[str]) -> str:
    name = found[1].removeprefix("dead-")
    return f"/{found[1]}{found[2]}/{{{name}}}/"


def test_every_call_is_in_the_openapi_document_with_its_problems(client: httpx2.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, _ in POSTS:
        shown = path.replace("/sops/lead/", "/sops/{sop}/").replace("/customers/c1/", "/customers/{ref}/")
        shown = re.sub(r"/(timeline|touch|dead-letter)(e?s)/1/", _with_id, shown)
        post = paths[shown]["post"]
        assert {"200", "400", "401", "403", "404", "503"} <= set(post["responses"])
        assert post["security"] == [{"key": []}]


def test_a_pause_and_its_end(pipeline: Pipeline, client: httpx2.Client) -> None:
    pipeline.apply(AT_ONCE)
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()
    paused = client.post("/v1/sops/hello/pause", json={"reason": "typo"}).json()
    assert (paused["changed"], paused["touches"], paused["reason"]) == (True, 1, "typo")
    assert client.post("/v1/sops/hello/pause").json()["changed"] is False
    (listed,) = client.get("/v1/pauses").json()["pauses"]
    assert (listed["kind"], listed["name"], listed["reason"]) == ("sop", "hello", "typo")
    pipeline.work()
    assert pipeline.log.delivered == []
    resumed = client.post("/v1/sops/hello/resume").json()
    assert (resumed["changed"], resumed["touches"]) == (True, 1)
    pipeline.work()
    assert pipeline.log.steps == [("c1", "hi")]


def test_a_channel_or_all_can_be_paused_but_not_both_or_neither(pipeline: Pipeline, client: httpx2.Client) -> None:
    pipeline.apply(AT_ONCE)
    assert client.post("/v1/pauses", json={"channel": "log"}).json()["scope"] == {"kind": "channel", "name": "log"}
    assert client.post("/v1/pauses", json={"all": True}).json()["scope"] == {"kind": "all", "name": ""}
    for body in ({}, {"all": True, "channel": "log"}, {"all": False}, {"al": True}):
        assert client.post("/v1/pauses", json=body).status_code == 422
    assert client.post("/v1/pauses/resume", json={"all": True, "skip_missed": True}).json()["changed"] is True


def test_a_start_says_what_the_matcher_decided_or_that_it_is_not_known_yet(
    pipeline: Pipeline, client: httpx2.Client
) -> None:
    pipeline.apply(LEAD)
    pipeline.post("c1", "visit")
    pipeline.match_all()
    asked = client.post(
        "/v1/sops/lead/start?wait=0", json={"customer": "c1"}, headers={"Idempotency-Key": "k-1"}
    ).json()
    assert (asked["changed"], asked["started"]) == (True, None)
    pipeline.match_all()
    again = client.post("/v1/sops/lead/start", json={"customer": "c1"}, headers={"Idempotency-Key": "k-1"}).json()
    assert (again["event"], again["changed"], again["started"]) == (asked["event"], False, True)
    other = client.post("/v1/sops/lead/start?wait=0", json={"customer": "c1"}).json()
    pipeline.match_all()
    assert pipeline.event(other["event"]).outcome["refused"][0]["reason"] == "already_active"


def test_touches_are_recalled_cancelled_and_retried(pipeline: Pipeline, client: httpx2.Client) -> None:
    pipeline.apply(AT_ONCE)
    pipeline.tag("c1", "c2", tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()
    pipeline.log.answers = [Receipt("failed"), Receipt("sent")]
    pipeline.send()
    failed, sent = pipeline.touches()
    assert client.post(f"/v1/touches/{failed.id}/retry").json()["verdict"] == "queued"
    refused = client.post(f"/v1/touches/{sent.id}/retry")
    assert (refused.status_code, refused.json()["verdict"]) == (409, "wrong_status")
    assert client.post("/v1/touches/999/retry").status_code == 404
    assert client.post("/v1/sops/hello/recall", json={"step": "hi"}).json()["queued"] == 1
    cancelled = client.post(f"/v1/timelines/{sent.timeline_id}/cancel", json={"reason": "asked"}).json()
    assert (cancelled["changed"], cancelled["customer"]) == (True, "c2")


def test_a_test_send_shows_what_was_sent(pipeline: Pipeline, client: httpx2.Client) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    tried = client.post("/v1/sops/lead/test-send", json={"step": "d1", "to": "c1"}).json()
    assert (tried["outcome"], tried["body"], tried["in_sop"]) == ("sent", {"text": "第一天"}, True)


def test_a_customer_is_opted_out_and_in_again(pipeline: Pipeline, client: httpx2.Client) -> None:
    pipeline.apply(AT_ONCE)
    pipeline.post("c1", "visit")
    pipeline.match_all()
    assert client.post("/v1/customers/c1/opt-out", json={"channel": "log"}).json()["changed"] is True
    pipeline.match_all()
    assert client.post("/v1/customers/c1/opt-out", json={"channel": "log"}).json()["changed"] is False
    assert client.post("/v1/customers/c1/opt-in").json()["changed"] is True


def test_dead_letters_are_listed_and_discarded(pipeline: Pipeline, client: httpx2.Client) -> None:
    pipeline.run(
        "insert into dead_letters (kind, ref, subject, error, at) values ('cascade', 'x', 'c1', 'a → b', now())"
    )
    (letter,) = client.get("/v1/dead-letters").json()["dead_letters"]
    assert client.post(f"/v1/dead-letters/{letter['id']}/replay").status_code == 400
    assert client.post(f"/v1/dead-letters/{letter['id']}/discard").json() == {"letter": letter["id"]}
    assert client.get("/v1/dead-letters").json()["dead_letters"] == []


ZH = {"Accept-Language": "zh"}


def test_what_was_stored_of_a_dead_letter_is_told_in_the_language_of_who_reads_it(
    pipeline: Pipeline, client: httpx2.Client
) -> None:
    cut = Sentence("SOPs set each other off more than {most} deep: {loop}", most=8, loop="a → b")
    with transaction(pipeline.engine) as connection:
        add_dead_letter(connection, DeadLetter("cascade", "x", "c1", cut), pipeline.clock.at)
    (english,) = client.get("/v1/dead-letters").json()["dead_letters"]
    answer = client.get("/v1/dead-letters", headers=ZH)
    assert answer.headers["content-language"] == "zh"
    (chinese,) = answer.json()["dead_letters"]
    assert english["error"] == "SOPs set each other off more than 8 deep: a → b"
    assert chinese["error"] == "SOP 相互触发超过 8 层：`a → b`"
    assert "SOP 相互触发" in client.post(f"/v1/dead-letters/{english['id']}/replay", headers=ZH).json()["detail"]
    client.post(f"/v1/dead-letters/{english['id']}/discard")
    for headers, error in (({}, english["error"]), (ZH, chinese["error"])):
        (line,) = client.get("/v1/audit", params={"action": "dead_letter.discard"}, headers=headers).json()["audit"]
        assert line["detail"]["error"] == error


def test_what_a_channel_said_of_a_test_is_told_and_audited_in_either_language(
    pipeline: Pipeline, client: httpx2.Client
) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.log.answers = [Receipt("sent", Sentence("written to the log"))]
    tried = client.post("/v1/sops/lead/test-send", json={"step": "d1", "to": "c1"}, headers=ZH)
    assert (tried.headers["content-language"], tried.json()["detail"]) == ("zh", "已写入日志")
    lines = client.get("/v1/audit", params={"action": "test_send.result"}).json()["audit"]
    assert [each["detail"]["detail"] for each in lines] == ["written to the log"]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/sops/leed/pause", {}, "Did you mean `lead`?"),
        ("/v1/pauses", {"channel": "lok"}, "Did you mean `log`?"),
        ("/v1/sops/lead/recall", {"step": "d11"}, "Did you mean `d1`?"),
        ("/v1/customers/c11/opt-out", {}, "Did you mean `c1`?"),
        ("/v1/sops/lead/start", {"customer": "c11"}, "Did you mean `c1`?"),
        ("/v1/timelines/99/cancel", {}, "no timeline has the id 99"),
        ("/v1/dead-letters/99/replay", {}, "no dead letter has the id 99"),
    ],
)
def test_a_name_that_leads_nowhere_is_a_404_with_the_nearest(
    pipeline: Pipeline, client: httpx2.Client, path: str, body: dict[str, Any], said: str
) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/v1/sops/%00/pause", "/v1/customers/%00/opt-out", "/v1/timelines/0/cancel"])
def test_what_no_name_can_be_is_refused(client: httpx2.Client, path: str) -> None:
    assert client.post(path).status_code == 422


def test_everything_is_audited_under_the_key_that_called(pipeline: Pipeline, client: httpx2.Client) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    client.post("/v1/sops/lead/pause")
    client.post("/v1/sops/lead/resume")
    client.post("/v1/customers/c1/opt-out")
    first = client.get("/v1/audit", params={"limit": 2}).json()
    rest = client.get("/v1/audit", params={"before": first["next"]}).json()
    assert [each["action"] for each in first["audit"]] == ["opt_out", "resume"]
    assert [each["action"] for each in rest["audit"]] == ["pause", "definitions.apply"]
    assert {each["who"].split(":")[0] for each in first["audit"]} == {"key"}
    assert rest["next"] is None
