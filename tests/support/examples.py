"""Definitions as people write them, and a channel type to check `channels` with."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PostConfig(BaseModel):
    """A channel type for tests."""

    model_config = ConfigDict(extra="forbid", strict=True)
    type: Literal["post"] = Field(description="post: sends letters")
    address: str = Field(description="where to")
    copies: int = Field(1, ge=1, le=5, description="how many")


CHANNEL_TYPES: dict[str, type[BaseModel]] = {"post": PostConfig}

ENGINE = """\
timezone: Asia/Shanghai
attributes:
  name: text
  budget: number
  birthday: date
  黑名单: {type: bool, default: false}
dimensions:
  stage: {values: [新加好友, 意向客户, 到店客户, 成交客户]}
staff: [owner, manager]
channels:
  wecom: {type: post, address: "${WECOM}"}
  sms: {type: post, address: here, copies: 2}
"""

TWO_TAGS = """\
# yaml-language-server: $schema=../sop.schema.json
sop: renovation-lead
title: 装修意向客户培育
priority: 50
group: 培育
trigger:
  - tag_added: {all: [楼盘A, 装修意向]}
when:
  - is: {stage: [新加好友, 意向客户]}
  - not: {tag: 已成交}
  - any: [{attr: {budget: {gte: 100000}}}, {attr: {黑名单: false}}]
exit:
  - tag_removed: [楼盘A, 装修意向]
  - replied: {contains: 预约}
    as: 预约
    do: [{start: new-friend}]
reentry: {mode: after_end, cooldown: 90d}
defaults: {at: "10:00", channel: [wecom, sms]}
steps:
  - id: d1
    day: 1
    message:
      text: |
        {{ customer.name | default('您') }},这是您关注的户型资料
      attachments: [{link: {title: 户型图, url: "https://example.com/a"}}]
  - {id: d3, day: 3, message: {text: 您好}, when: [{not: {tag: 已预约}}]}
  - {id: call, day: 15, task: {to: owner, title: "电话回访 {{ customer.name }}", due: 24h}}
  - {id: done, day: 16, do: [{add_tag: 培育完成}, {set: {stage: 到店客户}}]}
"""

STAGES = """\
sop: visited
title: 到店未成交
trigger:
  - entered: {stage: 到店客户, from: 意向客户}
  - event: {type: order.signed, where: {amount: {gte: 100}, kind: [a, b]}}
while:
  - is: {stage: 到店客户}
  - not: {touched: {sop: renovation-lead, since: 7d}}
exit: [{left: {stage: 到店客户}}, {friend_removed: {}}]
reentry: never
key: event.data.order
max_event_age: 3d
defaults: {at: "09:30", channel: sms}
steps:
  - {id: before, day: -1, from: attr.birthday, message: {text: 生日快乐}}
  - {id: soon, after: 2h, expires: 6h, message: {text: 谢谢光临}}
"""

NEW_FRIEND = """\
sop: new-friend
title: 新好友
trigger:
  - customer_created
  - friend_added: {staff: [li, wang], state: 门店}
steps:
  - {id: welcome, after: 1m, channel: wecom, message: {text: 您好}}
"""

FOLDER = {
    "engine.yaml": ENGINE, "sops/lead.yaml": TWO_TAGS, "sops/visited.yaml": STAGES, "sops/friend.yml": NEW_FRIEND,
}  # fmt: skip
