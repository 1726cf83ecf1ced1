"""Histories in which engine and model once differed, made small."""

from __future__ import annotations

from typing import Any

from tests.simulation.tables import ENGINE

Plain = dict[str, Any]


def _sop(name: str, trigger: Plain, *steps: Plain, **rest: Any) -> Plain:
    defaults = {"at": "10:00", "channel": "log"}
    return {"sop": name, "title": name, "defaults": defaults, "trigger": [trigger], "steps": list(steps), **rest}


def _apply(*sops: Plain, **gates: Any) -> Plain:
    return {"op": "apply", "engine": ENGINE | gates, "sops": list(sops)}


def _post(kind: str, **rest: Any) -> Plain:
    return {"op": "post", "who": "c1", "type": kind, **rest}


def _message(id: str, **rest: Any) -> Plain:
    return {"id": id, "message": {"text": "hello"}, **rest}


FOUND: dict[str, Plain] = {
    "what a cap put off to another day went out when the timeline was looked at for another step, at night": {
        "ops": [
            _apply(
                _sop(
                    "sop-a",
                    {"tag_added": "a"},
                    _message("p", day=1),
                    _message("q", day=1),
                    {"id": "r", "day": 2, "at": "02:30", "do": [{"add_tag": "b"}]},
                ),
                caps=[{"max": 1, "per": "1d"}],
            ),
            _post("tag.added", data={"tag": "a"}),
            {"op": "pass", "hours": 96},
        ]
    },
    "a first activity at the moment silence counts from made a crossing that was swept for ever": {
        "ops": [
            _apply(_sop("sop-b", {"silent": {"clock": "any", "days": 2}}, _message("s", day=1, at="10:30"))),
            {"op": "pass", "hours": 49},
            _post("tag.added", data={"tag": "b"}, late=72),
            _post("order", data={"order": "o1", "amount": 100}, late=72),
            {"op": "pass", "hours": 96},
        ]
    },
}
