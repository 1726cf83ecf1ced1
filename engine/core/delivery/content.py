"""A touch's body: the step's templates, filled with what is known of the customer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from engine.core import templates
from engine.core.conditions.trace import plain
from engine.core.customers import metrics
from engine.core.customers.customer import Customer
from engine.core.definitions import Message, Notify, Task
from engine.core.delivery.scene import Scene
from engine.core.time.arithmetic import local_date


def template_context(scene: Scene, step_id: str) -> dict[str, Any]:
    """Return what templates may name: customer, metrics, event, timeline, sop, step. What is not known is not there."""
    customer, timeline, sop, definitions, now = scene.customer, scene.timeline, scene.sop, scene.definitions, scene.now
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


def body_of(
    content: Message | Task | Notify, context: dict[str, Any], customer: Customer, due_at: datetime
) -> dict[str, Any]:
    """Return the rendered body of a message, task or notice. Raises MissingValue or TemplateError.

    Parameters:
        content: what the step (its variant, or its notice) says
        context: what templates may name, see `template_context`
        customer: whose staff a task or notice goes to
        due_at: when the step is due; a task's own deadline counts from it
    """
    if isinstance(content, Message):
        return _message(content, context)
    if isinstance(content, Task):
        return _task(content, context, customer, due_at)
    return {
        "to": content.to,
        "staff": customer.staff.get(content.to),
        "text": templates.render(content.text, context).strip(),
    }


def _message(message: Message, context: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"text": templates.render(message.text, context).strip()}
    if message.attachments:
        body["attachments"] = [
            {each.kind: {name: templates.render(text, context) for name, text in getattr(each, each.kind).items()}}
            for each in message.attachments
        ]
    return body


def _task(task: Task, context: dict[str, Any], customer: Customer, due_at: datetime) -> dict[str, Any]:
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
