"""Checks of steps: their ids, times and channels."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.checks.subject import Subject
from engine.core.problems import Problem


def ids_once(subject: Subject) -> Iterator[Problem]:
    """A step's id is its identity, so it stands once."""
    seen: set[str] = set()
    for index, step in enumerate(subject.sop.steps):
        if step.id in seen:
            message = f"the step id `{step.id}` stands twice; give each step its own (touches are told apart by it)"
            yield subject.error(("steps", index, "id"), message)
        seen.add(step.id)


def times_whole(subject: Subject) -> Iterator[Problem]:
    """A step with `day` has a time of day, its own or the SOP's."""
    for index, step in enumerate(subject.sop.steps):
        if step.day is not None and step.at is None and subject.sop.defaults.at is None:
            remedy = 'add at: "10:00" to it, or defaults: {at: "10:00"} to the SOP'
            message = f"step `{step.id}` has `day` but no time of day; {remedy}"
            yield subject.error(("steps", index, "day"), message, key=True)


def channels_given(subject: Subject) -> Iterator[Problem]:
    """A message or task has at least one channel, its own or the SOP's."""
    for index, step in enumerate(subject.sop.steps):
        if step.kind != "do" and not subject.sop.channels_of(step):
            configured = ", ".join(subject.engine.channels) or "none yet: add one under `channels` in engine.yaml"
            message = (
                f"step `{step.id}` goes over no channel; add `channel: …` to it, "
                f"or defaults: {{channel: …}} to the SOP. Configured: {configured}"
            )
            yield subject.error(("steps", index, step.kind), message, key=True)


def from_is_a_date(subject: Subject) -> Iterator[Problem]:
    """An attribute that a step counts from is a date."""
    for index, step in enumerate(subject.sop.steps):
        name = step.from_.removeprefix("attr.") if step.from_ and step.from_.startswith("attr.") else None
        declared = subject.engine.attributes.get(name) if name else None
        if declared and declared.type not in ("date", "datetime"):
            message = f"`{name}` is declared as {declared.type}; a step counts from a date or datetime"
            yield subject.error(("steps", index, "from"), message)
