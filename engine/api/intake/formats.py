"""The forms in which events may be posted, told apart by headers, and each turned into raw events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.datastructures import Headers

from engine.api.problems import ApiProblem
from engine.core.errors import EventError
from engine.core.events.reading_faults import json_fault
from engine.core.sentence import Sentence
from engine.services.pipeline.ingest import RawBody, UnreadableEvent

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"
JSON = "application/json"

_ALLOWED = Sentence(
    "{json}, {structured}, {batch}, {stream}, or CloudEvents binary mode (ce-* headers) with {json}",
    json=JSON,
    structured=STRUCTURED,
    batch=BATCH,
    stream=NDJSON,
)
_JSON_TYPE = re.compile(r"(application|text)/([a-z0-9.!#$&^_-]+\+)?json")
_HEAD = 4096


class Form(Enum):
    """How the events of a request are written."""

    PLAIN = "one JSON object or a list of them"
    STRUCTURED = "one CloudEvent as JSON"
    BATCH = "a list of CloudEvents as JSON"
    BINARY = "one CloudEvent, its attributes as headers, its data as the body"
    STREAM = "one JSON object a line"


def form_of(headers: Headers) -> Form:
    """Return the form a request's headers announce. Raises ApiProblem 415 naming what is allowed."""
    media, _, parameters = headers.get("content-type", "").lower().partition(";")
    media = media.strip()
    charset = re.search(r'charset\s*=\s*"?([^";\s]+)', parameters)
    if charset and charset[1] not in ("utf-8", "utf8", "us-ascii"):
        raise ApiProblem(415, Sentence("charset {charset} is not taken; send UTF-8", charset=charset[1][:40]))
    forms = {STRUCTURED: Form.STRUCTURED, BATCH: Form.BATCH, NDJSON: Form.STREAM}
    if media in forms:
        return forms[media]
    if any(name.startswith("ce-") for name in headers) and (not media or _JSON_TYPE.fullmatch(media)):
        return Form.BINARY
    if media == JSON:
        return Form.PLAIN
    found = Sentence("the content type is missing")
    if media:
        found = Sentence("content type {type} is not taken", type=repr(media[:100]))
    raise ApiProblem(
        415,
        Sentence("{found}; allowed: {allowed}", found=found, allowed=_ALLOWED),
        headers={"Accept-Post": f"{JSON}, {STRUCTURED}, {BATCH}, {NDJSON}"},
    )


def parse(body: bytes) -> Any:
    """Return the JSON value a body holds. Raises ApiProblem 400 with the position of what cannot be read."""
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        said = Sentence("the body is not JSON: {fault}", fault=json_fault(error))
        raise ApiProblem(400, said, extra={"position": error.pos}) from None


def parse_line(line: bytes, whole: bool, number: int) -> RawBody:
    """Return the event of one line of a stream, or why it is none."""
    head = line[:_HEAD].decode(errors="replace")
    if not whole:
        return UnreadableEvent(Sentence("the event is too large: over 65,536 bytes; shorten its data"), head)
    try:
        return checked(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        said = Sentence("event {number} of the stream is not JSON: {fault}", number=number, fault=json_fault(error))
        return UnreadableEvent(said, head)


def checked(value: Any) -> RawBody:
    """Return a list's element as a raw event, or why it is none."""
    if isinstance(value, dict):
        return value
    head = orjson.dumps(value)[:_HEAD].decode(errors="replace")
    said = Sentence("an event is a JSON object with source, id, type and subject; found {found}", found=head[:60])
    return UnreadableEvent(said, head)


def binary_event(headers: Headers, body: bytes) -> dict[str, Any]:
    """Return the event of a request in binary mode.

    Raises ApiProblem 400 for a body that is not JSON, EventError for a header that cannot be decoded.
    """
    event: dict[str, Any] = {
        name[3:]: _decoded(name, value) for name, value in headers.items() if name.startswith("ce-")
    }
    event["data"] = parse(body) if body.strip() else None
    return event


def _decoded(name: str, value: str) -> str:
    """A header's value: UTF-8, percent-encoded or raw, in quotes or not, as the CloudEvents HTTP binding has it."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote(value.encode("latin-1").decode(), errors="strict")
    except UnicodeError:
        raise EventError(Sentence("header {name} is not UTF-8; percent-encode it", name=name)) from None


def is_single(value: Any, form: Form) -> bool:
    """Return whether a parsed body is one event. Raises EventError where the form does not allow what was sent."""
    if form is Form.BATCH and not isinstance(value, list):
        raise EventError(
            Sentence("{batch} is a list of events; send one event as {structured}", batch=BATCH, structured=STRUCTURED)
        )
    if form is Form.STRUCTURED and isinstance(value, list):
        raise EventError(
            Sentence("{structured} is one event; send a list as {batch}", structured=STRUCTURED, batch=BATCH)
        )
    if not isinstance(value, (Mapping, list)):
        raise EventError(Sentence("the body must be an event (a JSON object) or a list of events"))
    return not isinstance(value, list)
