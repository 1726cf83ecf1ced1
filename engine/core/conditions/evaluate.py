"""Conditions: something that holds, does not hold, or is unknown. Three-valued and traced.

A missing attribute without a declared default is unknown, not false. Tags, dimensions, activities, touches and
memberships are never unknown. all, any, not follow Kleene's logic: unknown only where it would decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from engine.core.conditions.trace import Trace, Truth
from engine.core.customers import metrics
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions import Comparison, Condition, Sop
from engine.core.definitions.catalog import Definitions
from engine.core.time.arithmetic import _moment, local_date


@dataclass(frozen=True, slots=True)
class Context:
    """What conditions are asked about: a customer at a moment, in a timeline or at the start of one."""

    customer: Customer
    definitions: Definitions
    now: datetime
    event: dict[str, Any]
    """Data of the starting event."""
    start: datetime | None = None
    """The timeline's anchor, where there is one."""

    @staticmethod
    def of(timeline: Timeline, customer: Customer, definitions: Definitions, now: datetime) -> Context:
        """Return the context of a running timeline."""
        return Context(customer, definitions, now, timeline.event.get("data") or {}, timeline.anchor)


def evaluate_all(conditions: Iterable[Condition] | None, context: Context, path: str, trace: Trace) -> Truth:
    """Return whether all of these hold; no conditions hold. Every evaluation goes into the trace."""
    return _all(_evaluate(each, context, f"{path}/{index}", trace) for index, each in enumerate(conditions or ()))


def _all(truths: Iterable[Truth]) -> Truth:
    """False as soon as one is false, unknown if none is false but one unknown."""
    result: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            result = None
    return result


def _any(truths: Iterable[Truth]) -> Truth:
    """True as soon as one is true, unknown if none is true but one unknown."""
    result: Truth = False
    for truth in truths:
        if truth is True:
            return True
        if truth is None:
            result = None
    return result


def _evaluate(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    kind, before = condition.kind, len(trace.missing)
    truth = _KINDS[kind](condition, context, f"{path}/{kind}", trace)
    if truth is not None:
        del trace.missing[before:]  # decided all the same, so nobody need supply them
    return truth


def _evaluate_all_of(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    return evaluate_all(condition.all, context, path, trace)


def _evaluate_any_of(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    return _any(_evaluate(each, context, f"{path}/{index}", trace) for index, each in enumerate(condition.any or ()))


def _evaluate_not(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    assert condition.not_ is not None
    inner = _evaluate(condition.not_, context, path, trace)
    return None if inner is None else not inner


def _tag(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    wanted = condition.tag or ()
    actual = [tag for tag in wanted if context.customer.has_tag(tag)]
    return trace.note(path, wanted, actual, bool(actual))


def _is(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    return _all(
        trace.note(f"{path}/{name}", wanted, actual := context.customer.dimension(name), actual in wanted)
        for name, wanted in (condition.is_ or {}).items()
    )


def _attr(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    engine, customer = context.definitions.engine, context.customer
    return _all(
        _compared(
            wanted, customer.attribute(name, engine), context, f"{path}/{name}", f"customer.attributes.{name}", trace
        )
        for name, wanted in (condition.attr or {}).items()
    )


def _event(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    return _all(
        _compared(wanted, value_at(context.event, name), context, f"{path}/{name}", f"event.data.{name}", trace)
        for name, wanted in (condition.event or {}).items()
    )


def _seen(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    assert condition.seen is not None
    fact = context.customer.activities.get(condition.seen.type)
    return _since(condition.seen.since, fact.last_at if fact else None, condition.seen.type, context, path, trace)


def _touched(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    assert condition.touched is not None
    last = context.customer.touched.get(condition.touched.sop)
    return _since(condition.touched.since, last, condition.touched.sop, context, path, trace)


def _since(since: Any, last: datetime | None, what: str, context: Context, path: str, trace: Trace) -> Truth:
    begin = context.start if since == "start" else context.now - since if since is not None else None
    holds = last is not None and (begin is None or last >= begin)
    return trace.note(path, f"{what} since {begin.isoformat()}" if begin else what, last, holds)


def _silent(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    assert condition.silent is not None
    zone_name = context.definitions.zone_of(context.customer.timezone)
    silent, fact = condition.silent, context.customer.clocks.get(condition.silent.clock)
    actual = (
        (local_date(context.now, zone_name) - local_date(fact.last_at, zone_name)).days if fact is not None else None
    )
    return trace.note(path, {"clock": silent.clock, "days": silent.days}, actual, (actual or 0) >= silent.days)


def _in_sop(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    running = {each.sop for each in context.customer.timelines if each.active}
    actual = [sop for sop in condition.in_sop or () if sop in running]
    return trace.note(path, condition.in_sop, actual, bool(actual))


def _metric(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    return _all(
        _compared(wanted, _number(name, context), context, f"{path}/{name}", f"metrics.{name}", trace)
        for name, wanted in (condition.metric or {}).items()
    )


def _number(name: str, context: Context) -> float | None:
    return metrics.number(context.customer, name, context.definitions, context.now)


def _segment(condition: Condition, context: Context, path: str, trace: Trace) -> Truth:
    segments = context.definitions.segments.segments
    return _any(
        evaluate_all(segments[name], context, f"{path}/{name}", trace) if name in segments else None
        for name in condition.segment or ()
    )


_KINDS: dict[str, Callable[[Condition, Context, str, Trace], Truth]] = {
    "all": _evaluate_all_of,
    "any": _evaluate_any_of,
    "not": _evaluate_not,
    "tag": _tag,
    "is": _is,
    "attr": _attr,
    "event": _event,
    "seen": _seen,
    "touched": _touched,
    "silent": _silent,
    "in_sop": _in_sop,
    "metric": _metric,
    "segment": _segment,
}


# ── comparisons ──────────────────────────────────────────────────────────────────────────────────────────────


def value_at(data: Any, path: str) -> Any:
    """Return the value at a dotted path in an event's data, None where there is none."""
    for part in path.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    return data


def compare(wanted: Comparison, value: Any, zone_name: str) -> Truth:
    """Return whether a value compares as wanted: unknown where it is missing or of another kind than compared with."""
    truths = (
        _exists(value, limit) if operator == "exists" else _operate(operator, value, limit, zone_name)
        for operator, limit in _written(wanted)
    )
    return _all(truths)


def _written(wanted: Comparison) -> list[tuple[str, Any]]:
    return [(name.rstrip("_"), getattr(wanted, name)) for name in sorted(wanted.model_fields_set)]


def _exists(value: Any, wanted: bool) -> Truth:
    return (value is not None) is wanted


def _operate(operator: str, value: Any, limit: Any, zone_name: str) -> Truth:
    if value is None:
        return None
    try:
        return _OPERATORS[operator](value, limit, zone_name)
    except (TypeError, ValueError, OverflowError):
        return None


def _compared(wanted: Comparison, value: Any, context: Context, path: str, name: str, trace: Trace) -> Truth:
    truth = compare(wanted, value, context.definitions.zone_of(context.customer.timezone))
    shown = dict(_written(wanted))
    if truth is None:
        trace.note_unknown(path, shown, name, value)
        return None
    return trace.note(path, shown, value, truth)


def _ordered(value: Any, limit: Any, zone_name: str) -> tuple[Any, Any]:
    """Return both as numbers or both as moments. Raises TypeError or ValueError where they are of different kinds."""
    if isinstance(limit, (date, datetime)):
        return _moment(value, zone_name), _moment(limit, zone_name)
    if isinstance(value, bool) or isinstance(limit, bool) or not isinstance(value, (int, float)):
        raise TypeError("not a number")
    return value, limit


def _equal(value: Any, limit: Any, zone_name: str) -> bool:
    if isinstance(limit, (date, datetime)):
        return _moment(value, zone_name) == _moment(limit, zone_name)
    if _kind(value) is not _kind(limit):
        raise TypeError("of another kind")
    return bool(value == limit)


def _kind(value: Any) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _in(value: Any, limits: Iterable[Any], zone_name: str) -> Truth:
    return _any(_operate("eq", value, each, zone_name) for each in limits)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _contains(value: Any, limit: str, _zone: str) -> Truth:
    if not isinstance(value, (str, list)):
        raise TypeError("neither text nor list")
    return limit in value


def _matches(value: Any, limit: str, _zone: str) -> Truth:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return _pattern(limit).search(value[:2000]) is not None


def _compare_with(relation: Callable[[Any, Any], bool]) -> Callable[[Any, Any, str], Truth]:
    return lambda value, limit, zone_name: relation(*_ordered(value, limit, zone_name))


_OPERATORS: dict[str, Callable[[Any, Any, str], Truth]] = {
    "eq": _equal,
    "in": _in,
    "gt": _compare_with(lambda a, b: a > b),
    "gte": _compare_with(lambda a, b: a >= b),
    "lt": _compare_with(lambda a, b: a < b),
    "lte": _compare_with(lambda a, b: a <= b),
    "contains": _contains,
    "matches": _matches,
}


def broken_while(
    timeline: Timeline, sop: Sop, customer: Customer, definitions: Definitions, now: datetime
) -> Trace | None:
    """Return the trace that shows `while` not to hold, None where it holds or is unknown."""
    trace = Trace()
    held = evaluate_all(sop.while_, Context.of(timeline, customer, definitions, now), "while", trace)
    return trace if held is False else None
