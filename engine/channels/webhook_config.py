"""Config of a `webhook` channel, as it stands in engine.yaml."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Literal, Self

import httpx2
from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from engine.channels import placeholders
from engine.channels.config import ChannelConfig, Seconds, Text, resolved
from engine.core.sentence import Sentence

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HOST = re.compile(rb"[a-z0-9._-]+|[0-9a-f:.]+")  # a name, or an IPv6 address
_OWN_HEADERS = frozenset(
    {
        *("webhook-id", "webhook-signature", "webhook-timestamp", "idempotency-key", "sop-attempt"),
        *("content-encoding", "content-length", "content-type", "host"),
        *("connection", "expect", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)


def _url(value: str, info: ValidationInfo) -> str:
    if not resolved(info) and value.startswith("${"):
        return value
    if not value.lower().startswith(("https://", "http://")):
        raise ValueError(Sentence("must begin with https:// or http://, or be a placeholder such as ${CRM_URL}"))
    if not resolved(info) and placeholders.names(value):
        return value
    return _address(value)


def _address(value: str) -> str:
    try:
        url = httpx2.URL(value)
    except httpx2.InvalidURL:
        # Without its cause: that message quotes the address, which may hold a token.
        raise ValueError(Sentence("is no address; write it as https://host/path")) from None
    if not _HOST.fullmatch(url.raw_host):
        raise ValueError(Sentence("names no host that can exist; write it as https://host/path"))
    if url.userinfo:
        raise ValueError(
            Sentence("holds a user or password; put them into headers, e.g. {Authorization: 'Basic ${CRM_AUTH}'}")
        )
    return value


def _secret(value: str, info: ValidationInfo) -> str:
    if not resolved(info):
        if not placeholders.names(value):
            raise ValueError(
                Sentence("must not stand in the definition; name a variable that holds it, e.g. ${CRM_SECRET}")
            )
        return value
    remedy = Sentence(
        "must be whsec_ and the base64 of 24 to 64 bytes; make one with: echo whsec_$(openssl rand -base64 32)"
    )
    if not value.startswith("whsec_"):
        raise ValueError(remedy)
    try:
        size = len(base64.b64decode(value.removeprefix("whsec_"), validate=True))
    except binascii.Error:
        raise ValueError(remedy) from None
    if not 24 <= size <= 64:
        raise ValueError(remedy)
    return value


def _headers(value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    names = [name.lower() for name in value]
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise ValueError(Sentence("{name} is no header name", name=repr(name)))
        if name in _OWN_HEADERS:
            raise ValueError(Sentence("{name} is set by the engine and cannot be configured", name=name))
    if len(set(names)) < len(names):
        raise ValueError(Sentence("the same header is written twice in different case"))
    for name, text in value.items():
        if not text.isascii() or not text.isprintable():
            raise ValueError(Sentence("{name} may hold printable ASCII only", name=name))
    return {name.lower(): text for name, text in value.items()}


class WebhookConfig(ChannelConfig):
    """Config of a `webhook` channel."""

    type: Literal["webhook"] = Field(description="webhook: posts each touch as signed JSON to one address.")
    url: Annotated[Text, AfterValidator(_url)] = Field(
        repr=False, description="Where to post, http(s). Redirects are not followed. May hold ${NAME}."
    )
    secret: Annotated[Text, AfterValidator(_secret)] | None = Field(
        None, repr=False, description="Signing secret, only as ${NAME}: whsec_ and the base64 of 24 to 64 bytes."
    )
    unsigned: bool = Field(False, description="true: post without a signature. Needed where there is no secret.")
    timeout: Seconds = Field(10.0, ge=0.1, le=60, description="Longest time for one batch of posts, 100ms to 60s.")
    concurrency: int = Field(2, ge=1, le=16, description="Batches of 32 posts under way at once, over all workers.")
    headers: Annotated[dict[str, Text], AfterValidator(_headers)] = Field(
        default_factory=dict, repr=False, description="More headers for each post. Values may hold ${NAME}."
    )

    @model_validator(mode="after")
    def _signed_or_said(self) -> Self:
        if self.secret is None and not self.unsigned:
            raise ValueError(
                Sentence('secret is missing; write secret: "${CRM_SECRET}", or unsigned: true to post unsigned')
            )
        if self.secret is not None and self.unsigned:
            raise ValueError(Sentence("secret and unsigned: true contradict each other; leave one of them out"))
        return self
