"""Values that tests are about, with everything they do not care about filled in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from ruamel.yaml import YAML

from engine.core.customers.customer import Customer, DimensionFact, TagFact, Timeline
from engine.core.definitions import Condition, EngineConfig, Moment, Sop
from engine.core.definitions.catalog import DecisionContext, DefinedSop, Definitions
from engine.core.delivery.plan import Planned, plan
from engine.core.events.event import Event
from engine.core.matching.match import match
from engine.core.matching.matched import Matched
from engine.core.time.arithmetic import zone

SHANGHAI = "Asia/Shanghai"
INSTALLATION = "00000000-0000-0000-0000-000000000001"

ENGINE = {
    "timezone": SHANGHAI,
    "attributes": {
        "name": "text",
        "budget": "number",
        "due": "date",
        "seen_at": "datetime",
        "vip": {"type": "bool", "default": False},
    },
    "dimensions": {
        "stage": {"values": ["新加好友", "意向客户", "到店客户", "成交客户"]},
        "tier": {"values": ["普通", "金卡"]},
    },
    "channels": {"log": {"type": "log"}, "sms": {"type": "log"}},
}


def at(text: str, zone_name: str = SHANGHAI) -> datetime:
    """Return the moment, in UTC, at which clocks in the zone show "2026-03-01 10:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=zone(zone_name)).astimezone(UTC)


LONG_AGO = at("2020-01-01 00:00")
NOON = at("2026-03-01 12:00")
"""When things happen that no test cares about the time of; a Sunday."""


def _read(text_or_value: Any) -> Any:
    return YAML(typ="safe").load(text_or_value) if isinstance(text_or_value, str) else text_or_value


def a_sop(text_or_dict: Any = None, **fields: Any) -> Sop:
    """Return an SOP from YAML or a dict; it starts when 装修意向 is tagged and has one step unless it says otherwise."""
    plain = {
        "sop": "lead",
        "title": "培育",
        "trigger": [{"tag_added": "装修意向"}],
        "defaults": {"at": "10:00", "channel": "log"},
        "steps": [{"id": "d1", "day": 1, "message": {"text": "您好"}}],
    }
    return Sop.model_validate(plain | (_read(text_or_dict) or {}) | fields)


def a_moment(text: str) -> Moment:
    return Moment.model_validate(_read(text))


def some_conditions(text: str) -> tuple[Condition, ...]:
    """Return the conditions of a YAML list."""
    return tuple(Condition.model_validate(each) for each in _read(text))


def an_engine(**fields: Any) -> EngineConfig:
    return EngineConfig.model_validate(ENGINE | fields)


def definitions(*sops: Sop, engine: EngineConfig | None = None) -> Definitions:
    """Return these SOPs, each at version 1, as all there are."""
    return Definitions(1, engine or an_engine(), {each.sop: DefinedSop(each, 1) for each in sops})


def a_customer(tags: Iterable[str] = (), stage: str | None = None, **fields: Any) -> Customer:
    """Return the customer c-1 with these tags, this stage and any field of Customer."""
    customer = Customer(**({"ref": "c-1", "id": 1} | fields))
    customer.tags |= {tag: TagFact(True, LONG_AGO, LONG_AGO, "crm") for tag in tags}
    if stage:
        customer.dimensions["stage"] = DimensionFact(stage, LONG_AGO, LONG_AGO)
    return customer


def an_event(
    type: str = "tag.added",
    data: dict[str, Any] | None = None,
    *,
    time: datetime = NOON,
    received: datetime | None = None,
    **fields: Any,
) -> Event:
    """Return an event of customer c-1, received when it happened, with an id of its type, time and data."""
    data = {"tag": "装修意向"} if data is None and type.startswith("tag.") else data or {}
    plain = {
        "source": "crm",
        "id": f"{type}@{time.isoformat()}{data or ''}",
        "subject": "c-1",
        "received_at": received or time,
    }
    return Event(**(plain | {"type": type, "time": time, "data": data} | fields))


def a_timeline(sop: Sop, anchor: datetime = NOON, **fields: Any) -> Timeline:
    """Return a stored, active timeline of this SOP."""
    plain: dict[str, Any] = {
        "sop": sop.sop, "version": 1, "key": "", "group": sop.group, "priority": sop.priority, "anchor": anchor,
        "start_id": "crm/start", "event": {"type": "tag.added", "time": anchor.isoformat(), "data": {}}, "due_at": anchor, "id": 1,
    }  # fmt: skip
    return Timeline(**(plain | fields))


def matched(customer: Customer, event: Event, known: Definitions) -> Matched:
    """Match the event at the moment it is received."""
    return match(customer, event, DecisionContext(known, event.received_at))


def started(customer: Customer, known: Definitions, time: datetime = NOON, **data: Any) -> Timeline:
    """Tag the customer 装修意向 and return the timeline that this starts."""
    before = list(customer.timelines)
    matched(customer, an_event("tag.added", {"tag": "装修意向"} | data, time=time), known)
    (new,) = [each for each in customer.timelines if each not in before]
    return new


def planned(timeline: Timeline, customer: Customer, known: Definitions, now: datetime) -> Planned:
    return plan(timeline, customer, DecisionContext(known, now, INSTALLATION))


def hours(number: float) -> timedelta:
    return timedelta(hours=number)
