"""What a CRM would report of a renovation company's customers over forty days. The same every time: chance is hashing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.core.definitions.base import parse_time_of_day
from engine.core.time.arithmetic import at_local

CUSTOMERS = 240
DAYS = 40
FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC).date()
ZONE = "Asia/Shanghai"

_SILENT_DAYS = 30
"""So long a customer has to do nothing to be woken, by the example's definitions."""

_TIMES = ("09:12", "10:41", "11:36", "13:24", "14:53", "16:18", "17:47", "19:33")
"""When the CRM reports; several customers share a moment, as they do when sales works through a list."""
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_COMMUNITIES = ("云栖里", "枫桥苑", "江畔华庭", "北岸一号", "梧桐郡")
_CONSULTANTS = ("小林", "小周", "小许", "小何")


@dataclass(frozen=True, slots=True)
class Post:
    """One event as a CRM posts it, and when."""

    at: datetime
    event: dict[str, Any]


def feed(customers: int = CUSTOMERS, days: int = DAYS) -> list[Post]:
    """Return everything the CRM posts, in order of time."""
    posts = [post for number in range(customers) for post in _Journey(number, days).posts()]
    return sorted((post for post in posts if post.at < _moment(days, 0)), key=lambda post: post.at)


def start() -> datetime:
    """Return the moment the forty days begin."""
    return _moment(0, 0) - timedelta(hours=2)


def end(days: int = DAYS) -> datetime:
    """Return the moment they end."""
    return _moment(days, 0)


def _moment(day: int, slot: int) -> datetime:
    time = parse_time_of_day(_TIMES[slot % len(_TIMES)])
    return at_local(FIRST_DAY + timedelta(days=day), time, ZONE) + timedelta(seconds=17)


def names(posts: Iterable[Post]) -> dict[str, str]:
    """Return what the customers are called, by ref, of those whose name the CRM tells."""
    named = ((post.event["subject"], post.event["data"].get("attributes", {}).get("name")) for post in posts)
    return {ref: name for ref, name in named if name}


class _Journey:
    """One customer's way through the forty days."""

    def __init__(self, number: int, days: int) -> None:
        self.ref = f"C{number + 1:04d}"
        self._days = days
        self._count = 0
        self._owner = f"s-{self._pick('owner', range(4)) + 1}"
        self._day = self._pick("day", range(min(24, days)))
        self._slot = self._pick("slot", range(4))

    def _roll(self, purpose: str) -> float:
        digest = hashlib.blake2b(f"{self.ref}:{purpose}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def _pick(self, purpose: str, choices: Sequence[Any]) -> Any:
        return choices[int(self._roll(purpose) * len(choices))]

    def _post(self, kind: str, **data: Any) -> Post:
        """Return a post at the customer's present moment; those of one moment keep their order in the inbox."""
        self._count += 1
        at = _moment(self._day, self._slot)
        event = {
            "specversion": "1.0",
            "id": f"{self.ref}-{self._count}",
            "source": "crm",
            "type": kind,
            "subject": self.ref,
        }
        return Post(at, {**event, "time": at.isoformat(), "data": data})

    def _later(self, purpose: str, at_least: int, at_most: int) -> None:
        """Let some days pass, or at least some hours."""
        before = (self._day, self._slot)
        self._day += self._pick(f"{purpose}:days", range(at_least, at_most + 1))
        self._slot = self._pick(f"{purpose}:slot", range(len(_TIMES)))
        if (self._day, self._slot) <= before:
            self._day += 1

    def posts(self) -> Iterator[Post]:
        """Yield the customer's events in order."""
        yield from self._meet()
        if self._roll("interested") < 0.78:
            yield from self._show_interest()
        elif self._roll("answers") < 0.5:
            yield from self._answer_late()

    def _meet(self) -> Iterator[Post]:
        yield self._post("customer.updated", attributes=self._attributes(), staff={"owner": self._owner})
        yield self._post("stage.changed", value="新加好友")
        yield self._post(
            "friend.added", staff=self._owner, state=self._pick("state", ["展会2026", "门店海报", "老客介绍"])
        )
        if self._roll("leaves at once") < 0.06:
            self._later("leaves", 1, 2)
            yield self._post("friend.removed", staff=self._owner)

    def _attributes(self) -> dict[str, Any]:
        known: dict[str, Any] = {
            "consultant": self._pick("consultant", _CONSULTANTS),
            "area": 60 + int(self._roll("area") * 130),
        }
        if self._roll("name") < 0.9:
            known["name"] = self._pick("surname", _SURNAMES) + self._pick("title", ["女士", "先生"])
        if self._roll("community") < 0.7:
            known["community"] = self._pick("which community", _COMMUNITIES)
        if self._roll("budget") < 0.6:
            known["budget"] = 100_000 + int(self._roll("how much") * 40) * 10_000
        if self._roll("birthday") < 0.5:
            known["birthday"] = (
                FIRST_DAY.replace(year=1980) + timedelta(days=int(self._roll("born") * 20 * 365))
            ).isoformat()
        if self._roll("blocked") < 0.03:
            known["黑名单"] = True
        return known

    def _answer_late(self) -> Iterator[Post]:
        """Not a word for a month, and an answer two days after being woken."""
        self._day += _SILENT_DAYS + 2
        text = self._pick("answer", ["在的，最近有点忙", "抵用券怎么领", "刚交房，下周聊"])
        yield self._post("message.received", channel="wecom", text=text)

    def _show_interest(self) -> Iterator[Post]:
        self._later("interest", 0, 2)
        yield self._post("stage.changed", value="意向客户")
        yield self._post("tag.added", tag=self._pick("tag", ["装修意向", "装修意向", "楼盘A"]))
        way = self._roll("way")
        if way < 0.10:
            yield from self._lose_interest()
        elif way < 0.36:
            yield from self._ask_to_book()
        elif way < 0.66:
            yield from self._visit()
        elif way < 0.76:
            yield from self._small_talk()

    def _lose_interest(self) -> Iterator[Post]:
        self._later("lost", 2, 9)
        yield self._post("tag.removed", tag="装修意向")
        yield self._post("tag.removed", tag="楼盘A")

    def _small_talk(self) -> Iterator[Post]:
        self._later("talk", 2, 6)
        yield self._post("message.received", channel="wecom", text="好的，谢谢，我先看看")

    def _ask_to_book(self) -> Iterator[Post]:
        self._later("ask", 2, 9)
        yield self._post(
            "message.received",
            channel="wecom",
            text=self._pick("words", ["你好，我想预约看看", "可以来量房吗", "预约"]),
        )
        if self._roll("cancels") < 0.2:
            self._later("cancel", 1, 3)
            yield self._post("message.received", channel="wecom", text="这两天不去了，改天吧")
        elif self._roll("comes") < 0.7:
            yield from self._visit()

    def _visit(self) -> Iterator[Post]:
        self._later("visit", 2, 6)
        yield self._post("visit", store="滨江店")
        yield self._post("stage.changed", value="到店客户")
        if self._roll("tells the budget") < 0.3:
            self._later("tells", 3, 4)
            yield self._post("customer.updated", attributes={"budget": 200_000})
        ends = self._roll("ends")
        if ends < 0.45:
            yield from self._sign()
        elif ends < 0.7:
            self._later("no deal", 4, 8)
            yield self._post("stage.changed", value="到店未成交")

    def _sign(self) -> Iterator[Post]:
        self._later("sign", 3, 9)
        starts_on = FIRST_DAY + timedelta(days=self._day + self._pick("starts", range(4, 10)))
        data: dict[str, Any] = {
            "order": f"HT-{self.ref}",
            "amount": 80_000 + int(self._roll("amount") * 200) * 1_000,
            "currency": "CNY",
        }
        if self._roll("date known") < 0.85:
            data["starts_on"] = starts_on.isoformat()
        yield self._post("purchase", **data)
        yield self._post("stage.changed", value="成交客户")
