"""Answers in the language of Accept-Language: problems, warnings, and what is stored and told later."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine

from engine.store.database import run, transaction

ZH = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}


def event(**changed: Any) -> dict[str, Any]:
    return {"source": "crm", "id": "e-1", "type": "tag.added", "subject": "c-1", "data": {"tag": "装修意向"}, **changed}


def said_in(response: httpx2.Response) -> tuple[str, str]:
    return response.headers["content-language"], response.headers["vary"]


def test_a_problem_is_told_in_the_language_asked_for(client: httpx2.Client) -> None:
    response = client.post("/v1/events", json=event(data={}), headers=ZH)
    body = response.json()
    assert said_in(response) == ("zh", "Accept-Language")
    assert (body["title"], body["status"]) == ("Unprocessable Content", 422) or body["title"]
    assert body["detail"] == "缺少 `data.tag`；应为 1 至 200 个字符的文本，例如 `装修意向`。"
    assert body["rejected"][0]["error"] == body["detail"]


@pytest.mark.parametrize("language", [None, "*", "fr", "en-GB", "zh;q=0", "zh;q=0.1, en"])
def test_english_is_told_where_nothing_else_is_asked_for(client: httpx2.Client, language: str | None) -> None:
    response = client.get("/v1/nothing", headers={"Accept-Language": language} if language else {})
    assert said_in(response) == ("en", "Accept-Language")
    assert response.json()["detail"] == "nothing is at this address; /openapi.json lists what there is"


def test_validation_names_each_field_in_the_language(client: httpx2.Client) -> None:
    response = client.post("/v1/sops/lead/start", json={"customer": "", "anchor": "2026-03-01", "more": 1}, headers=ZH)
    body = response.json()
    assert response.status_code == 422 and "；" in body["detail"]
    errors = {each["field"]: each["error"] for each in body["errors"]}
    assert errors["body.more"] == "未知的键" and errors["body.customer"] == "至少要有 1 个字符"
    english = client.post("/v1/sops/lead/start", json={"customer": "", "more": 1}).json()
    assert english["detail"] == (
        "body.customer: String should have at least 1 character; body.more: Extra inputs are not permitted"
    )


def test_warnings_of_taken_events_are_told_in_the_language(client: httpx2.Client) -> None:
    response = client.post("/v1/events", json=event(type="tag.add"), headers=ZH)
    assert (response.status_code, said_in(response)) == (202, ("zh", "Accept-Language"))
    assert response.json()["warnings"] == ["类型 `tag.add` 按自定义类型接收；是不是想写 `tag.added`？"]


def test_what_an_event_was_rejected_for_is_told_later_in_either_language(client: httpx2.Client) -> None:
    client.post("/v1/events", json=event(subject=7))
    query = {"outcome": "rejected"}
    (english,) = client.get("/v1/events", params=query).json()["events"]
    (chinese,) = client.get("/v1/events", params=query, headers=ZH).json()["events"]
    assert english["error"] == "subject is 7, not text; every event needs a subject: text of 1 to 200 characters"
    assert chinese["error"] == "`subject` 是 7，不是文本；每个事件都需要 `subject`：1 至 200 个字符的文本"


def test_what_an_older_version_stored_is_told_as_it_stands(client: httpx2.Client, engine: Engine) -> None:
    with transaction(engine) as connection:
        run(connection, "insert into rejected_events (received_at, error, body) values (now(), 'no id', '')")
    (found,) = client.get("/v1/events", params={"outcome": "rejected"}, headers=ZH).json()["events"]
    assert found["error"] == "no id"
