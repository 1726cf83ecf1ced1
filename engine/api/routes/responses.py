"""The shapes of answers, as OpenAPI tells them, and of the events that are posted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from engine.api.problems import MEDIA_TYPE, Problem
from engine.core.events.parse import KNOWN_TYPES, MAX_TEXT


class RejectedEvent(BaseModel):
    """An event that was not taken."""

    index: int = Field(description="Its place in what was posted, from 0")
    id: str | None = Field(description="Its id, where it had one")
    error: str = Field(description="Which field is wrong, and what is allowed")


class EventOutcome(BaseModel):
    """What an event led to."""

    source: str
    id: str
    type: str
    subject: str
    outcome: dict[str, Any] | None = Field(description="What the matcher did with it; null while it waits")


class TakenEvents(BaseModel):
    """What became of the events of one call. 202 means: what is accepted is committed in PostgreSQL."""

    accepted: int
    duplicates: int = Field(description="Came before with the same source, id and body; nothing was done again")
    rejected: list[RejectedEvent]
    warnings: list[str] = Field(description="What looks like a mistake and was taken all the same")
    events: list[EventOutcome] | None = Field(None, description="With ?wait only: what each event led to")


class ListedEvent(BaseModel):
    """An event of the inbox, or one that was rejected (with `error` and `body`, without the rest)."""

    source: str | None
    id: str | None
    received_at: datetime
    type: str | None = None
    subject: str | None = None
    time: datetime | None = None
    data: dict[str, Any] | None = None
    backfill: bool | None = None
    matched_at: datetime | None = None
    outcome: dict[str, Any] | None = None
    error: str | None = None
    body: str | None = Field(None, description="What was posted, cut at 4 KiB")


class EventList(BaseModel):
    """One page, newest first."""

    events: list[ListedEvent]
    next: str | None = Field(description="Pass it as `cursor` for the next page; null on the last")


_EVENT_SCHEMA: dict[str, Any] = {
    "title": "Event",
    "type": "object",
    "required": ["source", "id", "type", "subject"],
    "properties": {
        "specversion": {"const": "1.0"},
        "source": {"type": "string", "maxLength": MAX_TEXT, "description": "The system that saw it, e.g. `crm`"},
        "id": {
            "type": "string",
            "maxLength": MAX_TEXT,
            "description": "Unique within the source; the same id again is a duplicate",
        },
        "type": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9_.-]{0,99}$",
            "description": f"One of {', '.join(KNOWN_TYPES)}, or a dotted type of your own",
        },
        "subject": {"type": "string", "maxLength": MAX_TEXT, "description": "The customer's id in the CRM"},
        "time": {
            "oneOf": [{"type": "string", "format": "date-time"}, {"type": "number"}],
            "description": "When it happened: RFC 3339 with an offset, or epoch seconds or milliseconds; absent: now",
        },
        "datacontenttype": {"type": "string", "description": "JSON only"},
        "data": {"type": "object", "description": 'What the type needs, e.g. {"tag": "装修意向"} for tag.added'},
    },
    "additionalProperties": True,
    "example": {
        "source": "crm",
        "id": "evt-1001",
        "type": "tag.added",
        "subject": "customer-42",
        "time": "2026-03-01T10:00:00+08:00",
        "data": {"tag": "装修意向"},
    },
}
_LIST_SCHEMA: dict[str, Any] = {"title": "Events", "type": "array", "items": _EVENT_SCHEMA, "maxItems": 10_000}

REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "One event, a list, or a stream. CloudEvents binary mode (attributes as `ce-*` headers, data as JSON body) works too.",
    "content": {
        "application/json": {"schema": {"oneOf": [_EVENT_SCHEMA, _LIST_SCHEMA]}},
        "application/cloudevents+json": {"schema": _EVENT_SCHEMA},
        "application/cloudevents-batch+json": {"schema": _LIST_SCHEMA},
        "application/x-ndjson": {"schema": {"type": "string", "description": "One event a line, 10,000 at most"}},
    },
}

KEY_SCHEME: dict[str, Any] = {
    "key": {"type": "http", "scheme": "bearer", "description": "`sop_<id>_<secret>`, made by `sop key create`"}
}
NEEDS_KEY: dict[str, Any] = {"security": [{"key": []}]}


def problems(**descriptions: str) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses for problems, given as status_401="what it means"."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {
        int(name.removeprefix("status_")): {"description": text, "content": content}
        for name, text in descriptions.items()
    }
