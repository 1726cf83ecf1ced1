"""What generated histories choose from, the simplest first: few names, so that they meet each other often."""

from __future__ import annotations

from typing import Any

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
    [{"max": 1, "per": "1d"}],
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
    {"not": {"tag": ["b", "c"]}},
    {"attr": {"budget": {"exists": False}}},
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
    {"replied": {"contains": "yes"}},
    {"tag_added": "b"},
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
    {"day": 0, "at": "10:30"},
    {"day": 1, "at": "12:00"},
    {"after": "2h"},
    {"after": "3h"},
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
    *[{"message": {"text": "hello"}}] * 20,
    *[{"task": {"to": "owner", "title": "call"}}] * 2,
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
PAUSES = [*[("channel", "log")] * 3, *[("sop", sop) for sop in SOPS], ("all", "")]
OPTING_OUT: list[tuple[str, Plain]] = [("message.opted_out", {}), ("message.opted_out", {"channel": "log"})]
