"""The vocabulary of generated histories: few names, so that they meet each other often.

What is chosen from stands in tables, the simplest first, so that little is drawn for a history and what fails shrinks well.
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

Plain = dict[str, Any]

ENGINE: Plain = {
    "timezone": "Asia/Shanghai",
    "attributes": {"budget": "number", "level": {"type": "number", "default": 1}, "due": "date"},
    "dimensions": {"stage": {"values": ["s1", "s2", "s3"]}},
    "clocks": {"any": {"kinds": ["message.received", "order"], "lifecycle": {"awake": 0, "quiet": 2, "gone": 6}}},
    "channels": {"log": {"type": "log"}, "second": {"type": "log"}},
}
QUIET_HOURS: list[Any] = [None, None, ["21:00", "09:00"], ["09:30", "15:00"]]
CAPS: list[Any] = [
    None,
    None,
    [{"max": 1, "per": "1d"}],
    [{"max": 2, "per": "3d"}],
    [{"max": 1, "per": "2d"}, {"max": 1, "per": "1d", "channel": "second"}],
]
CALENDARS: list[Any] = [
    None,
    None,
    {"country": "US", "skip": ["weekend"], "also": ["2026-03-06"]},
    {"country": "US", "skip": ["weekend"], "also": ["2026-03-09", "2026-03-10", "2026-03-11"]},
]
SOPS, STEPS = ("sop-a", "sop-b", "sop-c"), "pqrst"

CONDITIONS: list[Plain] = [
    {"tag": "a"},
    {"not": {"tag": "b"}},
    {"not": {"is": {"stage": "s3"}}},
    {"tag": ["b", "c"]},
    {"is": {"stage": ["s1", "s2"]}},
    {"is": {"lifecycle": "awake"}},
    {"not": {"is": {"lifecycle": ["quiet", "gone"]}}},
    {"attr": {"budget": {"gte": 100}}},
    {"attr": {"budget": {"exists": True}}},
    {"attr": {"level": {"gt": 1}}},
    {"attr": {"level": 1}},
    {"not": {"attr": {"budget": {"lt": 100}}}},
    {"event": {"amount": {"gte": 100}}},
    {"in_sop": "sop-a"},
    {"not": {"in_sop": "sop-b"}},
    {"not": {"in_sop": ["sop-c"]}},
    {"any": [{"tag": "c"}, {"attr": {"budget": {"gte": 100}}}]},
    {"any": [{"attr": {"budget": 50}}, {"is": {"stage": "s2"}}]},
    {"all": [{"attr": {"budget": {"lt": 100}}}, {"not": {"tag": "c"}}]},
    {"not": {"all": [{"tag": "a"}, {"attr": {"budget": {"in": [50, 70]}}}]}},
    {"not": {"any": [{"tag": "b"}, {"event": {"amount": {"lte": 5}}}]}},
]
MOMENTS: list[Plain] = [
    {"tag_added": "a"},
    {"event": {"type": "order"}},
    {"tag_added": ["b", "c"]},
    {"entered": {"stage": "s2"}},
    {"entered": {"stage": ["s1", "s3"]}},
    {"replied": {"contains": "yes"}},
    {"replied": {"contains": ["no", "stop"]}},
    {"event": {"type": "order", "where": {"amount": {"gte": 100}}}},
    {"tag_added": {"all": ["a", "b"]}},
    {"tag_removed": "a"},
    {"tag_removed": {"all": ["b", "c"]}},
    {"left": {"stage": "s1"}},
    {"entered": {"stage": "s3", "from": "s2"}},
    {"entered": {"lifecycle": "quiet"}},
    {"entered": {"lifecycle": "awake"}},
    {"silent": {"clock": "any", "days": 1}},
    {"silent": {"clock": "any", "days": 2}},
    {"silent": {"clock": "any", "days": 3}},
]
ACTIONS: list[list[Plain]] = [
    [{"add_tag": "a"}],
    [{"remove_tag": "a"}],
    [{"set": {"stage": "s2"}}],
    [{"start": "sop-a"}],
    [{"exit": "sop-a"}],
    [{"add_tag": ["b", "c"]}, {"start": "sop-b"}],
    [{"remove_tag": "b"}, {"exit": "sop-b"}],
    [{"start": "sop-c"}, {"set": {"stage": "s1"}}],
    [{"exit": "sop-c"}],
]
TIMES: list[Plain] = [
    {"after": "1m"},
    {"day": 1},
    {"after": "2h"},
    {"day": 0, "at": "20:00"},
    {"day": 0},
    {"day": 2},
    {"day": 3, "at": "02:30"},
    {"after": "26h"},
    {"day": 1, "at": "22:30"},
    {"day": 4, "at": "09:00"},
    {"day": 1, "at": "10:30"},
    {"day": 2, "at": "11:00"},
    {"day": 1, "at": "09:00", "from": "attr.due"},
    {"day": -1, "from": "attr.due"},
]
WORKS: list[Plain] = [
    *[{"message": {"text": "hello"}}] * 6,
    {"task": {"to": "owner", "title": "call"}},
    *[{"do": actions} for actions in ACTIONS],
]
EXEMPTIONS: list[Any] = ["caps", "quiet_hours", ["calendar"], ["calendar", "quiet_hours", "caps"]]
GOALS: list[Plain] = [
    {"event": {"type": "order"}},
    {"event": {"type": "order", "where": {"amount": {"gte": 100}}}, "within": "3d"},
    {"tag_added": "c", "within": "2d"},
    {"replied": {"contains": "yes"}},
]
REENTRIES: list[Any] = [
    *[None] * 4,
    "never",
    "restart",
    {"mode": "restart", "cooldown": "1d"},
    {"mode": "after_end", "cooldown": "2d"},
]
FACTS: list[tuple[str, Plain]] = [
    ("customer.updated", {"attributes": {"budget": 100}}),
    ("customer.updated", {"attributes": {"budget": 50}}),
    ("customer.updated", {"attributes": {"budget": None, "level": 2}}),
    ("customer.updated", {"attributes": {"level": None, "due": "2026-03-07"}}),
    ("customer.updated", {"attributes": {"due": "2026-03-09"}}),
    ("customer.updated", {"attributes": {"due": None}}),
    ("customer.updated", {"timezone": "America/New_York"}),
    ("customer.updated", {"timezone": "Asia/Kathmandu", "attributes": {"budget": 70}}),
    ("message.opted_out", {}),
    ("message.opted_out", {"channel": "log"}),
    ("message.opted_in", {}),
    ("message.opted_in", {"channel": "log"}),
    ("message.received", {"text": "yes please"}),
    ("message.received", {"text": "no"}),
    ("order", {"order": "o1", "amount": 5}),
    ("order", {"order": "o2", "amount": 100}),
    ("order", {}),
]
PAUSES = [*[("sop", sop) for sop in SOPS], ("channel", "log"), ("all", "")]


def maybe(one_in: int, *values: Any) -> st.SearchStrategy[Any]:
    """None, but for one time in so many."""
    return st.sampled_from([None] * (len(values) * (one_in - 1)) + list(values))


@st.composite
def an_engine(draw: st.DrawFn) -> Plain:
    gates = zip(("quiet_hours", "caps", "calendar"), (QUIET_HOURS, CAPS, CALENDARS), strict=True)
    return ENGINE | _written({name: draw(st.sampled_from(table)) for name, table in gates})


conditions, moments = st.sampled_from(CONDITIONS), st.sampled_from(MOMENTS)
some_conditions = st.sampled_from([[one] for one in CONDITIONS] + [CONDITIONS[1:3], CONDITIONS[6:8]])
times, works = st.sampled_from(TIMES), st.sampled_from(WORKS)


# ── definitions ──────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def a_step(draw: st.DrawFn, id: str) -> Plain:
    step = {"id": id, **draw(times), **draw(works)}
    rest = {
        "when": draw(maybe(6, *[[one] for one in CONDITIONS])),
        "channel": None if "do" in step else draw(maybe(5, "second", ["second", "log"])),
        "expires": draw(maybe(8, "30m", "6h")),
        "exempt": None if "do" in step else draw(maybe(8, *EXEMPTIONS)),
    }
    return step | _written(rest)


@st.composite
def an_sop(draw: st.DrawFn, sop: str) -> Plain:
    triggers = draw(st.lists(moments, min_size=1, max_size=2))
    exits = draw(st.lists(moments, max_size=2))
    number = draw(st.integers(1, 4))
    rest = {
        "when": draw(maybe(5, *[[one] for one in CONDITIONS])),
        "while": draw(maybe(5, *[[one] for one in CONDITIONS])),
        "exit": [moment | _written({"do": draw(maybe(2, *ACTIONS))}) for moment in exits] or None,
        "reentry": draw(st.sampled_from(REENTRIES)),
        "group": draw(maybe(3, "g1", "g2")),
        "priority": draw(maybe(2, 40, 60)),
        "goal": draw(maybe(4, *GOALS)),
        "holdout": draw(maybe(10, "100%", "0%")),
        "accept": draw(maybe(30, False)),
        "exempt": draw(maybe(12, *EXEMPTIONS)),
        "key": "event.data.order" if all("event" in each for each in triggers) and draw(st.booleans()) else None,
    }
    head = {"sop": sop, "title": sop, "defaults": {"at": "10:00", "channel": "log"}, "trigger": triggers}
    return head | _written(rest) | {"steps": [draw(a_step(STEPS[index])) for index in range(number)]}


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


@st.composite
def edited(draw: st.DrawFn, sops: dict[str, Plain]) -> dict[str, Plain]:
    """The definitions as an operator has changed them."""
    sops = copy.deepcopy(sops)
    name = draw(st.sampled_from(SOPS))
    if name not in sops:
        return sops | {name: draw(an_sop(name))}
    sop, kind = (
        sops[name],
        draw(st.sampled_from(["move", "add", "remove", "work", "trigger", "while", "accept", "file"])),
    )
    steps = sop["steps"]
    index = draw(st.integers(0, len(steps) - 1))
    free = [id for id in STEPS if id not in {step["id"] for step in steps}]
    if kind == "file" and len(sops) > 1:
        del sops[name]
    elif kind == "trigger":
        sop["trigger"] = [draw(moments)]
        sop.pop("key", None)
    elif kind == "accept":
        sop["accept"] = not sop.get("accept", True)
    elif kind == "while":
        sop["while"] = [draw(conditions)]
    elif kind == "remove" and len(steps) > 1:
        del steps[index]
    elif kind == "move":
        kept = {key: value for key, value in steps[index].items() if key not in ("day", "at", "after", "from")}
        steps[index] = kept | draw(times)
    elif kind == "add" and free:
        steps.insert(index, draw(a_step(free[-1])))
    else:
        steps[index] = draw(a_step(steps[index]["id"]))
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


@st.composite
def posts(draw: st.DrawFn, number: int, sops: dict[str, Plain], known: dict[str, Any]) -> Plain:
    who = draw(st.sampled_from(["c1", "c1", "c2"]))
    tags, stage = known.setdefault(who, (set(), []))
    waited_for = [
        moment for sop in sops.values() for moment in [*sop["trigger"], *sop["trigger"], *sop.get("exit", [])]
    ]
    choice = draw(st.integers(0, 2 * len(waited_for) - 1))
    kind, data = told(waited_for[choice // 2], tags, stage) if choice % 3 < 2 else draw(st.sampled_from(FACTS))
    rest = {
        "late": draw(maybe(5, 1, 5, 30, 72)),
        "unworked": draw(maybe(8, True)),
        "id": draw(maybe(12, *[f"e{n}" for n in range(max(1, number - 3), number)])) if number > 1 else None,
    }
    return {"op": "post", "who": who, "type": kind, "data": data} | _written(rest)


crashes = st.lists(st.tuples(st.integers(1, 8), st.sampled_from(["before", "after"])), min_size=1, max_size=2)
kinds = st.sampled_from(["post"] * 10 + ["pass"] * 5 + ["outage", "apply", "apply", "pause", "resume"])


@st.composite
def histories(draw: st.DrawFn, least: int = 6, most: int = 14) -> Plain:
    """Definitions, then what happens to customers and operators, at last time enough for everything to end."""
    number_of_sops = draw(st.integers(1, 3))
    sops = {name: draw(an_sop(name)) for name in SOPS[:number_of_sops]}
    engine = draw(an_engine())
    ops: list[Plain] = [{"op": "apply", "engine": engine, "sops": sound(sops)}]
    known: dict[str, Any] = {}
    for number in range(1, draw(st.integers(least, most))):
        kind = draw(kinds)
        if kind == "post":
            op = draw(posts(number, sops, known))
        elif kind == "apply":
            if draw(st.integers(0, 7)) == 7:
                engine = draw(an_engine())
            else:
                sops = draw(edited(sops))
            op = {"op": "apply", "engine": engine, "sops": sound(sops)}
        elif kind in ("pause", "resume"):
            op = {"op": kind, **dict(zip(("kind", "name"), draw(st.sampled_from(PAUSES)), strict=True))}
        else:
            op = {"op": kind, "hours": draw(st.sampled_from([24, 1, 14, 49]))}
        if draw(st.integers(0, 4)) == 4:
            op |= {"crash": draw(crashes)} | _written({"lose_hints": draw(maybe(2, True))})
        ops.append(op)
    paused = dict.fromkeys((op["kind"], op["name"]) for op in ops if op["op"] == "pause")
    if draw(st.integers(0, 3)) < 3:  # mostly, as a pause that lasts is as long as a history is
        ops += [{"op": "resume", "kind": kind, "name": name} for kind, name in paused]
    return {"ops": [*ops, {"op": "pass", "hours": 24 * 6}]}
