"""A definitions folder that is right, and how each refusal is brought about: one change of one file."""

from __future__ import annotations

from dataclasses import dataclass

ENGINE = """\
timezone: Asia/Shanghai
quiet_hours: ["21:00", "09:00"]
caps: [{max: 1, per: 1d}, {max: 4, per: 7d, channel: sms}]
calendar: {country: CN, skip: [public_holiday], also: [2027-02-11], except: [2027-02-20]}
attributes:
  name: text
  budget: number
  birthday: date
  vip: {type: bool, default: false}
dimensions:
  stage: {values: [新加好友, 意向客户, 到店客户]}
clocks:
  any: {kinds: [visit, purchase]}
  purchase: {kinds: [purchase], lifecycle: {活跃期: 0, 沉默期: 64}}
staff: [owner, manager]
channels:
  wecom: {type: post, address: here}
  sms: {type: post, address: there}
"""

SEGMENTS = """\
metrics:
  spend: {spend: 730d}
  rfm: {rfm: purchase, quantiles: 5}
segments:
  high: [{metric: {spend: {gte: 3}}}]
  low: [{not: {segment: high}}]
dimensions:
  tier:
    refresh: "0 3 * * *"
    values:
      - {value: 金卡, when: [{metric: {spend: {gte: 20000}}}]}
      - {value: 普通}
"""

LEAD = """\
sop: lead
title: 培育
trigger:
  - tag_added: 装修意向
  - friend_added
when:
  - is: {stage: 意向客户}
  - attr: {budget: {gte: 1}}
exit:
  - replied: {contains: 预约}
    do: [{add_tag: 预约}, {notify: {to: owner, text: 要预约}}]
goal: {event: {type: purchase}, within: 30d}
holdout: 10%
defaults: {at: "10:00", channel: [wecom, sms]}
steps:
  - id: d1
    day: 1
    message: {text: 您好}
  - {id: d3, day: 3, message: {text: 在吗}}
  - {id: call, day: 5, task: {to: owner, title: 回访}}
  - {id: done, day: 6, do: [{set: {stage: 到店客户}}]}
"""

OTHER = """\
sop: other
title: 其他
trigger: [{entered: {tier: 金卡}}]
steps:
  - {id: a, after: 1h, channel: sms, message: {text: 您好}}
"""

FOLDER = {"engine.yaml": ENGINE, "segments.yaml": SEGMENTS, "sops/lead.yaml": LEAD, "sops/other.yaml": OTHER}


@dataclass(frozen=True)
class Refusal:
    """A change, and everything that is said of it."""

    file: str
    old: str
    new: str
    said: tuple[str, ...]

    @property
    def folder(self) -> dict[str, str]:
        """The folder with the change."""
        assert self.old in FOLDER[self.file], f"`{self.old}` does not stand in {self.file}"
        return {**FOLDER, self.file: FOLDER[self.file].replace(self.old, self.new, 1)}
