"""The processes of docker-compose.yml, by the commands that stand there: events in by every form, signed touches out."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
import redis
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tests.acceptance.installation import COMPOSE, ONCE, RUNNING, Installation, empty_database, eventually
from tests.conftest import Servers
from tests.support.receiver import SECRET, Receiver

NAME = "慕容复"
"""A name that must not turn up in any log."""
ENGINE = """
timezone: Asia/Shanghai
attributes: {name: text}
channels:
  crm: {type: webhook, url: "${CRM_URL}", secret: "${CRM_SECRET}"}
"""
HELLO = """
sop: hello
title: 欢迎
trigger: [{tag_added: 装修意向}]
steps:
  - {id: at-once, after: 0s, channel: crm, message: {text: "{{ customer.name | default('您好') }}，资料发您了"}}
"""
SOON = """
sop: soon
title: 跟进
trigger: [{tag_added: 装修意向}]
steps:
  - {id: second, after: 1s, channel: crm, message: {text: "看了吗"}}
"""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def installation(servers: Servers, receiver: Receiver) -> Iterator[Installation]:
    definitions = {"engine.yaml": ENGINE, "sops/hello.yaml": HELLO, "sops/soon.yaml": SOON}
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    with (
        empty_database(servers.database_url, "sop_acceptance_compose") as database,
        Installation(database, servers.redis_url, definitions, CRM_URL=receiver.url, CRM_SECRET=SECRET) as installation,
    ):
        installation.set_up()
        yield installation


def event(customer: str, kind: str = "tag.added", number: int = 1, **data: Any) -> dict[str, Any]:
    posted = {"specversion": "1.0", "source": "crm", "id": f"{customer}/{number}", "type": kind, "subject": customer}
    return {**posted, "data": data or {"tag": "装修意向"}}


def named(customer: str) -> dict[str, Any]:
    return event(customer, "customer.updated", 0, attributes={"name": NAME})


def curl(installation: Installation, body: Any, *headers: str) -> dict[str, Any]:
    """Post with curl; return the answer."""
    sent = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    options = [
        option for header in (f"Authorization: Bearer {installation.key}", *headers) for option in ("--header", header)
    ]
    command = [
        "curl",
        "--silent",
        "--show-error",
        "--fail-with-body",
        *options,
        "--data-binary",
        "@-",
        f"{installation.url}/v1/events",
    ]
    done = subprocess.run(command, input=sent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def binary(installation: Installation, customer: str) -> dict[str, Any]:
    posted = event(customer)
    data = posted.pop("data")
    return curl(
        installation, data, "Content-Type: application/json", *(f"ce-{name}: {value}" for name, value in posted.items())
    )


def sdk(installation: Installation, customer: str, write: Callable[[CloudEvent, JSONFormat], Any]) -> dict[str, Any]:
    """Post what the official SDK makes of an event."""
    posted = event(customer)
    message = write(CloudEvent(posted, posted.pop("data")), JSONFormat())
    headers = {**message.headers, "Authorization": f"Bearer {installation.key}"}
    answer = httpx2.post(f"{installation.url}/v1/events", content=message.body, headers=headers)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


FORMS: dict[str, Callable[[Installation, str], dict[str, Any]]] = {
    "json": lambda to, who: curl(to, event(who), "Content-Type: application/json"),
    "array": lambda to, who: curl(to, [named(who), event(who)], "Content-Type: application/json"),
    "ndjson": lambda to, who: curl(
        to, f"{json.dumps(named(who))}\n{json.dumps(event(who))}\n", "Content-Type: application/x-ndjson"
    ),
    "structured": lambda to, who: curl(to, event(who), "Content-Type: application/cloudevents+json"),
    "batch": lambda to, who: curl(to, [named(who), event(who)], "Content-Type: application/cloudevents-batch+json"),
    "binary": binary,
    "sdk-structured": lambda to, who: sdk(to, who, to_structured),
    "sdk-binary": lambda to, who: sdk(to, who, to_binary),
}


def received(receiver: Receiver, customer: str, count: int) -> list[dict[str, Any]]:
    """Return what came for a customer, once there is so much of it."""

    def found() -> list[dict[str, Any]]:
        return [request for request in receiver.requests() if request["customer"] == customer]

    return list(eventually(lambda: found() if len(found()) >= count else None, f"{count} touches for {customer}"))


def digest(request: dict[str, Any], text: str) -> str:
    """Return the hash of the bytes that docs/channels.md promises."""
    names = ("customer", "due_at", "key", "kind", "sop", "step")
    whole = {"body": {"text": text}, "type": "touch", **{name: request[name] for name in names}}
    written = json.dumps(dict(sorted(whole.items())), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()


def test_every_service_of_the_compose_file_is_started_here() -> None:
    ours = {name for name, service in COMPOSE["services"].items() if service["image"] == "sop-engine:local"}
    assert ours == {*ONCE, *RUNNING}


@pytest.fixture(scope="module")
def answers(installation: Installation) -> dict[str, dict[str, Any]]:
    """What posting in each form was answered: all are posted before the first touches are waited for."""
    return {form: post(installation, f"by-{form}") for form, post in FORMS.items()}


@pytest.mark.parametrize("form", FORMS)
def test_posted_in_any_form_an_event_leads_to_signed_touches(
    answers: dict[str, dict[str, Any]], receiver: Receiver, form: str
) -> None:
    customer, answer = f"by-{form}", answers[form]
    assert answer["rejected"] == [] and answer["accepted"] in (1, 2), answer
    touches = received(receiver, customer, 2)
    assert sorted(touch["step"] for touch in touches) == ["at-once", "second"]
    assert all(touch["status"] == 200 and touch["verified"] is True and touch["attempt"] == "1" for touch in touches), (
        touches
    )
    assert len({touch["key"] for touch in touches}) == 2
    name = NAME if answer["accepted"] == 2 else "您好"
    texts = {"at-once": f"{name}，资料发您了", "second": "看了吗"}
    assert {touch["body_sha256"] for touch in touches} == {digest(touch, texts[touch["step"]]) for touch in touches}


def test_a_key_made_by_the_command_line_may_only_post(installation: Installation) -> None:
    made = installation.sop("key", "create", "crm", "--scope", "events:write")
    assert made.returncode == 0, made.stderr
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    assert httpx2.post(f"{installation.url}/v1/events", json=event("by-key"), headers=headers).status_code == 202
    assert httpx2.get(f"{installation.url}/v1/events", headers=headers).status_code == 403


def test_the_command_line_posts_and_tells_the_story(installation: Installation, receiver: Receiver) -> None:
    posted = installation.sop("event", "tag.added", "by-hand", "tag=装修意向", "--wait", "--json")
    assert posted.returncode == 0, posted.stdout + posted.stderr
    (outcome,) = json.loads(posted.stdout)["events"]
    assert [start["sop"] for start in outcome["outcome"]["started"]] == ["hello", "soon"], outcome
    received(receiver, "by-hand", 2)
    eventually(
        lambda: installation.count("select count(*) from touches where status <> 'sent'") == 0,
        "every touch is recorded",
    )
    story = installation.sop("explain", "by-hand")
    assert story.returncode == 0 and "hello" in story.stdout and "at-once" in story.stdout, story.stdout + story.stderr
    log = installation.sop("log", "--customer", "by-hand", "--json")
    rows = [json.loads(line) for line in log.stdout.splitlines()]
    assert {(row["step"], row["status"]) for row in rows} == {("at-once", "sent"), ("second", "sent")}


def test_an_applied_change_goes_out_without_a_restart(installation: Installation, receiver: Receiver) -> None:
    installation.define("sops/hello.yaml", HELLO.replace("资料发您了", "户型图发您了"))
    applied = installation.sop("apply", str(installation.folder / "sop_definitions"))
    assert applied.returncode == 0, applied.stdout + applied.stderr
    curl(installation, event("after-apply"), "Content-Type: application/json")
    first = next(touch for touch in received(receiver, "after-apply", 2) if touch["step"] == "at-once")
    assert first["body_sha256"] == digest(first, "您好，户型图发您了")


@pytest.mark.parametrize("service", RUNNING)
def test_the_health_check_of_the_compose_file_passes(installation: Installation, service: str) -> None:
    checked = installation.check_health(service)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_stopped_they_end_well_and_have_logged_json_without_personal_data(installation: Installation) -> None:
    running = [service for service in RUNNING if installation.is_running(service)]
    codes = {service: installation.stop(service) for service in running}
    assert codes == dict.fromkeys(RUNNING, 0)
    for service in RUNNING:
        printed = installation.printed(service, "err")
        assert installation.printed(service, "out").strip() in (
            "",
            "worker: Warm shutdown (MainProcess)",
        )  # Celery's own words
        assert not any(private in printed for private in (NAME, "资料发您了", SECRET, installation.key)), printed
        for line in printed.splitlines():
            assert {"event", "level", "timestamp", "process"} <= set(json.loads(line)), line
