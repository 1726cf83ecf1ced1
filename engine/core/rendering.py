"""A touch's body: the step's templates, filled with what is known of the customer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from engine.core import metrics, templates
from engine.core.catalog import Definitions
from engine.core.customer import Customer, Timeline
from engine.core.definitions import Sop, Step
from engine.core.timing import local_date
from engine.core.trace import plain


def template_context(
    customer: Customer, timeline: Timeline, sop: Sop, step_id: str, definitions: Definitions, now: datetime
) -> dict[str, Any]:
    """Return what templates may name: customer, metrics, event, timeline, sop, step. What is not known is not there."""
    engine, zone_name = definitions.engine, definitions.zone_of(customer.timezone)
    attributes = {**{name: declared.default for name, declared in engine.attributes.items()}, **customer.attributes}
    attributes = {name: value for name, value in attributes.items() if value is not None}
    known = {
        "ref": customer.ref,
        "attributes": attributes,
        "tags": sorted(tag for tag, fact in customer.tags.items() if fact.present),
        "dimensions": {name: fact.value for name, fact in customer.dimensions.items()},
        "staff": customer.staff,
        "timezone": zone_name,
    }
    if "name" in attributes:
        known["name"] = attributes["name"]
    day = (local_date(now, zone_name) - local_date(timeline.anchor, zone_name)).days
    return {
        "customer": known,
        "metrics": metrics.for_templates(customer, definitions, now),
        "event": timeline.event,
        "timeline": {"started": timeline.anchor, "day": day},
        "sop": {"id": sop.sop, "title": sop.title},
        "step": {"id": step_id},
    }


def body_of(step: Step, context: dict[str, Any], customer: Customer, due_at: datetime) -> dict[str, Any]:
    """Return the rendered body of a message or task. Raises MissingValue or TemplateError."""
    if step.message is not None:
        return _message(step, context)
    return _task(step, context, customer, due_at)


def _message(step: Step, context: dict[str, Any]) -> dict[str, Any]:
    assert step.message is not None
    body: dict[str, Any] = {"text": templates.render(step.message.text, context).strip()}
    if step.message.attachments:
        body["attachments"] = [
            {each.kind: {name: templates.render(text, context) for name, text in getattr(each, each.kind).items()}}
            for each in step.message.attachments
        ]
    return body


def _task(step: Step, context: dict[str, Any], customer: Customer, due_at: datetime) -> dict[str, Any]:
    task = step.task
    assert task is not None
    body: dict[str, Any] = {
        "to": task.to,
        "staff": customer.staff.get(task.to),
        "title": templates.render(task.title, context),
    }
    if task.text is not None:
        body["text"] = templates.render(task.text, context).strip()
    if task.due is not None:
        body["due"] = plain(due_at + (task.due or timedelta()))
    return body
