"""Conditions: something that holds, does not hold, or is unknown. Three-valued and traced.

A missing attribute without a declared default is unknown, not false. Tags, dimensions, activities, touches and
memberships are never unknown. all, any, not follow Kleene's logic: unknown only where it would decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.core.conditions.compare import all_hold, any_holds, compare
from engine.core.conditions.trace import Trace, Truth
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Comparison, Condition, Sop
from engine.core.definitions.catalog import DecisionContext, Definitions
from engine.core.events.data import value_at
from engine.core.time.arithmetic import local_date


@dataclass(frozen=True, slots=True)
class Context:
    """What conditions are evaluated for: a customer at a moment, in a timeline or at the start of one."""

    customer: Customer
    definitions: Definitions
    now: datetime
    event: dict[str, Any]
    """Data of the starting event."""
    start: datetime | None = None
    """The timeline's anchor, where there is one."""

    @staticmethod
    def of(timeline: Timeline, customer: Customer, definitions: Definitions, now: datetime) -> Context:
        """Return the context of a running timeline.

        Parameters:
            timeline: one of the customer's; its anchor and its starting event's data are what `start` and `event` mean.
            now: the moment at which the conditions are evaluated.
        """
        return Context(customer, definitions, now, timeline.event.get("data") or {}, timeline.anchor)


def evaluate_all(conditions: Iterable[Condition] | None, context: Context, path: str, trace: Trace) -> Truth:
    """Return whether all of these hold; no conditions hold. Every evaluation goes into the trace.

    Parameters:
        context: what they are evaluated for.
        path: where they stand in the YAML, such as `when`; the trace names each below it.
        trace: collects the evaluations, in order, up to the first that decides.
    """
    return Evaluator(context, trace, path).all_of(conditions) if conditions else True


def broken_while(timeline: Timeline, sop: Sop, customer: Customer, context: DecisionContext) -> Trace | None:
    """Return the trace that shows `while` not to hold, None where it holds or is unknown.

    Parameters:
        timeline: one of the customer's, of this SOP.
        now: the moment at which `while` is evaluated.
    """
    trace = Trace()
    holds = evaluate_all(sop.while_, Context.of(timeline, customer, context.definitions, context.now), "while", trace)
    return trace if holds is False else None


class Evaluator:
    """Evaluates conditions for one context and records each in one trace, under the path at which it stands in the YAML."""

    __slots__ = ("_context", "_path", "_trace")

    def __init__(self, context: Context, trace: Trace, path: str) -> None:
        self._context, self._trace = context, trace
        self._path = path
        """Of what is evaluated now: set on the way in, and back on the way out."""

    def all_of(self, conditions: Iterable[Condition]) -> Truth:
        """Return whether all of these hold, evaluated in order up to the first that is false."""
        return all_hold(self._each(conditions))

    def any_of(self, conditions: Iterable[Condition]) -> Truth:
        """Return whether one of these holds, evaluated in order up to the first that is true."""
        return any_holds(self._each(conditions))

    def _each(self, conditions: Iterable[Condition]) -> Iterator[Truth]:
        path = self._path
        for index, condition in enumerate(conditions):
            yield self._evaluate(condition, f"{path}/{index}")

    def _evaluate(self, condition: Condition, path: str) -> Truth:
        kind, missing, outer = condition.kind, self._trace.missing, self._path
        before = len(missing)
        self._path = f"{path}/{kind}"
        truth = _KINDS[kind](self, condition)
        self._path = outer
        if truth is not None:
            del missing[before:]  # decided all the same, so nobody need supply them
        return truth

    def _note(self, wanted: Any, actual: Any, holds: Truth) -> Truth:
        return self._trace.note(self._path, wanted, actual, holds)

    @property
    def _zone_name(self) -> str:
        return self._context.definitions.zone_of(self._context.customer.timezone)

    # ── the kinds of conditions ──────────────────────────────────────────────────────────────────────────────

    def _all(self, condition: Condition) -> Truth:
        return self.all_of(condition.all or ())

    def _any(self, condition: Condition) -> Truth:
        return self.any_of(condition.any or ())

    def _not(self, condition: Condition) -> Truth:
        assert condition.not_ is not None
        inner = self._evaluate(condition.not_, self._path)
        return None if inner is None else not inner

    def _tag(self, condition: Condition) -> Truth:
        wanted = condition.tag or ()
        actual = [tag for tag in wanted if self._context.customer.has_tag(tag)]
        return self._note(wanted, actual, bool(actual))

    def _is(self, condition: Condition) -> Truth:
        customer = self._context.customer
        return all_hold(
            self._trace.note(f"{self._path}/{name}", wanted, actual := customer.dimension(name), actual in wanted)
            for name, wanted in (condition.is_ or {}).items()
        )

    def _attr(self, condition: Condition) -> Truth:
        customer, engine = self._context.customer, self._context.definitions.engine
        return all_hold(
            self._compared(wanted, customer.attribute(name, engine), "customer.attributes", name)
            for name, wanted in (condition.attr or {}).items()
        )

    def _event(self, condition: Condition) -> Truth:
        return all_hold(
            self._compared(wanted, value_at(self._context.event, name), "event.data", name)
            for name, wanted in (condition.event or {}).items()
        )

    def _metric(self, condition: Condition) -> Truth:
        return all_hold(
            self._compared(wanted, self._number(name), "metrics", name)
            for name, wanted in (condition.metric or {}).items()
        )

    def _number(self, name: str) -> float | None:
        context = self._context
        return context.customer.number(name, context.definitions.segments, self._zone_name, context.now)

    def _compared(self, wanted: Comparison, value: Any, group: str, name: str) -> Truth:
        """Compare one value, recorded under its name; where it is unknown, it is named with its group."""
        truth, path = compare(wanted, value, self._zone_name), f"{self._path}/{name}"
        if truth is None:
            self._trace.note_unknown(path, wanted.written, f"{group}.{name}", value)
            return None
        return self._trace.note(path, wanted.written, value, truth)

    def _seen(self, condition: Condition) -> Truth:
        assert condition.seen is not None
        fact = self._context.customer.activities.get(condition.seen.type)
        return self._since(condition.seen.since, fact.last_at if fact else None, condition.seen.type)

    def _touched(self, condition: Condition) -> Truth:
        assert condition.touched is not None
        last = self._context.customer.touched.get(condition.touched.sop)
        return self._since(condition.touched.since, last, condition.touched.sop)

    def _since(self, since: Any, last: datetime | None, what: str) -> Truth:
        context = self._context
        begin = context.start if since == "start" else context.now - since if since is not None else None
        holds = last is not None and (begin is None or last >= begin)
        return self._note({"what": what, "since": begin.isoformat()} if begin else what, last, holds)

    def _silent(self, condition: Condition) -> Truth:
        assert condition.silent is not None
        silent, zone_name = condition.silent, self._zone_name
        fact = self._context.customer.clocks.get(silent.clock)
        today = local_date(self._context.now, zone_name)
        actual = (today - local_date(fact.last_at, zone_name)).days if fact is not None else None
        return self._note({"clock": silent.clock, "days": silent.days}, actual, (actual or 0) >= silent.days)

    def _in_sop(self, condition: Condition) -> Truth:
        running = {each.sop for each in self._context.customer.timelines if each.active}
        actual = [sop for sop in condition.in_sop or () if sop in running]
        return self._note(condition.in_sop, actual, bool(actual))

    def _segment(self, condition: Condition) -> Truth:
        return any_holds(self._of_segment(name) for name in condition.segment or ())

    def _of_segment(self, name: str) -> Truth:
        conditions = self._context.definitions.segments.segments.get(name)
        if conditions is None:
            return None
        outer, self._path = self._path, f"{self._path}/{name}"
        truth = self.all_of(conditions)
        self._path = outer
        return truth


_KINDS: dict[str, Callable[[Evaluator, Condition], Truth]] = {
    "all": Evaluator._all,
    "any": Evaluator._any,
    "not": Evaluator._not,
    "tag": Evaluator._tag,
    "is": Evaluator._is,
    "attr": Evaluator._attr,
    "event": Evaluator._event,
    "seen": Evaluator._seen,
    "touched": Evaluator._touched,
    "silent": Evaluator._silent,
    "in_sop": Evaluator._in_sop,
    "metric": Evaluator._metric,
    "segment": Evaluator._segment,
}
