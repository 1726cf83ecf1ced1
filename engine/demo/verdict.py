"""Did every touch come out as the definitions promise? Core alone says what should be; the database and the log say what is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from engine.core.customers.customer import Timeline
from engine.core.definitions.catalog import Definitions
from engine.core.events import parse
from engine.core.events.event import ENGINE_SOURCE, Event
from engine.core.playback.played import Playback, Played
from engine.core.playback.run import play
from engine.core.reasons import Reason
from engine.core.sentence import Sentence
from engine.core.time.arithmetic import local_date
from engine.demo.feed import Post
from engine.store.database import Row

Identity = tuple[str, str, str, str, str]
"""Customer, SOP, timeline key, start, step."""


@dataclass(slots=True)
class Verdict:
    """What came out, against what should."""

    events: int = 0
    unmatched: int = 0
    timelines: int = 0
    sent: int = 0
    lost: list[Sentence] = field(default_factory=list)
    """Touches that should have been sent and were not, or did not go out on the channel."""
    doubled: list[Sentence] = field(default_factory=list)
    unexpected: list[Sentence] = field(default_factory=list)
    differing: list[Sentence] = field(default_factory=list)
    """Touches or timelines that came out otherwise: status, reason, time, channel, key or text."""
    per_day: dict[str, int] = field(default_factory=dict)
    per_sop: dict[str, int] = field(default_factory=dict)
    woken: int = 0
    """Timelines that silence has started."""
    answered: list[str] = field(default_factory=list)
    """Customers whose activity ended such a timeline."""
    ends: Counter[str] = field(default_factory=Counter)
    skips: Counter[str] = field(default_factory=Counter)
    lateness_p99: float = 0.0
    """Seconds of business time between when a touch should have gone out and when it did."""
    lateness_max: float = 0.0

    @property
    def held(self) -> bool:
        """Whether everything is as promised."""
        return not (self.lost or self.doubled or self.unexpected or self.differing or self.unmatched)


def expected(
    posts: Iterable[Post], refreshed: Iterable[Event], definitions: Definitions, end: datetime, installation: str
) -> Playback:
    """Return what core alone makes of the same events.

    Parameters:
        refreshed: moves between the values of computed dimensions. They are taken as they were found: they follow from all
            customers together, and core plays each on their own.
    """
    events = [parse.read(post.event, post.at, backfill=False) for post in posts]
    return play([*events, *refreshed], definitions, end, installation)


def written_keys(log_file: Path) -> Counter[str]:
    """Return how often each idempotency key went out on the log channel."""
    keys: Counter[str] = Counter()
    with log_file.open("rb") as lines:
        for line in lines:
            if line.startswith(b'{"event":"touch.out"'):
                keys[orjson.loads(line)["key"]] += 1
    return keys


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """What came out, as the database and the channel's log tell it."""

    touches: list[Row]
    timelines: list[Row]
    events: list[Row]
    """When each was matched."""
    out: Mapping[str, int]
    """How often each idempotency key went out."""


def judge(promised: Playback, outcome: DemoOutcome, zone: str) -> Verdict:
    """Compare, touch by touch and timeline by timeline. Days are counted in the zone."""
    touches, timelines = outcome.touches, outcome.timelines
    verdict = Verdict(
        events=len(outcome.events),
        unmatched=sum(row.matched_at is None for row in outcome.events),
        timelines=len(timelines),
    )
    should = {_identity(played): played for played in promised.touches}
    did = {(row.ref, row.sop, row.timeline_key, row.start_id, row.step): row for row in touches}
    _compare_touches(verdict, should, did)
    _compare_timelines(verdict, promised.timelines, timelines)
    _compare_sent(verdict, touches, outcome.out)
    _figures(verdict, should, did, timelines, zone)
    return verdict


def _identity(played: Played) -> Identity:
    timeline = played.touch.timeline
    return played.customer, timeline.sop, timeline.key, timeline.start_id, played.touch.step


def _named(identity: Identity) -> Sentence:
    return Sentence("{touch}", touch=" ".join(part for part in identity if part))


def _compare_touches(verdict: Verdict, should: Mapping[Identity, Played], did: Mapping[Identity, Row]) -> None:
    verdict.lost += [_named(each) for each in should if each not in did]
    verdict.unexpected += [_named(each) for each in did if each not in should]
    for identity, played in should.items():
        row = did.get(identity)
        if row is None:
            continue
        wanted, actual = _promised_values(played), _actual_values(row)
        if wanted != actual:
            names = [name for name in wanted if wanted[name] != actual[name]]
            what = Sentence.joined(
                Sentence(
                    "{name}: promised {wanted}, came out {actual}",
                    name=name,
                    wanted=repr(wanted[name]),
                    actual=repr(actual[name]),
                )
                for name in names
            )
            verdict.differing.append(Sentence("{touch}: {what}", touch=_named(identity), what=what))


def _promised_values(played: Played) -> dict[str, Any]:
    touch = played.touch
    status = "sent" if touch.status == "queued" else touch.status
    return {
        "status": status, "reason": touch.reason, "channel": touch.channel, "due": touch.due_at, "key": touch.key,
        "body": touch.body, "at": played.at,
    }  # fmt: skip


def _actual_values(row: Row) -> dict[str, Any]:
    return {
        "status": row.status, "reason": row.reason, "channel": row.channel, "due": row.due_at, "key": row.key,
        "body": row.body, "at": row.sent_at or row.planned_at,
    }  # fmt: skip


def _compare_timelines(verdict: Verdict, promised: list[tuple[str, Timeline]], timelines: list[Row]) -> None:
    should = {
        (ref, each.sop, each.key, each.start_id): (each.state, each.reason, each.detail) for ref, each in promised
    }
    did = {(row.ref, row.sop, row.key, row.start_id): (row.state, row.reason, row.detail) for row in timelines}
    for identity in should.keys() | did.keys():
        wanted, actual = should.get(identity), did.get(identity)
        if wanted is None or actual is None or wanted[:2] != actual[:2]:
            verdict.differing.append(
                Sentence(
                    "timeline {timeline}: promised {wanted}, came out {actual}",
                    timeline=" ".join(identity),
                    wanted=str(wanted),
                    actual=str(actual),
                )
            )


def _compare_sent(verdict: Verdict, touches: list[Row], out: Mapping[str, int]) -> None:
    """Hold what the database calls sent against what really went out on the channel."""
    sent = {row.key: row for row in touches if row.status == "sent" and row.kind != "do"}
    verdict.lost += [
        Sentence("{touch}: recorded as sent, never went out", touch=f"{row.ref} {row.sop} {row.step}")
        for key, row in sent.items()
        if not out.get(key)
    ]
    verdict.doubled += [
        Sentence("{key}: went out {number} times", key=key, number=number) for key, number in out.items() if number > 1
    ]
    verdict.unexpected += [Sentence("{key}: went out, not recorded as sent", key=key) for key in out if key not in sent]


def _figures(
    verdict: Verdict, should: Mapping[Identity, Played], did: Mapping[Identity, Row], timelines: list[Row], zone: str
) -> None:
    days: Counter[str] = Counter()
    sops: Counter[str] = Counter()
    late: list[float] = []
    for identity, row in did.items():
        if row.status == "skipped":
            verdict.skips[row.reason] += 1
        elif row.status == "sent" and row.kind != "do":
            days[local_date(row.sent_at, zone).isoformat()] += 1
            sops[row.sop] += 1
            if identity in should:
                late.append((row.sent_at - should[identity].at).total_seconds())
    late.sort()
    verdict.sent, verdict.per_day, verdict.per_sop = (
        sum(days.values()),
        dict(sorted(days.items())),
        dict(sops.most_common()),
    )
    woken = [row for row in timelines if row.start_id.startswith(f"{ENGINE_SOURCE}/silent:")]
    verdict.woken = len(woken)
    verdict.answered = [row.ref for row in woken if row.reason in (Reason.EXIT, Reason.ACTIVE_AGAIN)]
    verdict.ends = Counter(
        f"{row.reason or row.state}" + (f" ({row.detail})" if row.detail and row.reason else "") for row in timelines
    )
    verdict.lateness_p99 = late[int(len(late) * 0.99)] if late else 0.0
    verdict.lateness_max = late[-1] if late else 0.0
