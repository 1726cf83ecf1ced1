"""Numbers, scores and tiers against a plain reading of the same purchases, one customer after the other."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from engine.services.scheduled.refresh_segments import SegmentRefresher
from tests.support.pipeline import Pipeline
from tests.support.refreshing import next_night, put_in_force

CUSTOMERS, PURCHASES = 20_000, 65_000

SEGMENTS = """
metrics:
  spend_2y: {spend: 730d}
  spend: {spend: ever}
  orders_1y: {orders: 365d}
  visits: {count: [visit, checkin], over: 90d}
  rfm: {rfm: purchase, quantiles: 5, over: 730d}
  rfm_year: {rfm: purchase, quantiles: 3, over: 365d}
dimensions:
  tier:
    values:
      - {value: 金卡, when: [{metric: {spend_2y: {gte: 2000}}}]}
      - {value: 银卡, when: [{metric: {spend_2y: {gte: 500}}}]}
      - {value: 普通}
  value:
    values:
      - {value: 忠诚客, when: [{metric: {rfm.r: {gte: 4}}}, {metric: {rfm.f: {gte: 4}}}]}
      - {value: 流失风险, when: [{metric: {rfm.r: {lte: 2}}}, {metric: {rfm.m: {gte: 4}}}]}
      - {value: 其他}
"""


@dataclass
class Order:
    at: datetime
    cents: int
    refunded: int = 0

    @property
    def kept(self) -> bool:
        return not (self.refunded and self.refunded >= self.cents)


@dataclass
class Shop:
    """All that happened, told by the reference in its own way."""

    orders: dict[int, list[Order]] = field(default_factory=lambda: defaultdict(list))
    visits: dict[int, list[tuple[str, datetime]]] = field(default_factory=lambda: defaultdict(list))


def a_shop(now: datetime) -> Shop:
    """Many equal amounts and equal times, some refunds, some customers without any purchase."""
    chance, shop = random.Random(20260301), Shop()
    for _ in range(PURCHASES):
        customer = int(CUSTOMERS * chance.random() ** 1.6)
        at = now - timedelta(days=chance.randrange(1000), hours=chance.choice([0, 0, 5]))
        order = Order(at, chance.choice([9900, 19900, 29900, 5, chance.randrange(1, 200_000)]))
        if chance.random() < 0.08:
            order.refunded = chance.choice([order.cents, order.cents // 2, order.cents + 1])
        shop.orders[customer].append(order)
    for _ in range(30_000):
        kind, at = chance.choice(["visit", "checkin", "call"]), now - timedelta(days=chance.randrange(200))
        shop.visits[chance.randrange(CUSTOMERS)].append((kind, at))
    return shop


# ── the reference ────────────────────────────────────────────────────────────────────────────────────────────


def scores(by_customer: dict[int, object], quantiles: int) -> dict[int, int]:
    """1 + the whole part of quantiles × the share of customers who are worse."""
    ranked = sorted(by_customer.values())  # type: ignore[type-var]  # all of one kind
    worse: dict[object, int] = {}
    for place, value in enumerate(ranked):
        worse.setdefault(value, place)
    return {customer: 1 + quantiles * worse[value] // len(ranked) for customer, value in by_customer.items()}


def rfm(shop: Shop, begin: datetime, slot: datetime, quantiles: int) -> dict[int, tuple[int, int, int]]:
    kept = {
        customer: [each for each in orders if each.kept and begin < each.at <= slot]
        for customer, orders in shop.orders.items()
    }
    kept = {customer: orders for customer, orders in kept.items() if orders}
    recency = scores({customer: max(each.at for each in orders) for customer, orders in kept.items()}, quantiles)
    frequency = scores({customer: len(orders) for customer, orders in kept.items()}, quantiles)
    money = scores(
        {customer: sum(each.cents - each.refunded for each in orders) for customer, orders in kept.items()}, quantiles
    )
    return {customer: (recency[customer], frequency[customer], money[customer]) for customer in kept}


def expected(shop: Shop, slot: datetime) -> dict[int, dict[str, float]]:
    def after(days: int) -> datetime:
        return slot - timedelta(days=days)

    numbers: dict[int, dict[str, float]] = {customer: {} for customer in range(CUSTOMERS)}
    for customer, mine in numbers.items():
        past = [each for each in shop.orders.get(customer, []) if each.at <= slot]
        mine["spend"] = sum(each.cents - each.refunded for each in past) / 100
        mine["spend_2y"] = sum(each.cents - each.refunded for each in past if each.at > after(730)) / 100
        mine["orders_1y"] = sum(each.kept for each in past if each.at > after(365))
        seen = [at for kind, at in shop.visits.get(customer, []) if kind in ("visit", "checkin")]
        mine["visits"] = sum(after(90) < at <= slot for at in seen)
    for name, days, quantiles in (("rfm", 730, 5), ("rfm_year", 365, 3)):
        for customer, (r, f, m) in rfm(shop, after(days), slot, quantiles).items():
            numbers[customer] |= {f"{name}.r": r, f"{name}.f": f, f"{name}.m": m, f"{name}.score": r * 100 + f * 10 + m}
    return {customer: {name: value for name, value in mine.items() if value} for customer, mine in numbers.items()}


def tier(numbers: dict[str, float]) -> str:
    spent = numbers.get("spend_2y", 0)
    return "金卡" if spent >= 2000 else "银卡" if spent >= 500 else "普通"


def worth(numbers: dict[str, float]) -> str:
    if "rfm.r" not in numbers:
        return "其他"
    if numbers["rfm.r"] >= 4 and numbers["rfm.f"] >= 4:
        return "忠诚客"
    return "流失风险" if numbers["rfm.r"] <= 2 and numbers["rfm.m"] >= 4 else "其他"


# ── the engine ───────────────────────────────────────────────────────────────────────────────────────────────


def fill(pipeline: Pipeline, shop: Shop) -> None:
    """Put what the matcher would have kept where it keeps it."""
    orders = [
        (customer, number, each) for customer, orders in shop.orders.items() for number, each in enumerate(orders)
    ]
    visits = [(customer, kind, at) for customer, visits in shop.visits.items() for kind, at in visits]
    pipeline.run(
        "insert into customers (id, ref) overriding system value select n, 'c' || n from generate_series(1, :n) n",
        n=CUSTOMERS,
    )
    pipeline.run(
        """insert into purchases (customer_id, order_id, at, amount, written_at, refunded, refunded_at)
           select customer, number::text, at, cents / 100.0, at, refunded / 100.0, case when refunded > 0 then at end
           from unnest(cast(:customers as bigint[]), cast(:numbers as integer[]), cast(:at as timestamptz[]), cast(:cents as integer[]),
                       cast(:refunded as integer[])) v(customer, number, at, cents, refunded)""",
        customers=[customer + 1 for customer, _, _ in orders],
        numbers=[number for _, number, _ in orders],
        at=[each.at for _, _, each in orders],
        cents=[each.cents for _, _, each in orders],
        refunded=[each.refunded for _, _, each in orders],
    )
    pipeline.run(
        """insert into activity_log (event_id, customer_id, type, at)
           select row_number() over (), customer, kind, at
           from unnest(cast(:customers as bigint[]), cast(:kinds as text[]), cast(:at as timestamptz[])) v(customer, kind, at)""",
        customers=[customer + 1 for customer, _, _ in visits],
        kinds=[kind for _, kind, _ in visits],
        at=[at for _, _, at in visits],
    )


def computed(pipeline: Pipeline) -> dict[int, dict[str, float]]:
    found = {
        row.customer_id - 1: row.numbers
        for row in pipeline.rows('select customer_id, "values" as numbers from customer_metrics')
    }
    return {customer: found.get(customer, {}) for customer in range(CUSTOMERS)}


def moved(pipeline: Pipeline, dimension: str, slot: datetime) -> dict[int, str]:
    """Return whom the slot's events move, and where."""
    found = pipeline.rows(
        """select c.id, e.data ->> 'value' as value from events e join customers c on c.ref = e.subject
           where e.data ->> 'dimension' = :dimension and e.time = :slot""",
        dimension=dimension,
        slot=slot,
    )
    return {row.id - 1: row.value for row in found}


def take_moves(pipeline: Pipeline) -> None:
    """Apply the events as the matcher does to dimensions, in one statement: twenty thousand customers take a while otherwise."""
    pipeline.run(
        """insert into customer_dimensions (customer_id, dimension, value, since, written_at)
           select c.id, e.data ->> 'dimension', e.data ->> 'value', e.time, e.time from events e join customers c on c.ref = e.subject
           where e.matched_at is null
           on conflict (customer_id, dimension) do update set value = excluded.value, written_at = excluded.written_at"""
    )
    pipeline.run("update events set matched_at = now() where matched_at is null")


@pytest.mark.parametrize("nights", [[1, 30, 335]])
def test_numbers_scores_and_moves_are_those_of_the_reference(pipeline: Pipeline, nights: list[int]) -> None:
    """Night after night: who is where, who moves up, who moves down as purchases leave the window."""
    put_in_force(pipeline, segments=SEGMENTS)
    next_night(pipeline)
    shop = a_shop(pipeline.clock.at)
    fill(pipeline, shop)
    refreshing = SegmentRefresher(pipeline.wiring.runtime)
    refreshing.run(60)
    before: dict[str, dict[int, str]] = {"tier": {}, "value": {}}
    slot = pipeline.clock.at
    for night in [0, *nights]:
        if night:
            next_night(pipeline, night)
            slot = pipeline.clock.at - timedelta(minutes=1)
            refreshing.run(60)
        numbers = expected(shop, slot)
        assert computed(pipeline) == numbers
        for dimension, reading in (("tier", tier), ("value", worth)):
            now = {customer: reading(mine) for customer, mine in numbers.items()}
            wanted = {customer: value for customer, value in now.items() if before[dimension].get(customer) != value}
            assert moved(pipeline, dimension, slot) == wanted
            assert wanted, "the story moves somebody every night"
            before[dimension] = now
        take_moves(pipeline)
    assert set(before["tier"].values()) == {"金卡", "银卡", "普通"}
    assert set(before["value"].values()) == {"忠诚客", "流失风险", "其他"}


def test_equal_numbers_have_equal_scores() -> None:
    """The reference itself: of five equals and one better, the equals share the lowest score."""
    assert scores({1: 5, 2: 5, 3: 5, 4: 5, 5: 9}, 5) == {1: 1, 2: 1, 3: 1, 4: 1, 5: 5}
