"""Conditions as SQL: a boolean about customers that is null where the condition is unknown.

Every condition reads as `engine.core.conditions.evaluate` evaluates it, for a customer who is in no timeline and has no starting event;
a property test holds both against each other. All values are bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from engine.core.conditions.compare import compare
from engine.core.conditions.portable_regex import as_postgresql
from engine.core.definitions import Comparison, Condition, Metric
from engine.core.definitions.catalog import Definitions
from engine.store.database import to_json
from engine.store.fragments import SqlFragment
from engine.store.touch_states import COUNTED

METRICS = "customer_metrics"
"""Where metrics are read."""


def select_sql(
    conditions: Iterable[Condition] | None,
    definitions: Definitions,
    now: datetime,
    *,
    prefix: str = "p",
    metrics: str = METRICS,
) -> SqlFragment:
    """Return a boolean SQL expression over the alias `c` (customers), null where unknown.

    Parameters:
        prefix: begins the names of bound values; two expressions in one statement need two.
        metrics: the relation that metrics are read from: customer_id, values.
    Raises NotPortable for a pattern that PostgreSQL cannot find the way Python does (refused by `validate` where this is used).
    """
    compiling = _Compiling(definitions, now, prefix, metrics)
    return SqlFragment(compiling.all(conditions), compiling.values)


def zone_sql(zone: str) -> str:
    """Return the SQL of a customer's zone; `zone` is the SQL of the engine's."""
    return f"(case when c.timezone is null then {zone} else known_zone(c.timezone, {zone}) end)"


@dataclass(slots=True)
class _Compiling:
    definitions: Definitions
    now: datetime
    prefix: str
    metrics: str
    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any, kind: str) -> str:
        """Return the SQL of a bound value."""
        name = f"{self.prefix}{len(self.values)}"
        self.values[name] = value
        return f"cast(:{name} as {kind})"

    @property
    def zone(self) -> str:
        return zone_sql(self.bind(self.definitions.engine.timezone, "text"))

    # ── composition ──────────────────────────────────────────────────────────────────────────────────────────

    def all(self, conditions: Iterable[Condition] | None) -> str:
        """Return the SQL of all of these; of none, true."""
        return _joined("and", [self.one(each) for each in conditions or ()], "true")

    def one(self, condition: Condition) -> str:
        """Return the SQL of one condition."""
        return _KINDS[condition.kind](self, condition)

    def any_of(self, condition: Condition) -> str:
        return _joined("or", [self.one(each) for each in condition.any or ()], "false")

    def negated(self, condition: Condition) -> str:
        assert condition.not_ is not None
        return f"(not {self.one(condition.not_)})"

    def segment(self, condition: Condition) -> str:
        segments = self.definitions.segments.segments
        return _joined(
            "or",
            [self.all(segments[name]) if name in segments else _UNKNOWN for name in condition.segment or ()],
            "false",
        )

    # ── facts ────────────────────────────────────────────────────────────────────────────────────────────────

    def tag(self, condition: Condition) -> str:
        return f"""exists (select from customer_tags f where f.customer_id = c.id and f.present
                           and f.tag = any({self.bind(list(condition.tag or ()), "text[]")}))"""

    def dimension(self, condition: Condition) -> str:
        return _joined("and", [self._dimension(name, values) for name, values in (condition.is_ or {}).items()], "true")

    def _dimension(self, name: str, values: tuple[str, ...]) -> str:
        return f"""exists (select from customer_dimensions f where f.customer_id = c.id and f.dimension = {self.bind(name, "text")}
                           and f.value = any({self.bind(list(values), "text[]")}))"""

    def in_sop(self, condition: Condition) -> str:
        return f"""exists (select from timelines f where f.customer_id = c.id and f.state = 'active'
                           and f.sop = any({self.bind(list(condition.in_sop or ()), "text[]")}))"""

    def seen(self, condition: Condition) -> str:
        assert condition.seen is not None
        return f"""exists (select from activities f where f.customer_id = c.id and f.type = {self.bind(condition.seen.type, "text")}
                           {self._since("f.last_at", condition.seen.since)})"""

    def touched(self, condition: Condition) -> str:
        assert condition.touched is not None
        return f"""exists (select from touches f where f.customer_id = c.id and f.sop = {self.bind(condition.touched.sop, "text")}
                           and f.kind in ('message', 'task') and f.status in {COUNTED.text}
                           {self._since("f.planned_at", condition.touched.since)})"""

    def _since(self, column: str, since: Any) -> str:
        """Without a timeline, `since: start` is ever."""
        return (
            f"and {column} >= {self.bind(self.now - since, 'timestamptz')}"
            if since is not None and since != "start"
            else ""
        )

    def silent(self, condition: Condition) -> str:
        assert condition.silent is not None
        clock, days = self.bind(condition.silent.clock, "text"), self.bind(condition.silent.days, "integer")
        return f"""coalesce((select {self._days_since("f.last_at")} >= {days} from customer_clocks f
                             where f.customer_id = c.id and f.clock = {clock}), false)"""  # noqa: S608 - joins what this module compiles; values are bound

    def _days_since(self, column: str) -> str:
        zone = self.zone
        return (
            f"(({self.bind(self.now, 'timestamptz')} at time zone {zone})::date - ({column} at time zone {zone})::date)"
        )

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────

    def event(self, condition: Condition) -> str:
        """Outside a start there is no event: nothing of it is known."""
        known = (compare(wanted, None, self.definitions.engine.timezone) for wanted in (condition.event or {}).values())
        return _joined("and", [_literal(each) for each in known], "true")

    def attribute(self, condition: Condition) -> str:
        return _joined(
            "and", [self._attribute(name, wanted) for name, wanted in (condition.attr or {}).items()], "true"
        )

    def _attribute(self, name: str, wanted: Comparison) -> str:
        stored = f"nullif(c.attributes -> {self.bind(name, 'text')}, 'null'::jsonb)"
        declared = self.definitions.engine.attributes.get(name)
        if declared is None or declared.default is None:
            return self._compared(wanted, stored)
        default = self.bind(to_json(declared.default), "jsonb")
        if not isinstance(declared.default, date):
            return self._compared(wanted, f"coalesce({stored}, {default})")
        return _joined("and", [self._dated(name_, limit, stored, default) for name_, limit in _written(wanted)], "true")

    def _dated(self, operator: str, limit: Any, stored: str, default: str) -> str:
        """A default that is a date is one only where dates are compared: to texts it is of another kind."""
        if operator == "in":
            return _joined("or", [self._dated("eq", each, stored, default) for each in limit], "false")
        dated = operator == "exists" or isinstance(limit, date)
        return self._operated(operator, limit, f"coalesce({stored}, {default})" if dated else stored)

    def metric(self, condition: Condition) -> str:
        return _joined("and", [self._metric(name, wanted) for name, wanted in (condition.metric or {}).items()], "true")

    def _metric(self, name: str, wanted: Comparison) -> str:
        metric = self.definitions.segments.metrics.get(name.partition(".")[0])
        if metric is None:
            return _literal(compare(wanted, None, self.definitions.engine.timezone))
        if metric.days_since is not None:
            return self._from_row(wanted, None, f"to_jsonb{self._days_since('f.last_at')}", self._activity(metric))
        key = self.bind(name, "text")
        if metric.rfm:
            return self._from_row(wanted, None, f"(f.values -> {key})", f"{self.metrics} f where f.customer_id = c.id")
        return self._from_row(
            wanted, 0, f"coalesce(f.values -> {key}, '0'::jsonb)", f"{self.metrics} f where f.customer_id = c.id"
        )

    def _activity(self, metric: Metric) -> str:
        return f"activities f where f.customer_id = c.id and f.type = {self.bind(metric.days_since, 'text')}"

    def _from_row(self, wanted: Comparison, otherwise: float | None, value: str, source: str) -> str:
        """Return the comparison of a value in a row of `source`, and what it comes to where there is no such row."""
        missing = _literal(compare(wanted, otherwise, self.definitions.engine.timezone))
        return f"(select case when count(*) = 0 then {missing} else bool_and({self._compared(wanted, value)}) end from {source})"  # noqa: S608 - joins what this module compiles; values are bound

    # ── comparisons ──────────────────────────────────────────────────────────────────────────────────────────

    def _compared(self, wanted: Comparison, value: str) -> str:
        """Return the SQL of a comparison with a jsonb value that is null where there is none."""
        return _joined("and", [self._operated(operator, limit, value) for operator, limit in _written(wanted)], "true")

    def _operated(self, operator: str, limit: Any, value: str) -> str:
        if operator == "exists":
            return f"({value} is {'not ' if limit else ''}null)"
        if operator == "in":
            return _joined(
                "or",
                [self._operated("eq", each, value) for each in limit],
                f"(case when {value} is not null then false end)",
            )
        if operator == "contains":
            return self._contains(limit, value)
        if operator == "matches":
            pattern = self.bind(as_postgresql(limit), "text")
            return _of_kind("string", value, f"(left({value} #>> '{{}}', 2000) ~ {pattern})")
        return self._related(_RELATIONS[operator], limit, value)

    def _contains(self, limit: str, value: str) -> str:
        text = self.bind(limit, "text")
        return f"""(case jsonb_typeof({value}) when 'string' then strpos({value} #>> '{{}}', {text}) > 0
                    when 'array' then {value} @> jsonb_build_array({text}) end)"""

    def _related(self, relation: str, limit: Any, value: str) -> str:
        if isinstance(limit, date):
            moment = f"moment_of({value} #>> '{{}}', {self.zone})"
            return _of_kind("string", value, f"({moment} {relation} {self._moment(limit)})")
        if isinstance(limit, bool):
            return (
                _of_kind("boolean", value, f"({value} = {self.bind(to_json(limit), 'jsonb')})")
                if relation == "="
                else _UNKNOWN
            )
        if isinstance(limit, (int, float)):
            return _of_kind("number", value, f"({value} {relation} {self.bind(to_json(limit), 'jsonb')})")
        if relation != "=":
            return _UNKNOWN
        return _of_kind("string", value, f"({value} #>> '{{}}' = {self.bind(limit, 'text')})")

    def _moment(self, limit: date) -> str:
        """Return the SQL of a date or moment in a definition; without a zone it is in the customer's."""
        if isinstance(limit, datetime) and limit.tzinfo is not None:
            return self.bind(limit.astimezone(UTC), "timestamptz")
        return f"moment_of({self.bind(limit.isoformat(), 'text')}, {self.zone})"


_UNKNOWN = "cast(null as boolean)"
_RELATIONS: Mapping[str, str] = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_KINDS: Mapping[str, Callable[[_Compiling, Condition], str]] = {
    "all": lambda compiling, condition: compiling.all(condition.all),
    "any": _Compiling.any_of,
    "not": _Compiling.negated,
    "tag": _Compiling.tag,
    "is": _Compiling.dimension,
    "attr": _Compiling.attribute,
    "event": _Compiling.event,
    "seen": _Compiling.seen,
    "touched": _Compiling.touched,
    "silent": _Compiling.silent,
    "in_sop": _Compiling.in_sop,
    "metric": _Compiling.metric,
    "segment": _Compiling.segment,
}


def _joined(word: str, parts: list[str], empty: str) -> str:
    return f"({f' {word} '.join(parts)})" if parts else empty


def _literal(truth: bool | None) -> str:
    return _UNKNOWN if truth is None else str(truth).lower()


def _of_kind(kind: str, value: str, then: str) -> str:
    """Return the SQL of what holds of a JSON value of this kind; of another it is unknown."""
    return f"(case when jsonb_typeof({value}) = '{kind}' then {then} end)"


def _written(wanted: Comparison) -> list[tuple[str, Any]]:
    return [(name.rstrip("_"), getattr(wanted, name)) for name in sorted(wanted.model_fields_set)]
