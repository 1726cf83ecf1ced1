"""What came of a history, in the engine's database and in the model, in the same plain form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from difflib import unified_diff
from pprint import pformat
from typing import Any

from tests.simulation.model import Model
from tests.simulation.people import Line, Person
from tests.support.pipeline import ScriptedChannel

Story = dict[str, Any]
Look = Callable[[str], list[Any]]
"""Asks the engine's database."""

_TIMELINES = """
    select c.ref, l.id, l.sop, l.key, l.anchor, l.state, l.reason, l.ended_at, l.converted_at
    from timelines l join customers c on c.id = l.customer_id order by l.id
"""
_TOUCHES = (
    "select timeline_id, step, status, reason, channel, coalesce(sent_at, planned_at) as at from touches order by id"
)
_REFUSED = """
    select e.subject, e.event_id, e.source, e.type, e.time, r ->> 'sop' as sop, r ->> 'reason' as reason
    from events e, jsonb_array_elements(e.outcome -> 'refused') with ordinality x(r, place) order by e.id, place
"""


def told(look: Look) -> dict[str, Story]:
    """What the engine did, by customer."""
    timelines, touches, refused = (look(each) for each in (_TIMELINES, _TOUCHES, _REFUSED))
    steps: dict[int, list[str]] = {}
    for touch in touches:
        steps.setdefault(touch.timeline_id, []).append(
            _touch(touch.step, touch.status, touch.reason, touch.channel, touch.at)
        )
    stories: dict[str, Story] = {}
    for line in timelines:
        of = stories.setdefault(line.ref, {"timelines": [], "refused": []})
        ended = _ended(line.state, line.reason, line.ended_at, line.converted_at)
        of["timelines"].append(_line(line.sop, line.key, line.anchor, ended, steps.get(line.id, [])))
    for row in refused:
        label = f"{row.type} {row.time.isoformat()}" if row.source == "engine" else row.event_id
        stories.setdefault(row.subject, {"timelines": [], "refused": []})["refused"].append(
            (label, row.sop, row.reason)
        )
    return stories


def expected(model: Model) -> dict[str, Story]:
    """What it should have done."""
    stories = {ref: _story(person) for ref, person in model.people.items()}
    return {ref: story for ref, story in stories.items() if story["timelines"] or story["refused"]}


def _story(person: Person) -> Story:
    return {"timelines": [_of_model(line) for line in person.lines], "refused": person.refused}


def _of_model(line: Line) -> list[Any]:
    touches = [_touch(each.step, each.status, each.reason, each.channel, each.at) for each in line.touches]
    return _line(line.sop, line.key, line.anchor, _ended(line.state, line.reason, line.ended, line.converted), touches)


def _line(sop: str, key: str, anchor: datetime, ended: str, touches: list[str]) -> list[Any]:
    return [f"{sop} {key}", anchor.isoformat(), ended, touches]


def _ended(state: str, reason: str | None, ended: datetime | None, converted: datetime | None) -> str:
    goal = f"; goal {converted.isoformat()}" if converted else ""
    return f"{state} {reason or ''} {ended.isoformat() if ended else ''}{goal}"


def _touch(step: str, status: str, reason: str | None, channel: str | None, at: datetime) -> str:
    if (status, channel) == (
        "unknown",
        "second",
    ):  # its sender died, and no key tells the channel what it had: see `deliveries`
        status, reason = "sent", None
    timed = status == "skipped" or (status == "sent" and channel != "second")
    when = at.isoformat() if timed else ""  # what is turned away is so whenever a sender comes by
    return f"{step} {status} {reason or ''} {channel or ''} {when}"


def differences(look: Look, model: Model) -> list[str]:
    """What differs, a line each: `-` the engine did, `+` it should have done."""
    did, should = told(look), expected(model)
    if did == should:
        return []
    pages = [pformat(each, width=150).splitlines() for each in (did, should)]
    return list(unified_diff(*pages, "engine", "model", lineterm="", n=2))


def deliveries(look: Look, channels: Mapping[str, ScriptedChannel], *, crashed: bool) -> list[str]:
    """What is wrong with what channels were given.

    Whatever was sent was given to its channel, and nothing else was; more than once only where a process died and the channel
    honours keys, so that it had its effect once. Where it honours none, a touch whose sender died is unknown and not sent again.
    """
    given = {name: Counter(each.key for each in channel.delivered) for name, channel in channels.items()}
    wrong = []
    for key, step, status, channel in look("select key, step, status, channel from touches where kind <> 'do'"):
        times = given[channel].pop(key, 0) if channel else 0
        most = 9 if crashed and channel == "log" else 1
        allowed = {"sent": range(1, most + 1), "unknown": range(2 if crashed and channel == "second" else 0)}
        if times not in allowed.get(status, range(1)):
            wrong.append(f"{step} {status} over {channel}: given {times} times")
    return wrong + [f"{channel} was given {key}, of no touch" for channel, keys in given.items() for key in keys]


# ── what was met ─────────────────────────────────────────────────────────────────────────────────────────────


def met(model: Model, crashes: int, applied_in_flight: bool) -> Iterator[str]:
    """What took place in a history, each thing once: that many of everything is generated is asserted of all histories together."""
    found = {"history", *+model.seen}
    found |= {"crash"} if crashes else set()
    found |= {"two crashes"} if crashes > 1 else set()
    found |= {"apply in flight"} if applied_in_flight else set()
    for person in model.people.values():
        found |= {f"refused {reason}" for _, _, reason in person.refused}
        for line in person.lines:
            found.add(line.reason or line.state)
            found |= {"restarted or replaced"} if line.reason in ("restarted", "replaced") else set()
            found |= {"goal after the end"} if line.converted and line.state != "converted" else set()
            found |= {f"{touch.status} {touch.reason or ''}".strip() for touch in line.touches}
    return iter(found)
