"""Making a history that fails small: whatever can be left out of it without its failing less is."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

History = dict[str, Any]


def smaller(history: History, fails: Callable[[History], bool], seconds: float = 90.0) -> History:
    """Return a history that fails too, with as little in it as is found in so many seconds."""
    history, end, again = _named(history), time.monotonic() + seconds, True
    if not fails(history):
        return history
    while again:
        again = False
        for candidate in _without_something(history):
            if time.monotonic() > end:
                return history
            if fails(candidate):
                history, again = candidate, True
                break
    return history


def _named(history: History) -> History:
    """Give every event the id it would have by its place, so that leaving one out renames no other."""
    ops = [{"id": f"e{place}"} | op if op["op"] == "post" else op for place, op in enumerate(history["ops"])]
    return {"ops": ops}


def _without_something(history: History) -> Iterator[History]:
    """Yield histories with one thing less, the largest things first."""
    for place in reversed(range(1, len(history["ops"]))):
        yield {"ops": history["ops"][:place] + history["ops"][place + 1 :]}
    for name in sorted({sop["sop"] for sop in _sops(history)}):
        yield from _changed(history, lambda sops, name=name: [sop for sop in sops if sop["sop"] != name])
        for key in sorted(
            {key for sop in _sops(history) for key in sop} - {"sop", "title", "defaults", "trigger", "steps"}
        ):
            yield from _changed(history, lambda sops, name=name, key=key: _less(sops, name, key))
        for step in "pqrst":
            yield from _changed(history, lambda sops, name=name, step=step: _without_step(sops, name, step))
            for key in ("when", "channel", "expires", "exempt"):
                yield from _changed(history, lambda sops, name=name, step=step, key=key: _less(sops, name, key, step))
    yield from _smaller_ops(history)


def _smaller_ops(history: History) -> Iterator[History]:
    for place, op in enumerate(history["ops"]):
        for key in {"crash", "lose_hints", "late", "unworked"} & op.keys():
            yield _with(history, place, {name: value for name, value in op.items() if name != key})
        if len(op.get("crash", [])) > 1:
            yield _with(history, place, op | {"crash": op["crash"][:1]})
    for gate in ("caps", "quiet_hours", "calendar"):
        changed = copy.deepcopy(history)
        if any([op["engine"].pop(gate, None) for op in changed["ops"] if op["op"] == "apply"]):  # noqa: C419 - of all
            yield changed


def _with(history: History, place: int, op: dict[str, Any]) -> History:
    return {"ops": [op if index == place else each for index, each in enumerate(history["ops"])]}


def _sops(history: History) -> Iterator[dict[str, Any]]:
    return (sop for op in history["ops"] if op["op"] == "apply" for sop in op["sops"])


def _changed(history: History, change: Callable[[list[Any]], list[Any]]) -> Iterator[History]:
    """Yield the history with every apply's SOPs changed, if that changes something and leaves some."""
    changed = copy.deepcopy(history)
    for op in changed["ops"]:
        if op["op"] == "apply":
            op["sops"] = change(op["sops"])
    if changed != history and all(op["sops"] for op in changed["ops"] if op["op"] == "apply"):
        yield changed


def _less(sops: list[Any], name: str, key: str, step: str | None = None) -> list[Any]:
    for sop in sops:
        if sop["sop"] == name:
            for part in [sop] if step is None else [each for each in sop["steps"] if each["id"] == step]:
                part.pop(key, None)
    return sops


def _without_step(sops: list[Any], name: str, step: str) -> list[Any]:
    for sop in sops:
        if sop["sop"] == name and len(sop["steps"]) > 1:
            sop["steps"] = [each for each in sop["steps"] if each["id"] != step] or sop["steps"]
    return sops
