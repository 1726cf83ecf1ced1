"""How a channel is made of its section of engine.yaml, and what is refused."""

from __future__ import annotations

import base64
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from engine.channels.log import LogChannel
from engine.channels.registry import TYPES, build
from engine.channels.webhook import WebhookChannel, WebhookConfig
from engine.core.errors import ChannelError
from engine.ports import Channel
from tests.support.chinese import english_left

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
ENV = {"CRM_URL": "https://crm.example/hooks", "CRM_SECRET": SECRET, "CRM_TOKEN": "t0p-s3cret"}


def wall() -> datetime:
    return datetime(2026, 11, 21, 12, tzinfo=UTC)


def webhook(**changes: Any) -> dict[str, Any]:
    """Return a section of type webhook that is fine; None removes a field."""
    section = {"type": "webhook", "url": "${CRM_URL}", "secret": "${CRM_SECRET}", **changes}
    return {field: value for field, value in section.items() if value is not None}


def made(section: dict[str, Any], env: dict[str, str] | None = None) -> Channel:
    return build("crm", section, ENV if env is None else env, wall=wall)


def refusal(section: dict[str, Any], env: dict[str, str] | None = None) -> str:
    with pytest.raises(ChannelError) as caught:
        made(section, env)
    assert english_left(caught.value.message) == []
    return str(caught.value)


def test_a_webhook_takes_its_address_and_secret_from_the_environment() -> None:
    channel = made(webhook(timeout="2500ms", concurrency=3))

    assert isinstance(channel, WebhookChannel)
    assert (channel.name, channel.timeout, channel.concurrency) == ("crm", 2.5, 3)
    assert (channel.batch_size, channel.honours_key) == (32, True)


def test_defaults_of_a_webhook_are_ten_seconds_and_two_batches_at_once() -> None:
    channel = made(webhook())

    assert (channel.timeout, channel.concurrency) == (10.0, 2)


def test_a_log_channel_needs_nothing_but_its_type() -> None:
    channel = made({"type": "log"})

    assert isinstance(channel, LogChannel)
    assert (channel.batch_size, channel.honours_key, channel.concurrency) == (500, True, 2)


def test_missing_variables_are_all_named_with_channel_field_and_remedy() -> None:
    message = refusal(webhook(headers={"Authorization": "Bearer ${CRM_TOKEN}"}), {"CRM_SECRET": ""})

    assert "channel `crm`" in message
    assert "url needs the environment variable CRM_URL" in message
    assert "secret needs the environment variable CRM_SECRET" in message
    assert "headers needs the environment variable CRM_TOKEN" in message
    assert "export CRM_URL=… CRM_SECRET=… CRM_TOKEN=…" in message


def test_what_a_variable_holds_is_not_searched_for_placeholders_again() -> None:
    message = refusal(webhook(url="${A}"), {**ENV, "A": "${CRM_URL}"})

    assert "url: must begin with https://" in message


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "whsec_!!!", "a-password", "whsec_" + "A" * 400])
def test_a_secret_of_another_form_is_refused_and_never_shown(secret: str) -> None:
    with pytest.raises(ChannelError) as caught:
        made(webhook(), {**ENV, "CRM_SECRET": secret})

    shown = "".join(traceback.format_exception(caught.value))
    assert "secret: must be whsec_ and the base64 of 24 to 64 bytes" in shown
    assert "(value of ${CRM_SECRET})" in shown
    assert secret.removeprefix("whsec_") == "" or secret not in shown


@pytest.mark.parametrize(
    "address",
    ["ftp://crm.example", "crm.example/t0p-s3cret", "https://", "http://[", "https://u:t0p-s3cret@crm.example"],
)
def test_an_address_of_another_form_is_refused_and_never_shown(address: str) -> None:
    with pytest.raises(ChannelError) as caught:
        made(webhook(), {**ENV, "CRM_URL": address})

    shown = "".join(traceback.format_exception(caught.value))
    assert "url:" in shown
    assert "(value of ${CRM_URL})" in shown
    assert "t0p-s3cret" not in shown


def test_nothing_secret_is_in_a_repr() -> None:
    section = webhook(url="https://crm.example/${CRM_TOKEN}", headers={"Authorization": "Bearer ${CRM_TOKEN}"})
    resolved = {**section, "url": "https://crm.example/t0p-s3cret", "secret": SECRET, "headers": {"a": "t0p-s3cret"}}

    shown = repr(made(section)) + repr(WebhookConfig.model_validate(resolved, context={"resolved": True}))

    assert "crm.example" in shown
    assert "t0p-s3cret" not in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"secret": None}, 'write secret: "${CRM_SECRET}", or unsigned: true'),
        ({"unsigned": True}, "secret and unsigned: true contradict each other"),
        ({"secret": SECRET}, "secret: must not stand in the definition; name a variable that holds it"),
        ({"secret": "${CRM-SECRET}"}, "secret: holds a `${` that is no placeholder"),
        ({"url": "ftp://${CRM_URL}"}, "url: must begin with https:// or http://, or be a placeholder"),
        ({"url": None}, "url: Field required"),
        ({"timeout": "soon"}, "timeout: must be a duration such as 500ms, 10s or 1m"),
        ({"timeout": "2m"}, "timeout: Input should be less than or equal to 60"),
        ({"timeout": True}, "timeout: Input should be a valid number"),
        ({"concurrency": 0}, "concurrency: Input should be greater than or equal to 1"),
        ({"concurrency": "2"}, "concurrency: Input should be a valid integer"),
        ({"unsigned": "yes", "secret": None}, "unsigned: Input should be a valid boolean"),
        ({"headers": {"Webhook-Id": "x"}}, "webhook-id is set by the engine"),
        ({"headers": {"no header": "x"}}, "is no header name"),
        ({"headers": {"X-A": "a\r\nb: c"}}, "X-A may hold printable ASCII only"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "written twice"),
        ({"timeuot": "10s"}, "timeuot: Extra inputs are not permitted Did you mean `timeout`?"),
    ],
)
def test_a_wrong_webhook_is_refused_naming_field_and_remedy(changes: dict[str, Any], said: str) -> None:
    message = refusal(webhook(**changes))

    assert message.startswith("channel `crm`: ")
    assert said in message


def test_an_unknown_type_is_refused_with_the_nearest_known() -> None:
    message = refusal({"type": "webhok"})

    assert "must be one of log, webhook. Did you mean `webhook`?" in message


def test_unsigned_is_possible_when_it_is_said() -> None:
    assert isinstance(made(webhook(secret=None, unsigned=True), {"CRM_URL": "http://10.0.0.5/"}), WebhookChannel)


def test_a_log_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChannelError) as caught:
        made({"type": "log", "path": str(tmp_path / "absent" / "touches.ndjson")})

    assert "channel `crm`: path:" in str(caught.value)
    assert "No such file or directory" in str(caught.value)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_field_of_every_type_is_described(name: str) -> None:
    for field, schema in TYPES[name].config.model_json_schema()["properties"].items():
        assert schema.get("description"), f"{name}.{field} has no description"


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080/x?y=z", "https://[::1]:8443/", "https://客户.example/hook"])
def test_addresses_of_every_kind_are_taken_private_ones_included(address: str) -> None:
    assert isinstance(made(webhook(), {**ENV, "CRM_URL": address}), WebhookChannel)


def test_sections_are_validated_with_their_placeholders_unresolved() -> None:
    config = TYPES["webhook"].config.model_validate(webhook())

    assert isinstance(config, WebhookConfig)
    assert config.url == "${CRM_URL}"


def test_a_value_is_not_shown_when_a_section_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        TYPES["webhook"].config.model_validate(webhook(secret=SECRET))

    assert SECRET[:12] not in str(caught.value)  # pydantic shortens long values, but shows how they begin
