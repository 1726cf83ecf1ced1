"""A simulation is the production code on a virtual clock: the same input gives the same touches as through the real pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from engine.definitions_yaml.shipped import shipped_definitions
from engine.demo import feed
from engine.demo.feed import Post
from tests.support import stepping
from tests.support.pipeline import Pipeline

CUSTOMERS = 120
DAYS = 40
ZONES = ("America/New_York", "Europe/London", "Asia/Kathmandu")

ENGINE = """
timezone: Asia/Shanghai
quiet_hours: ["21:00", "09:30"]
caps: [{max: 1, per: 1d}, {max: 4, per: 7d}, {max: 2, per: 7d, channel: sms}]
calendar: {country: CN, skip: [public_holiday, weekend]}
attributes: {name: text, budget: number, birthday: date, consultant: text, area: number, 黑名单: {type: bool, default: false}}
dimensions: {stage: {values: [新加好友, 意向客户, 到店客户, 到店未成交, 成交客户]}}
staff: [owner, manager]
clocks: {any: {kinds: [message.received, purchase, visit]}}
channels: {wecom: {type: log}, sms: {type: log}}
"""

SEGMENTS = """
metrics: {spend: {spend: 30d}, chats: {count: [message.received], over: 10d}, rfm: {rfm: purchase, quantiles: 5}}
segments: {大单: [{metric: {spend: {gte: 100000}}}]}
dimensions:
  tier: {values: [{value: 金卡, when: [{metric: {spend: {gte: 150000}}}]}, {value: 普通}]}
  value: {refresh: "30 4 * * *", values: [{value: 忠诚, when: [{metric: {rfm.m: {gte: 4}}}]}, {value: 其他}]}
"""

SOPS = [
    """
sop: lead
title: 培育
priority: 50
group: 售前
trigger: [{tag_added: [装修意向, 楼盘A]}]
while: [{not: {is: {stage: [到店客户, 成交客户]}}}]
exit:
  - replied: {contains: [预约, 量房]}
    as: 预约
    do: [{start: booking}, {notify: {to: owner, text: "{{ customer.ref }} 要预约"}}]
  - tag_removed: [装修意向, 楼盘A]
goal: {event: {type: purchase}, within: 30d}
holdout: 20%
arms: sop
defaults: {window: "10:00-11:30", channel: [preferred, wecom, sms]}
steps:
  - {id: d1, day: 1, variants: [{id: a, weight: 50, message: {text: 甲}}, {id: b, weight: 50, message: {text: 乙}}]}
  - {id: d3, day: 3, when: [{not: {seen: {type: visit, since: start}}}], message: {text: "{{ customer.name }}，三"}}
  - {id: d8, day: 8, variants: [{id: a, weight: 50, message: {text: 甲八}}, {id: b, weight: 50, message: {text: 乙八}}]}
  - {id: done, day: 9, at: "18:00", do: [{add_tag: 培育完成}, {attr: {budget: 1}}]}
""",
    """
sop: booking
title: 预约
priority: 60
group: 售前
trigger: [{tag_added: 要预约}]
defaults: {channel: [wecom, sms]}
steps:
  - {id: now, after: 1m, exempt: [quiet_hours, caps, calendar], message: {text: 收到}}
  - {id: call, after: 30m, task: {to: owner, title: "联系 {{ customer.ref }}"}}
  - {id: d2, day: 2, at: "20:59", expires: 3d, message: {text: 记得来}}
""",
    """
sop: news
title: 周报
priority: 10
trigger: [{schedule: {cron: "0 8 * * TUE"}}]
when: [{is: {stage: [新加好友, 意向客户]}}]
reentry: after_end
defaults: {channel: sms}
steps:
  - {id: one, after: 5m, expires: 10h, message: {text: 本周}}
  - id: two
    day: 1
    at: "10:00"
    variants:
      - {id: rich, when: [{attr: {budget: {gte: 300000}}}], message: {text: 大户}}
      - {id: other, when: [{tag: 装修意向}], message: {text: 其他}}
""",
    """
sop: birthday
title: 生日
priority: 80
trigger: [{date: {attribute: birthday, every: year}}]
defaults: {at: "10:00", channel: [preferred, wecom]}
steps: [{id: before, day: -3, message: {text: 快到了}}, {id: day, day: 0, message: {text: 生日快乐}}]
""",
    """
sop: asleep
title: 沉默
priority: 20
trigger: [{silent: {clock: any, days: 12}}]
when: [{not: {in_sop: [lead, booking]}}]
while: [{not: {silent: {clock: any, days: 20}}}]
defaults: {at: "10:00", channel: [wecom, sms]}
steps: [{id: d0, day: 0, message: {text: 还在吗}}, {id: d5, day: 5, message: {text: 优惠}}, {id: d9, day: 9, message: {text: 最后}}]
""",
    """
sop: gold
title: 金卡
priority: 90
trigger: [{entered: {tier: 金卡}}, {entered: {value: 忠诚}}]
when: [{segment: 大单}]
key: event.data.value
defaults: {at: "14:00", channel: wecom}
steps: [{id: hi, day: 0, message: {text: "欢迎，消费 {{ metrics.spend }}"}}, {id: care, day: 4, task: {to: manager, title: 回访}}]
""",
]
TEXTS = {"engine.yaml": ENGINE, "segments.yaml": SEGMENTS} | {f"sops/{n}.yaml": text for n, text in enumerate(SOPS)}


def shipped() -> dict[str, str]:
    folder = shipped_definitions()
    paths = [folder / "engine.yaml", folder / "segments.yaml", *sorted((folder / "sops").glob("*.yaml"))]
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in paths}


def posts(customers: int = CUSTOMERS) -> list[Post]:
    """What the demo's CRM reports, and what it leaves out: opt-outs, other zones, preferred channels, small orders."""
    told = feed.feed(customers, DAYS)
    firsts: dict[str, Post] = {}
    for post in told:
        firsts.setdefault(post.event["subject"], post)
    more = [
        Post(first.at + timedelta(days=days, minutes=30, seconds=number), _event(first, kind, data))
        for number, first in enumerate(firsts.values())
        for days, kind, data in _beside(number)
    ]
    return sorted([*_of_each_zone(), *told, *more], key=lambda post: post.at)


def _of_each_zone() -> list[Post]:
    """A first customer in each zone: a zone seen for the first time has its latest midnight made up for, whoever else lives there."""
    plain = {"source": "shop", "type": "customer.updated"}
    return [
        Post(feed.start(), plain | {"id": f"z{number}", "subject": f"Z{number}", "data": {"timezone": zone}})
        for number, zone in enumerate(ZONES)
    ]


def _beside(number: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield after how many days what happens to the customer of this number."""
    if number % 5 == 0:
        yield 0, "customer.updated", {"timezone": ZONES[number % 3]}
    if number % 7 == 0:
        yield 0, "message.opted_out", {"channel": "sms"} if number % 2 else {}
    if number % 11 == 0:
        yield 0, "customer.updated", {"attributes": {"preferred_channel": "sms"}}
    if number % 6 == 0:
        yield 0, "purchase", {"order": f"s{number}", "amount": 900 * number, "currency": "CNY"}
    if number % 12 == 0:
        yield 0, "purchase.refunded", {"order": f"s{number}", "amount": 900 * number}
    if number % 9 == 4:
        yield 4, "purchase", {"order": f"g{number}", "amount": 5_000, "currency": "CNY"}
    if number % 13 == 1:
        yield 5, "tag.added", {"tag": "要预约"}


def _event(first: Post, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    ref = first.event["subject"]
    return {"id": f"{ref}-{kind}-{len(str(data))}", "source": "shop", "type": kind, "subject": ref, "data": data}


@pytest.mark.parametrize("texts", [shipped(), TEXTS], ids=["shipped", "gates"])
def test_the_same_touches_in_memory_and_through_the_pipeline(pipeline: Pipeline, texts: dict[str, str]) -> None:
    pipeline.clock.at = feed.start()
    definitions, told, end = stepping.installed(pipeline, texts), posts(), feed.end(DAYS)
    stepping.really(pipeline, told, end)
    played = stepping.simulated(told, definitions, feed.start(), end)
    did, would = stepping.touches_of(pipeline), stepping.touches_in(played)
    found = stepping.differences(did, would)
    assert not found, "\n".join([f"{len(did)} really, {len(would)} in memory, {len(found)} differ", *found[:12]])
    found = stepping.differences(stepping.timelines_of(pipeline), stepping.timelines_in(played))
    assert not found, "\n".join([f"{len(found)} timelines differ", *found[:12]])
    assert len(did) > 1_000
    assert not pipeline.dead_letters()
    if texts is TEXTS:
        assert _met(pipeline) >= MET


MET = {
    *(
        "waited quiet_hours",
        "waited cap",
        "waited holiday",
        "skipped holdout",
        "skipped opted_out",
        "skipped no_variant",
    ),
    *(
        "skipped expired",
        "variant a",
        "variant b",
        "variant rich",
        "kind notice",
        "channel sms",
        "channel wecom",
        "state converted",
    ),
    *("reason replaced", "sop birthday", "sop news", "sop asleep", "sop gold"),
}
"""What the comparison is worth: each of these decided about some touch or timeline."""


def _met(pipeline: Pipeline) -> set[str]:
    rows = pipeline.rows("select waited, status || ' ' || reason as skipped, variant, kind, channel, sop from touches")
    found = {f"{name} {value}" for row in rows for name, value in row._mapping.items() if value}
    found |= {each.replace("skipped skipped", "skipped") for each in found}
    found |= {f"state {row.state}" for row in pipeline.timelines()} | {
        f"reason {row.reason}" for row in pipeline.timelines()
    }
    return found
