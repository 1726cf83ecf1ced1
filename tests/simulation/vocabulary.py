"""Histories from bytes: each byte is a choice from a table."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulation.tables import (
    ACTIONS,
    CALENDARS,
    CAPS,
    CONDITIONS,
    ENGINE,
    EXEMPTIONS,
    FACTS,
    GOALS,
    MOMENTS,
    OPTING_OUT,
    PAUSES,
    QUIET_HOURS,
    REENTRIES,
    SOPS,
    STEPS,
    TIMES,
    WORKS,
    Plain,
)


@dataclass
class Dice:
    """Choices taken from bytes, one byte each; 0, and whatever is taken when they are used up, chooses the first."""

    entropy: bytes
    at: int = 0

    def below(self, number: int) -> int:
        byte = self.entropy[self.at] if self.at < len(self.entropy) else 0
        self.at += 1
        return byte * number >> 8

    def one(self, table: Sequence[Any]) -> Any:
        return table[self.below(len(table))]

    def maybe(self, one_in: int, table: Sequence[Any]) -> Any:
        """None, but for one time in so many."""
        chosen = self.below(one_in) == one_in - 1
        value = self.one(table)
        return value if chosen else None

    def apart(self, size: int) -> Dice:
        """The next so many bytes, for something that shall not shift what comes after it."""
        self.at += size
        return Dice(self.entropy[self.at - size : self.at])


SOME_CONDITIONS = [[one] for one in CONDITIONS]


# ── definitions ──────────────────────────────────────────────────────────────────────────────────────────────


def an_engine(dice: Dice) -> Plain:
    gates = zip(("quiet_hours", "caps", "calendar"), (QUIET_HOURS, CAPS, CALENDARS), strict=True)
    return ENGINE | _written({name: dice.one(table) for name, table in gates})


def a_step(dice: Dice, id: str) -> Plain:
    step = {"id": id, **dice.one(TIMES), **dice.one(WORKS)}
    rest = {
        "when": dice.maybe(6, SOME_CONDITIONS),
        "channel": dice.maybe(5, ["second", ["second", "log"]]),
        "expires": dice.maybe(8, ["30m", "6h"]),
        "exempt": dice.maybe(8, EXEMPTIONS),
    }
    return step | _written(
        {key: value for key, value in rest.items() if "do" not in step or key in ("when", "expires")}
    )


def an_sop(dice: Dice, sop: str) -> Plain:
    triggers = [dice.one(MOMENTS) for _ in range(1 + dice.below(2))]
    exits = [dice.one(MOMENTS) | _written({"do": dice.maybe(2, ACTIONS)}) for _ in range(dice.below(3))]
    steps = dice.one([1, 2, 3, 3, 4])
    rest = {
        "when": dice.maybe(8, SOME_CONDITIONS),
        "while": dice.maybe(6, SOME_CONDITIONS),
        "exit": exits or None,
        "reentry": dice.one(REENTRIES),
        "group": dice.maybe(2, ["g1", "g1", "g2"]),
        "priority": dice.one([None, 40, 60]),
        "goal": dice.maybe(3, GOALS),
        "holdout": dice.maybe(10, ["100%", "0%"]),
        "accept": dice.maybe(30, [False]),
        "exempt": dice.maybe(12, EXEMPTIONS),
        "key": dice.maybe(2, ["event.data.order"]) if all("event" in each for each in triggers) else None,
    }
    head = {"sop": sop, "title": sop, "defaults": {"at": "10:00", "channel": "log"}, "trigger": triggers}
    return head | _written(rest) | {"steps": [a_step(dice, STEPS[index]) for index in range(steps)]}


def _written(keys: Plain) -> Plain:
    return {key: value for key, value in keys.items() if value is not None}


def sound(sops: dict[str, Plain]) -> list[Plain]:
    """The definitions without what names an SOP that is not among them."""
    return [_sound(sop, set(sops)) for _, sop in sorted(sops.items())]


def _sound(part: Any, known: set[str]) -> Any:
    if isinstance(part, list):
        return [_sound(each, known) for each in part]
    if not isinstance(part, dict):
        return part
    for name in ("start", "exit", "in_sop"):
        named = part.get(name)
        if (isinstance(named, str) and named not in known) or (named == ["sop-c"] and "sop-c" not in known):
            return {"tag": "a"} if name == "in_sop" else {"add_tag": "a"}
    return {name: _sound(value, known) for name, value in part.items()}


def edited(dice: Dice, sops: dict[str, Plain]) -> dict[str, Plain]:
    """The definitions as an operator has changed them."""
    sops = copy.deepcopy(sops)
    name, kind = dice.one(SOPS), dice.one(["move", "add", "remove", "work", "trigger", "while", "accept", "file"])
    if name not in sops:
        return sops | {name: an_sop(dice, name)}
    sop, steps = sops[name], sops[name]["steps"]
    index = dice.below(len(steps))
    free = [id for id in STEPS if id not in {step["id"] for step in steps}]
    if kind == "file" and len(sops) > 1:
        del sops[name]
    elif kind == "trigger":
        sop["trigger"] = [dice.one(MOMENTS)]
        sop.pop("key", None)
    elif kind == "accept":
        sop["accept"] = not sop.get("accept", True)
    elif kind == "while":
        sop["while"] = dice.one(SOME_CONDITIONS)
    elif kind == "remove" and len(steps) > 1:
        del steps[index]
    elif kind == "move":
        kept = {key: value for key, value in steps[index].items() if key not in ("day", "at", "after", "from")}
        steps[index] = kept | dice.one(TIMES)
    elif kind == "add" and free:
        steps.insert(index, a_step(dice, free[-1]))
    else:
        steps[index] = a_step(dice, steps[index]["id"])
    return sops


# ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────


def told(moment: Plain, tags: set[str], stage: list[str]) -> tuple[str, Plain]:
    """What the CRM tells for this moment to take place, or for it to be able to take place the next time."""
    kind, wanted = next((name, value) for name, value in moment.items() if name != "do")
    if kind in ("tag_added", "tag_removed"):
        named = wanted["all"] if isinstance(wanted, dict) else wanted if isinstance(wanted, list) else [wanted]
        tag = next((each for each in named if (each in tags) is (kind == "tag_removed")), named[0])
        tags.symmetric_difference_update({tag})
        return "tag.added" if tag in tags else "tag.removed", {"tag": tag}
    if kind in ("entered", "left") and "stage" in wanted:
        here = wanted["stage"][0] if isinstance(wanted["stage"], list) else wanted["stage"]
        other = wanted.get("from", "s3" if here != "s3" else "s1")
        stage[:] = [other if stage == [here] else here]
        return "stage.changed", {"value": stage[0]}
    if kind == "replied":
        return "message.received", {"text": wanted["contains"] if isinstance(wanted["contains"], str) else "stop it"}
    return "order", {"order": "o1", "amount": 100}


def a_post(dice: Dice, number: int, sops: dict[str, Plain], known: dict[str, Any], *, paused: bool) -> Plain:
    who = dice.one(["c1", "c1", "c1", "c2"])
    tags, stage = known.setdefault(who, (set(), []))
    waited_for = [
        moment for sop in sops.values() for moment in [*sop["trigger"], *sop["trigger"], *sop.get("exit", [])]
    ]
    moment, fact = dice.one(waited_for), dice.maybe(3, FACTS)
    fact = (dice.maybe(3, OPTING_OUT) if paused else None) or fact  # what waits to be sent may be unwanted by then
    kind, data = fact or told(moment, tags, stage)
    rest = {
        "late": dice.maybe(5, [1, 5, 30, 72]),
        "unworked": dice.maybe(8, [True]),
        "id": dice.maybe(12, [f"e{max(1, number - back)}" for back in (1, 2, 3)]),
    }
    return {"op": "post", "who": who, "type": kind, "data": data} | _written(rest)


CRASHES = {"post": (8, 8), "pass": (2, 24), "outage": (2, 12), "apply": (2, 7), "pause": (3, 6), "resume": (2, 7)}
"""Kind of operation → one in how many is cut off, and at which of its commits at the latest."""


def a_crash(dice: Dice, kind: str) -> Plain:
    """Where an operation is cut off; every third of those again in what mends it."""
    one_in, last = CRASHES[kind]
    points = [(1 + dice.below(last), dice.one(["before", "after"])), (1 + dice.below(7), dice.one(["before", "after"]))]
    number, lost = dice.maybe(one_in, [1, 1, 2]), dice.maybe(2, [True])
    return _written({"crash": points[:number], "lose_hints": lost}) if number else {}


KINDS = ["post"] * 10 + ["pass"] * 5 + ["apply"] * 3 + ["outage", "pause", "pause", "resume"]
AN_SOP, AN_OP, OPS = 60, 80, 7
ENTROPY = 4 + 3 * AN_SOP + OPS * AN_OP + 2
"""Bytes that a history is made of."""


def history(entropy: bytes) -> Plain:
    """Definitions, then what happens to customers and operators, at last time enough for everything to end."""
    dice = Dice(entropy)
    engine, number = an_engine(dice), dice.one([1, 2, 2, 3, 3])
    sops = {name: an_sop(dice.apart(AN_SOP), name) for name in SOPS[:number]}
    dice.at = 4 + 3 * AN_SOP
    ops: list[Plain] = [{"op": "apply", "engine": engine, "sops": sound(sops)}]
    known: dict[str, Any] = {}
    paused: list[tuple[str, str]] = []
    for place in range(1, OPS + 1):
        part = dice.apart(AN_OP)
        kind = part.one(KINDS[:10] if place < 3 else KINDS)
        crash = a_crash(part, kind)
        if kind == "post":
            op = a_post(part, place, sops, known, paused=bool(paused))
        elif kind == "apply":
            if part.below(8) == 7:
                engine = an_engine(part)
            else:
                sops = edited(part, sops)
            op = {"op": "apply", "engine": engine, "sops": sound(sops)}
        elif kind == "pause":
            paused.append(part.one(PAUSES))
            op = _scoped("pause", paused[-1])
        elif kind == "resume":
            op = _scoped("resume", paused.pop() if paused else part.one(PAUSES))
        else:
            op = {"op": kind, "hours": part.one([24, 1, 14, 49])}
        ops.append(op | crash)
    if dice.maybe(4, [True]) is None:  # mostly, as a pause that lasts is as long as a history is
        ops += [_scoped("resume", pause) for pause in dict.fromkeys(paused)]
    return {"ops": [*ops, {"op": "pass", "hours": 24 * 4}]}


def _scoped(verb: str, scope: tuple[str, str]) -> Plain:
    return {"op": verb, "kind": scope[0], "name": scope[1]}
