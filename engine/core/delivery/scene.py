"""What every step of one timeline is decided with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.definitions.sop import Sop
from engine.core.timelines.due_step import DueStep
from engine.core.timelines.touch import Touch, touch_key


@dataclass(frozen=True, slots=True)
class Scene:
    """One timeline of one customer, its SOP, and what is decided with."""

    timeline: Timeline
    sop: Sop
    customer: Customer
    context: DecisionContext

    @property
    def definitions(self) -> Definitions:
        """The definitions in force."""
        return self.context.definitions

    @property
    def now(self) -> datetime:
        """The moment of the decision."""
        return self.context.now

    @property
    def version(self) -> int:
        """The version in force."""
        return self.definitions.sops[self.sop.sop].version

    def key(self, step: str) -> str:
        """Return the idempotency key of a touch."""
        return touch_key(self.context.installation, self.customer.ref, self.timeline, step)

    def touch(self, due: DueStep) -> Touch:
        """Return the touch of a step, to be decided."""
        step = due.step
        return Touch(self.timeline, step.id, step.kind, "queued", due.due, due.limit, self.key(step.id), self.version)
