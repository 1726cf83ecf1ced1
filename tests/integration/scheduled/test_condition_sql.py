"""Conditions have two readings, Python's and SQL's: they agree on every condition and every customer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from engine.core.conditions.evaluate import Context, evaluate_all
from engine.core.conditions.portable_regex import NotPortable, as_postgresql
from engine.core.conditions.trace import Trace
from engine.core.customers.customer import Activity, ClockFact, Customer, DimensionFact, TagFact, Timeline
from engine.core.definitions import Condition, EngineConfig, SegmentsConfig
from engine.core.definitions.catalog import DefinedSop, Definitions
from engine.store.database import json_column, rows, run, scalar, transaction
from engine.store.fragments import joined, sql
from engine.store.scheduled.condition_sql import select_sql
from engine.store.state import customers, metrics, timelines
from tests.support.builders import a_sop

NOW = datetime(2026, 11, 1, 5, 45, tzinfo=UTC)
"""01:45 in New York, for the first of two times: its clocks go back at 06:00 UTC."""

CONFIG = EngineConfig.model_validate(
    {
        "timezone": "Asia/Shanghai",
        "attributes": {
            "text": "text", "number": "number", "flag": "bool", "day": "date", "moment": "datetime", "list": "list",
            "text_d": {"type": "text", "default": "vip 客户"}, "number_d": {"type": "number", "default": 7},
            "flag_d": {"type": "bool", "default": False}, "day_d": {"type": "date", "default": date(2026, 5, 1)},
            "list_d": {"type": "list", "default": ["a"]},
        },
        "dimensions": {"stage": {"values": ["new", "lead", "won"]}},
        "clocks": {"any": {"kinds": ["visit"]}, "buying": {"kinds": ["purchase"]}},
        "channels": {"log": {"type": "log"}},
    }
)  # fmt: skip

SEGMENTS = SegmentsConfig.model_validate(
    {
        "metrics": {
            "spend": {"spend": "730d"}, "orders": {"orders": "ever"}, "chats": {"count": ["message.received"], "over": "30d"},
            "since": {"days_since": "purchase"}, "rfm": {"rfm": "purchase"},
        },
        "segments": {
            "keen": [{"metric": {"chats": {"gte": 3}}}, {"is": {"stage": "lead"}}],
            "either": [{"any": [{"segment": "keen"}, {"attr": {"number": {"gt": 5}}}]}],
        },
    }
)  # fmt: skip

SOPS = {name: DefinedSop(a_sop(sop=name, when=[{"touched": {"sop": name}}]), 1) for name in ("lead", "wake")}
DEFINITIONS = Definitions(1, CONFIG, SOPS, segments=SEGMENTS)
TIMELINE_EVENT = {"type": "tag.added", "data": {}}

# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────

SAMPLES = [
    "",
    "vip",
    "vip 客户",
    "客户 12",
    "１２３",
    "a.b",
    "x\ny",
    "line\n",
    "A|B",
    "[z]",
    "ünïcode",
    "9",
    "true",
    "a" * 2100 + "end",
]
TEXTS = st.sampled_from(SAMPLES)
NUMBERS = st.one_of(
    st.integers(-10, 10), st.sampled_from([0.1, 0.30000000000000004, 0.3, 1e15, 5.0, 2.5, -0.0, 12345678901234567])
)
DAYS = st.one_of(
    st.sampled_from(
        [date(2026, 3, 8), date(2026, 11, 1), date(2024, 2, 29), date(2026, 5, 1), date(1, 1, 1), date(9999, 12, 31)]
    ),
    st.dates(date(2026, 10, 25), date(2026, 11, 7)),
)
MOMENTS = st.one_of(
    st.datetimes(datetime(2026, 10, 25), datetime(2026, 11, 7)).map(lambda each: each.replace(microsecond=0)),
    st.datetimes(datetime(2026, 10, 31, 22), datetime(2026, 11, 1, 8)).map(lambda each: each.replace(tzinfo=UTC)),
    st.sampled_from(
        [
            datetime(2026, 11, 1, 1, 30),
            datetime(2026, 3, 8, 2, 30),
            datetime(2026, 4, 5, 1, 45),
            datetime(2026, 10, 4, 2, 15),
        ]
    ),
)
STAMPS = st.sampled_from(
    [
        "2026-11-01T01:30:00-05:00", "2026-11-01T09:00", "2026-11-01T09:00:00Z", "2026-11-01 09:00:00.25+08:00", "2026-02-30", "2026-13-01",
        "20261101", "2026-W44-1", "2026-11-01T24:00", "2026-11-01T23:59:60", "0000-01-01", "0001-01-01", "9999-12-31T23:59-05:00",
        "2026-11-01T01:30", "2026-03-08T02:30", "2026-11-01x", "2026-11-01T09:00+15:30", "2026-11-01t09:00",
    ]
)  # fmt: skip
WRONG = st.sampled_from([None, True, False, 5, "5", [], ["a", "vip"], {"a": 1}, [["a"]], [5, None]])
LISTS = st.lists(st.sampled_from(["a", "vip", "客户", "", 5, None]), max_size=3)
ATTRIBUTES = {
    "text": TEXTS, "text_d": TEXTS, "number": NUMBERS, "number_d": NUMBERS, "flag": st.booleans(), "flag_d": st.booleans(),
    "day": st.one_of(DAYS.map(date.isoformat), STAMPS), "day_d": st.one_of(DAYS.map(date.isoformat), STAMPS),
    "moment": st.one_of(MOMENTS.map(datetime.isoformat), STAMPS), "list": LISTS, "list_d": LISTS,
}  # fmt: skip
AGES = st.one_of(
    st.timedeltas(timedelta(0), timedelta(days=40)),
    st.sampled_from([timedelta(days=7), timedelta(hours=24), timedelta(0)]),
)
ZONES = st.sampled_from(
    [None, None, "America/New_York", "Australia/Lord_Howe", "America/Havana", "Pacific/Kiritimati", "Europe/London"]
)


@st.composite
def some_customers(draw: st.DrawFn) -> Customer:
    """A customer with any facts, most attributes missing or of the wrong kind now and then."""
    customer = Customer("", timezone=draw(ZONES))
    for name in draw(st.sets(st.sampled_from(sorted(ATTRIBUTES)), max_size=6)):
        customer.attributes[name] = draw(st.one_of(ATTRIBUTES[name], ATTRIBUTES[name], ATTRIBUTES[name], WRONG))
    for tag in draw(st.sets(st.sampled_from(["a", "vip", "客户"]))):
        customer.tags[tag] = TagFact(draw(st.booleans()), NOW, NOW, "crm")
    if draw(st.booleans()):
        customer.dimensions["stage"] = DimensionFact(draw(st.sampled_from(["new", "lead", "won"])), NOW, NOW)
    for kind in draw(st.sets(st.sampled_from(["purchase", "visit"]))):
        at = NOW - draw(AGES)
        customer.activities[kind] = Activity(at, at, 1)
    for clock in draw(st.sets(st.sampled_from(["any", "buying"]))):
        customer.clocks[clock] = ClockFact(NOW - draw(AGES), draw(st.booleans()))
    for sop in draw(st.sets(st.sampled_from(["lead", "wake"]))):
        customer.timelines.append(Timeline(sop, 1, "", None, 50, NOW, f"crm/{sop}", TIMELINE_EVENT, due_at=NOW))
        if draw(st.booleans()):
            customer.touched[sop] = NOW - draw(AGES)
        if draw(st.booleans()):
            customer.timelines[-1].end("completed", None, NOW)
    for name in draw(st.sets(st.sampled_from(["spend", "orders", "chats", "rfm.r", "rfm.f", "rfm.m", "rfm.score"]))):
        customer.metrics[name] = draw(st.sampled_from([0, 1, 2.5, 3, 5, 555, 20000]))
    return customer


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────

PATTERNS = [
    "vip", "^vip", "客户$", r"\d+", r"^\w+$", "a.b", "[a-z]+ .", "[^a-z]", "(vip|客户)", "x.y", "end$", r"\s", r"^\S{2,3}$", "a{2,}b?",
    r"\[z\]", r"e\Z", "[A-Z|]+", "^$",
]  # fmt: skip
SCALARS = st.one_of(st.booleans(), NUMBERS, DAYS, MOMENTS, TEXTS)
BOUNDS = st.one_of(NUMBERS, DAYS, MOMENTS)


def some_comparisons() -> st.SearchStrategy[Any]:
    parts = {
        "eq": SCALARS, "in": st.lists(SCALARS, max_size=3), "gt": BOUNDS, "gte": BOUNDS, "lt": BOUNDS, "lte": BOUNDS,
        "contains": st.sampled_from(["a", "vip", "", "客户", "\n"]), "matches": st.sampled_from(PATTERNS), "exists": st.booleans(),
    }  # fmt: skip
    written = st.sets(st.sampled_from(sorted(parts)), min_size=1, max_size=2)
    return written.flatmap(lambda names: st.fixed_dictionaries({name: parts[name] for name in names}))


def fitting(name: str) -> st.SearchStrategy[Any]:
    """Comparisons with what the attribute can be, so that not everything is unknown."""
    kinds = {"text": TEXTS, "number": NUMBERS, "flag": st.booleans(), "day": DAYS, "moment": MOMENTS, "list": TEXTS}
    limits = kinds[name.removesuffix("_d")]
    if name.startswith(("number", "day", "moment")):
        return st.sampled_from(["eq", "gt", "gte", "lt", "lte"]).flatmap(
            lambda each: st.fixed_dictionaries({each: limits})
        )
    return st.one_of(
        st.fixed_dictionaries({"eq": limits}), st.fixed_dictionaries({"in": st.lists(limits, min_size=1, max_size=3)})
    )


SINCE = st.sampled_from([None, "start", "7d", "24h", "30d"])
NAMES = st.sampled_from(sorted(ATTRIBUTES))
LEAVES = st.one_of(
    st.lists(st.sampled_from(["a", "vip", "客户", "none"]), min_size=1, max_size=2, unique=True).map(
        lambda each: {"tag": each}
    ),
    st.lists(st.sampled_from(["new", "lead", "won"]), min_size=1, max_size=2, unique=True).map(
        lambda each: {"is": {"stage": each}}
    ),
    NAMES.flatmap(lambda name: fitting(name).map(lambda each: {"attr": {name: each}})),
    NAMES.flatmap(lambda name: fitting(name).map(lambda each: {"attr": {name: each}})),
    NAMES.flatmap(lambda name: some_comparisons().map(lambda each: {"attr": {name: each}})),
    st.tuples(st.sampled_from(["purchase", "visit"]), SINCE).map(
        lambda each: {"seen": {"type": each[0], "since": each[1]}}
    ),
    st.tuples(st.sampled_from(["lead", "wake"]), SINCE).map(
        lambda each: {"touched": {"sop": each[0], "since": each[1]}}
    ),
    st.tuples(st.sampled_from(["any", "buying"]), st.integers(1, 40)).map(
        lambda each: {"silent": {"clock": each[0], "days": each[1]}}
    ),
    st.sampled_from(["lead", "wake"]).map(lambda each: {"in_sop": each}),
    some_comparisons().map(lambda each: {"event": {"amount": each}}),
    st.sampled_from(["keen", "either"]).map(lambda each: {"segment": each}),
    st.tuples(st.sampled_from(SEGMENTS.numbers), fitting("number") | some_comparisons()).map(
        lambda each: {"metric": dict([each])}
    ),
    st.tuples(st.sampled_from(["since", "spend"]), st.integers(0, 30)).map(
        lambda each: {"metric": {each[0]: {"gte": each[1]}}}
    ),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"all": each}),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"any": each}),
        inner.map(lambda each: {"not": each}),
    ),
    max_leaves=5,
).map(Condition.model_validate)


# ── both readings ────────────────────────────────────────────────────────────────────────────────────────────


def by_python(condition: Condition, customer: Customer) -> bool | None:
    return evaluate_all([condition], Context(customer, DEFINITIONS, NOW, {}), "when", Trace())


def stored(connection: Any, known: Sequence[Customer]) -> None:
    """Write customers as the engine would have."""
    run(
        connection,
        """insert into customers (id, ref, timezone) overriding system value
           select n, 'c' || n, z from unnest(cast(:ids as bigint[]), cast(:zones as text[])) v(n, z)""",
        ids=[each.id for each in known],
        zones=[each.timezone for each in known],
    )
    for each in known:
        each.dirty = {"self", *(f"tag:{t}" for t in each.tags), *(f"dimension:{d}" for d in each.dimensions)}
        each.dirty |= {*(f"activity:{a}" for a in each.activities), *(f"clock:{c}" for c in each.clocks)}
        for timeline in each.timelines:
            timeline.changed = True
    customers.write(connection, known)
    timelines.write(connection, known)
    run(
        connection,
        """insert into touches (timeline_id, customer_id, sop, version, step, kind, channel, body, status, due_at, planned_at, ready_at,
                                send_before, limit_at, key)
           select t.id, t.customer_id, t.sop, 1, 'd1', 'message', 'log', '{}', 'queued', v.at, v.at, v.at, v.at, v.at, ''
           from timelines t join unnest(cast(:ids as bigint[]), cast(:sops as text[]), cast(:at as timestamptz[])) v(id, sop, at)
                on v.id = t.customer_id and v.sop = t.sop""",
        ids=[each.id for each in known for _ in each.touched],
        sops=[sop for each in known for sop in each.touched],
        at=[at for each in known for at in each.touched.values()],
    )
    run(
        connection,
        """insert into customer_metrics (customer_id, "values", refreshed_at)
           select n, v::jsonb, :now from unnest(cast(:ids as bigint[]), cast(:values as text[])) m(n, v)""",
        ids=[each.id for each in known if each.metrics],
        values=json_column(each.metrics for each in known if each.metrics),
        now=NOW,
    )


def by_sql(connection: Any, conditions: Sequence[Condition]) -> list[dict[int, bool | None]]:
    """Return what each condition comes to, by customer, in one statement."""
    compiled = [select_sql([each], DEFINITIONS, NOW, prefix=f"x{number}_") for number, each in enumerate(conditions)]
    found = rows(connection, sql("select c.id, array[{all}] as holds from customers c", all=joined(", ", compiled)))
    return [{row.id: row.holds[number] for row in found} for number in range(len(conditions))]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    known=st.lists(some_customers(), min_size=12, max_size=20),
    conditions=st.lists(CONDITIONS, min_size=50, max_size=60),
)
def test_python_and_sql_agree(engine: Engine, known: list[Customer], conditions: list[Condition]) -> None:
    """Every example is about a thousand pairs of a condition and a customer, each true, false or unknown in both readings alike."""
    for number, customer in enumerate(known, 1):
        customer.id, customer.ref = number, f"c{number}"
    with engine.connect() as connection:
        stored(connection, known)
        read = customers.load(connection, [each.id for each in known])
        timelines.load_into(connection, read)
        timelines.load_touched(connection, read, ["lead", "wake"])
        metrics.load_into(connection, read)
        for condition, found in zip(conditions, by_sql(connection, conditions), strict=True):
            for customer in read.values():
                wanted = by_python(condition, customer)
                assert found[customer.id] is wanted, (
                    condition.model_dump(exclude_unset=True),
                    customer.attributes,
                    customer.timezone,
                )
        connection.rollback()


@pytest.mark.parametrize(
    "pattern", [*PATTERNS, r"^\d{3}$", "(?:a|b)c*", "^(a|ab)(c|bcd)$", "[^\\n]+$", "[\\d.]+", "a-z", "^[^\\W\\d]"]
)
def test_patterns_find_the_same(engine: Engine, pattern: str) -> None:
    texts = [*SAMPLES, "abcd", "ac", "\u2003", "end", "ende", "٣", "_x", "é", "a-z", "x\n\n"]
    with transaction(engine) as connection:
        for text in texts:
            found = scalar(
                connection, "select cast(:text as text) ~ :pattern", text=text[:2000], pattern=as_postgresql(pattern)
            )
            assert found is bool(re.search(pattern, text[:2000])), (pattern, text)


@pytest.mark.parametrize("pattern", ["(?i)vip", r"\bvip", "(?=a)b", "(?<!a)b", "a{300}", "(?i:a)b"])
def test_what_has_no_counterpart_is_refused(pattern: str) -> None:
    with pytest.raises(NotPortable):
        as_postgresql(pattern)


def test_a_zone_the_database_does_not_know_is_the_engines(engine: Engine) -> None:
    with transaction(engine) as connection:
        assert scalar(connection, "select known_zone('Mars/Olympus', 'Asia/Shanghai')") == "Asia/Shanghai"


def test_several_expressions_stand_in_one_statement(engine: Engine) -> None:
    """As the values of a dimension do: each has bound values of its own."""
    first = select_sql([Condition.model_validate({"tag": "a"})], DEFINITIONS, NOW, prefix="x")
    second = select_sql([Condition.model_validate({"tag": "b"})], DEFINITIONS, NOW, prefix="y")
    with transaction(engine) as connection:
        run(connection, "insert into customers (ref) values ('c1')")
        run(connection, "insert into customer_tags select id, 'b', true, now(), now(), 'crm' from customers")
        (row,) = rows(connection, sql("select {a} as first, {b} as second from customers c", a=first, b=second))
    assert (row.first, row.second) == (False, True)
