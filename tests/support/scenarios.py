"""Scenarios: what happens to customers, and what the engine makes of it, in lines that operators read.

The format is described in docs/language/README.md.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.adapters import holidays
from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions.catalog import DecisionContext, DefinedSop, Definitions
from engine.core.delivery.version_change import apply_version_change
from engine.core.events.event import ENGINE_SOURCE, STAGE, Event
from engine.core.matching import existing_customers
from engine.core.matching.matched import Matched
from engine.core.playback.played import Playback, Played, Waited
from engine.core.playback.run import play_each
from engine.core.time.arithmetic import zone
from engine.definitions_yaml import Loaded, load_sources, render_problems
from engine.messages.conditions import ConditionFormatter
from engine.wiring import CHANNEL_TYPES
from tests.support.builders import INSTALLATION
from tests.support.chinese import english_words

ARROW = "→"
SOMEBODY = "C1"
"""The customer where a scenario names none."""
_AFTERWARDS = timedelta(days=30)
_MOMENT = r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}"
_LINE = re.compile(rf"({_MOMENT}) +(?:([\w-]+): +)?(\S+)(?: +(.*?))?(?: +\(heard ({_MOMENT})\))?")
_FIRST_WORD = {
    "tag.added": "tag", "tag.removed": "tag", "stage.changed": "value", "message.received": "text", "message.opted_out": "channel",
    "message.opted_in": "channel",
}  # fmt: skip
"""Where the words after an event's type go that are no `key=value`."""
_NAMED = re.compile(r"^#\s*((?:engine|segments)\.yaml|sops/[\w-]+\.yaml)")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?\+\d{2}:\d{2}")
_STATUS = {"message": "sent", "task": "given", "do": "done", "notice": "told"}


def folders(blocks: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Return the definitions folder that a page's YAML blocks make up; where a file comes again, the next one begins."""
    made: list[dict[str, str]] = [{}]
    written: set[str] = set()
    for language, text in blocks:
        found = _NAMED.match(text)
        if language != "yaml" or not found:
            continue
        name = found[1]
        if name in written:
            made.append(dict(made[-1]))
            written = set()
        written.add(name)
        if text.split("\n")[0].endswith(" removed"):
            made[-1].pop(name)
        else:
            made[-1][name] = text
    return made


def loaded(sources: Mapping[str, str]) -> Loaded:
    """Return the folder as loaded."""
    return load_sources(sources, CHANNEL_TYPES)


def defined(sources: Mapping[str, str], generation: int) -> Definitions:
    """Return the definitions of a folder without problems."""
    found = loaded(sources)
    assert found.problems == [], render_problems(found.problems)
    assert found.engine is not None and found.segments is not None
    sops = {name: DefinedSop(sop, generation) for name, sop in found.sops.items()}
    days_off = holidays.days_off(found.engine.calendar)
    return Definitions(generation, found.engine, sops, segments=found.segments, days_off=days_off)


@dataclass
class Scenario:
    """A scenario as written."""

    definitions: list[Definitions]
    """By generation."""
    show: frozenset[str] = frozenset()
    events: list[Event] = field(default_factory=list)
    orders: list[tuple[datetime, str, dict[str, Any]]] = field(default_factory=list)
    """Moments at which something else happens: apply, refresh."""
    expected: list[str] = field(default_factory=list)
    until: datetime | None = None
    last: datetime | None = None
    zone_name: str = ""

    def utc(self, text: str) -> datetime:
        """Return the moment that clocks of the scenario's zone show as `text`."""
        return datetime.fromisoformat(text).replace(tzinfo=zone(self.zone_name)).astimezone(zone("UTC"))


def read(text: str, generations: list[Definitions]) -> Scenario:
    """Return a scenario read from its lines."""
    scenario = Scenario(generations, zone_name=generations[0].engine.timezone)
    for line in (each.strip() for each in text.splitlines()):
        if line.startswith(ARROW):
            scenario.expected.append(" ".join(line.removeprefix(ARROW).split()))
        elif line.startswith(("show ", "until ", "zone ")):
            _setting(scenario, *line.split(" ", 1))
        elif line:
            _happening(scenario, line)
    moments = [scenario.utc(each[:16]) for each in scenario.expected] + [each.time for each in scenario.events]
    scenario.last = scenario.until or max(moments) + _AFTERWARDS
    return scenario


def _setting(scenario: Scenario, name: str, value: str) -> None:
    if name == "show":
        scenario.show = frozenset(value.replace(",", " ").split())
    elif name == "zone":
        scenario.zone_name = value.strip()
    else:
        scenario.until = scenario.utc(f"{value.strip()} 00:00" if len(value.strip()) == 10 else value.strip())


def _happening(scenario: Scenario, line: str) -> None:
    found = _LINE.fullmatch(line)
    assert found, f"no line of a scenario: {line}"
    moment, ref, kind, rest, heard = found.groups()
    at = scenario.utc(moment)
    if kind in ("apply", "refresh"):
        scenario.orders.append((at, kind, _data(kind, rest or "")))
        return
    received = scenario.utc(heard) if heard else at
    number = str(len(scenario.events))
    scenario.events.append(Event("crm", number, kind, ref or SOMEBODY, at, received, _data(kind, rest or "")))


def _data(kind: str, text: str) -> dict[str, Any]:
    data: dict[str, Any] = {}
    words = []
    for word in shlex.split(text):
        key, equals, value = word.partition("=")
        if equals:
            _put(data, key.split("."), value)
        else:
            words.append(word)
    return {**data, _FIRST_WORD.get(kind, "text"): " ".join(words)} if words else data


def _put(data: dict[str, Any], way: list[str], value: str) -> None:
    for part in way[:-1]:
        data = data.setdefault(part, {})
    try:
        data[way[-1]] = json.loads(value)
    except ValueError:
        data[way[-1]] = value[1:-1].split(",") if value[:1] == "[" and value[-1:] == "]" else value


# ── playing ──────────────────────────────────────────────────────────────────────────────────────────────────


class Play:
    """Plays a scenario and tells what came of it."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._customers: dict[str, Customer] = {}
        self._generation = 0
        self._told: dict[str, list[tuple[datetime, int, str]]] = {}
        self._ended: dict[int, tuple[str, Timeline]] = {}
        self._waits: set[tuple[int, str, str, datetime]] = set()
        self.chinese: list[str] = []
        """The reasons of everything that came out, with their details, in Chinese."""

    def lines(self) -> list[str]:
        """Return what the engine did, line by line."""
        scenario = self._scenario
        ahead = list(scenario.events)
        now = min([each.received_at for each in ahead] + [at for at, _, _ in scenario.orders])
        for at, kind, data in sorted(scenario.orders, key=lambda each: each[0]):
            before = [each for each in ahead if each.received_at <= at]
            ahead = [each for each in ahead if each.received_at > at]
            self._go(before, now, at)
            ahead = [*self._order(kind, data, at), *ahead]
            now = at
        assert scenario.last is not None
        self._go(ahead, now, scenario.last)
        for ref, timeline in self._ended.values():
            self._end(ref, timeline)
        told = [(at, ref, order, line) for ref, lines in self._told.items() for at, order, line in lines]
        several = len(self._told) > 1
        ordered = sorted(told, key=lambda each: (each[0], each[1], each[2]))
        return [self._line(at, f"{ref}: {line}" if several else line) for at, ref, _, line in ordered]

    @property
    def _definitions(self) -> Definitions:
        return self._scenario.definitions[self._generation]

    def _go(self, events: list[Event], now: datetime, until: datetime) -> None:
        if not events and not self._customers:
            return
        played = play_each(
            self._customers.values(), events, DecisionContext(self._definitions, now, INSTALLATION), until
        )
        for customer, one in played:
            self._customers[customer.ref] = customer
            self._tell(customer.ref, one)

    def _order(self, kind: str, data: dict[str, Any], at: datetime) -> Iterator[Event]:
        if kind == "apply":
            new = self._scenario.definitions[self._generation + 1]
            added = set(new.sops) - set(self._definitions.sops)
            self._generation += 1
            for customer in self._customers.values():
                for touch in apply_version_change(customer, DecisionContext(new, at, INSTALLATION)):
                    self._say(customer.ref, at, self._touch(Played(customer.ref, touch, at)))
                self._note_ended(customer.ref, customer.timelines)
                yield from self._existing(customer, added, at)
            return
        for customer in self._customers.values():
            for name, value in data.items():
                if name in self._definitions.segments.dimensions:
                    cause, moved = {"refresh": name}, {"dimension": name, "value": value}
                    yield Event(ENGINE_SOURCE, f"{name}@{at}", STAGE, customer.ref, at, at, moved, cause=cause)
                else:
                    customer.metrics[name] = value

    def _existing(self, customer: Customer, added: set[str], at: datetime) -> Iterator[Event]:
        for name in sorted(added):
            sop = self._definitions.sops[name].sop
            found = (
                existing_customers.met(customer, sop, DecisionContext(self._definitions, at))
                if sop.existing != "ignore"
                else None
            )
            if found is not None:
                yield existing_customers.start_event(customer, sop, found, at)

    # ── telling ──────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, ref: str, played: Playback) -> None:
        for at, what in played.log:
            if isinstance(what, Matched):
                for line in self._outcome(what):
                    self._say(ref, at, line)
            elif isinstance(what, Played):
                self._say(ref, at, self._touch(what))
            else:
                self._wait(ref, at, what)
        self._note_ended(ref, [timeline for _, timeline in played.timelines])

    def _note_ended(self, ref: str, timelines: Iterable[Timeline]) -> None:
        for each in timelines:
            if each.ended_at is not None and each.state not in ("completed", "converted"):
                self._ended[id(each)] = ref, each

    def _end(self, ref: str, timeline: Timeline) -> None:
        assert timeline.ended_at is not None
        why = " ".join(filter(None, (timeline.reason, timeline.detail)))
        self._say(ref, timeline.ended_at, f"{timeline.sop} ended: {why}", first=True)

    def _say(self, ref: str, at: datetime, line: str, *, first: bool = False) -> None:
        lines = self._told.setdefault(ref, [])
        lines.append(
            (
                at,
                -1 if first else len(lines),
                _ISO.sub(lambda found: self._clock(datetime.fromisoformat(found[0])), line),
            )
        )

    def _outcome(self, matched: Matched) -> Iterator[str]:
        outcome = matched.outcome
        for each in outcome.get("goals", ()):
            yield f"{each['sop']} goal reached"
        for each in outcome.get("started", ()):
            yield f"{each['sop']} started" + (f" ({each['key']})" if each.get("key") else "")
        for each in outcome.get("refused", ()):
            yield f"{each['sop']} refused: {self._why(each['reason'], each.get('detail'))}"
        if outcome.get("reason"):
            yield f"{matched.event.type} ignored: {outcome['reason']}"

    def _touch(self, played: Played) -> str:
        touch = played.touch
        told = f"{touch.timeline.sop} {touch.step} "
        if touch.status == "skipped":
            return f"{told}skipped: {self._why(touch.reason, touch.detail)}"
        told += _STATUS[touch.kind]
        if touch.variant:
            told += f" ({touch.variant})"
        if touch.delayed_by == "holiday":
            told += " after holiday"
        if "channel" in self._scenario.show and touch.channel:
            told += f" over {touch.channel}"
        if "staff" in self._scenario.show and touch.body and touch.body.get("staff"):
            told += f" to {touch.body['staff']}"
        body = touch.body or {}
        text = body.get("title") or body.get("text")
        return f"{told}: {' '.join(str(text).split())}" if "text" in self._scenario.show and text else told

    def _wait(self, ref: str, at: datetime, what: Waited) -> None:
        seen = (id(what.timeline), what.step, what.reason, what.until)
        if seen not in self._waits:
            self._waits.add(seen)
            why = self._why(what.reason, what.detail)
            self._say(ref, at, f"{what.timeline.sop} {what.step} waits until {self._clock(what.until)}: {why}")

    def _why(self, reason: str | None, detail: str | Mapping[str, Any] | None) -> str:
        """Return a reason's code, and its detail as an operator reads it, which must be sayable in Chinese too."""
        self.chinese.append(ConditionFormatter("zh", self._scenario.zone_name).reason(reason, detail))
        shown = ConditionFormatter("en", self._scenario.zone_name).detail(reason or "", detail)
        return f"{reason} ({shown})" if shown else str(reason)

    def _clock(self, moment: datetime) -> str:
        return f"{moment.astimezone(zone(self._scenario.zone_name)):%Y-%m-%d %H:%M}"

    def _line(self, at: datetime, text: str) -> str:
        return f"{self._clock(at)} {text}"


def played(text: str, blocks: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Return the lines a scenario expects and those that came out; what they say of reasons must be Chinese in Chinese."""
    given = list(blocks)
    generations = [defined(sources, number) for number, sources in enumerate(folders(given), 1)]
    scenario = read(text, generations)
    play = Play(scenario)
    lines = play.lines()
    names = frozenset(re.findall(r"[A-Za-z]{2,}", " ".join(source for language, source in given if language == "yaml")))
    english = [each for each in play.chinese if english_words(each, names)]
    assert english == []
    return scenario.expected, lines
