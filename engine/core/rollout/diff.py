"""What differs between two sets of definitions: what is new, gone or changed, and where in it, by the language's own keys.

Works on the models, field by field, so that it knows every key of the language and no comment or layout.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Any, Literal, get_args

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from engine.core.definitions import Model, OneOf, QuietHours, Sop
from engine.core.definitions.base import Percent

_PERCENT = [each for each in get_args(Percent) if isinstance(each, BeforeValidator)]
"""By this a field that holds a percentage is known."""
ChangeKind = Literal["added", "removed", "changed", "moved"]


class Id(str):
    """In a path: the part of a list that has this id."""

    __slots__ = ()


Path = tuple[str | int, ...]
"""Where something stands: keys as in the YAML; of lists the part's `Id`, or its number from 1."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs within a definition."""

    path: Path
    kind: ChangeKind
    before: Any = None
    """As it is written in YAML, in plain values; of what has moved, its number in the list."""
    after: Any = None

    @property
    def step(self) -> str | None:
        """The step it stands in, None where it concerns the whole SOP."""
        return str(self.path[1]) if len(self.path) > 1 and self.path[0] == "steps" else None


@dataclass(frozen=True, slots=True)
class Version:
    """A definition as one set has it."""

    file: str
    text: str
    model: Model | None
    """None where this version of the engine cannot read it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One definition that is not the same in both sets."""

    name: str
    """The SOP's id, or engine.yaml, segments.yaml."""
    kind: Literal["added", "removed", "changed", "text", "unreadable"]
    """text: only comments, layout or the file's name differ; unreadable: the version before cannot be read, so all of it may."""
    title: str | None = None
    changes: list[Change] = field(default_factory=list)


def differences(before: Mapping[str, Version], after: Mapping[str, Version]) -> list[Difference]:
    """Return what differs, by name: engine.yaml and segments.yaml first, then SOPs."""
    every = (_difference(name, before.get(name), after.get(name)) for name in before.keys() | after.keys())
    shared_first = sorted(
        (each for each in every if each), key=lambda each: (not each.name.endswith(".yaml"), each.name)
    )
    return list(shared_first)


def _difference(name: str, before: Version | None, after: Version | None) -> Difference | None:
    title = next((each.model.title for each in (after, before) if each and isinstance(each.model, Sop)), None)
    if before is None or after is None:
        model = after.model if after else None
        changes = _whole(model) if model is not None else []
        return Difference(name, "added" if before is None else "removed", title, changes)
    if (before.file, before.text) == (after.file, after.text):
        return None
    if before.model is None or after.model is None:
        return Difference(name, "unreadable", title)
    changes = changes_of(before.model, after.model)
    if changes:
        return Difference(name, "changed", title, changes)
    renamed = [Change(("file",), "changed", before.file, after.file)] if before.file != after.file else []
    return Difference(name, "text", title, renamed)


def changes_of(before: Model, after: Model) -> list[Change]:
    """Return what differs between two versions of one definition, in the order of its keys."""
    return list(_models(before, after, ()))


def _whole(model: Model) -> list[Change]:
    """Return what a new definition says, as so many additions."""
    fields = _fields(model)
    added = {
        key: value for key, value in fields.items() if key not in ("sop", "title") and not _default(model, key, value)
    }
    return list(_keys({key: {} if isinstance(value, Mapping) else None for key, value in added.items()}, added, ()))


# ── comparing ────────────────────────────────────────────────────────────────────────────────────────────────


def _values(before: Any, after: Any, path: Path) -> Iterator[Change]:
    if _text_of(before) == _text_of(after):
        return
    if _absent(before) or _absent(after):
        kind: ChangeKind = "added" if _absent(before) else "removed"
        if _is_list(before) or _is_list(after):
            yield from _parts(before or (), after or (), path)
        elif isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _keys(before, after, path)  # a table that was or is empty
        else:
            yield Change(path, kind, plain(before), plain(after))
    elif isinstance(before, Model) and isinstance(after, Model) and _same_kind(before, after):
        yield from _models(before, after, path)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _keys(before, after, path)
    elif _is_list(before) and _is_list(after):
        yield from _parts(before, after, path)
    else:
        yield Change(path, "changed", plain(before), plain(after))


def _models(before: Model, after: Model, path: Path) -> Iterator[Change]:
    yield from _keys(_fields(before), _fields(after), path)


def _keys(before: Mapping[str, Any], after: Mapping[str, Any], path: Path) -> Iterator[Change]:
    for key in [*before, *(each for each in after if each not in before)]:
        yield from _values(before.get(key), after.get(key), (*path, str(key)))


def _parts(before: Sequence[Any], after: Sequence[Any], path: Path) -> Iterator[Change]:
    ids = [_id_of(each) for each in (*before, *after)]
    if all(each is not None for each in ids):
        yield from _identified(
            {str(_id_of(each)): each for each in before}, {str(_id_of(each)): each for each in after}, path
        )
    else:
        yield from _in_order(before, after, path)


def _identified(before: dict[str, Any], after: dict[str, Any], path: Path) -> Iterator[Change]:
    """Compare parts that have an id: it is their identity, wherever they stand."""
    moved = _moved([each for each in before if each in after], [each for each in after if each in before])
    for id_, part in after.items():
        place = (*path, Id(id_))
        if id_ not in before:
            yield Change(place, "added", None, plain(part))
            continue
        if id_ in moved:
            yield Change(place, "moved", list(before).index(id_) + 1, list(after).index(id_) + 1)
        yield from _values(before[id_], part, place)
    for id_, part in before.items():
        if id_ not in after:
            yield Change((*path, Id(id_)), "removed", plain(part), None)


def _moved(before: list[str], after: list[str]) -> set[str]:
    """Return the fewest that must have moved for one order to become the other, as far as the matcher finds them."""
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    return set(after) - {id_ for block in blocks for id_ in after[block.b : block.b + block.size]}


def _in_order(before: Sequence[Any], after: Sequence[Any], path: Path) -> Iterator[Change]:
    """Compare parts known by their place only: those alike stay, of the others each is taken for the next one's new form."""
    old, new = ([_text_of(each) for each in side] for side in (before, after))
    gone: dict[str, int] = {}
    come: list[Change] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        pairs = min(i2 - i1, j2 - j1) if tag == "replace" else 0
        for shift in range(pairs):
            yield from _values(before[i1 + shift], after[j1 + shift], (*path, j1 + shift + 1))
        if tag != "equal":
            gone |= {old[number]: number for number in range(i1 + pairs, i2)}
            come += [
                Change((*path, number + 1), "added", None, plain(after[number])) for number in range(j1 + pairs, j2)
            ]
    for change in come:
        was = gone.pop(new[int(change.path[-1]) - 1], None)
        yield change if was is None else Change(change.path, "moved", was + 1, change.path[-1])
    for number in gone.values():
        yield Change((*path, number + 1), "removed", plain(before[number]), None)


def _text_of(value: Any) -> str:
    """Return a value as a text that is the same for the same values (`true` is not 1, as it is in Python)."""
    return json.dumps(plain(value), ensure_ascii=False, sort_keys=True, default=str)


def _absent(value: Any) -> bool:
    return value is None or value == () or value == {}


def _is_list(value: Any) -> bool:
    """Return whether this is a list of parts; one of names or numbers is a single value."""
    return isinstance(value, (list, tuple)) and any(isinstance(each, (Model, Mapping)) for each in value)


def _same_kind(before: Model, after: Model) -> bool:
    """Return whether two parts are to be compared key by key; quiet hours are written as one value."""
    if isinstance(before, OneOf) and isinstance(after, OneOf):
        return before.kind == after.kind
    return type(before) is type(after) and not isinstance(before, QuietHours)


def _id_of(part: Any) -> str | None:
    """Return what identifies a part wherever it stands: a step's or variant's id, a dimension's value."""
    if not isinstance(part, Model) or isinstance(part, OneOf):
        return None
    identity = getattr(part, "id", None) or getattr(part, "value", None)
    return identity if isinstance(identity, str) else None


def _fields(model: Model) -> dict[str, Any]:
    """Return a model's fields by their keys in the YAML; of one with exactly one key, that and what stands beside it."""
    fields = type(model).model_fields
    names = [*fields]
    if isinstance(model, OneOf):
        names = [name for name in fields if name in type(model).beside or name.rstrip("_") == model.kind]
    written = {fields[name].alias or name: _of_kind(fields[name], getattr(model, name)) for name in names}
    return written | (model.model_extra or {})


def _of_kind(field: FieldInfo, value: Any) -> Any:
    """Return a field's value; a percentage, which is a number in the model, as people write it."""
    return f"{value:g}%" if all(each in field.metadata for each in _PERCENT) else value


# ── plain values ─────────────────────────────────────────────────────────────────────────────────────────────


def plain(value: Any) -> Any:
    """Return a value as people write it in YAML: keys as there, durations as 36h, times of day as 10:00; nothing that is a default."""
    if isinstance(value, OneOf):
        return {
            key: plain(each)
            for key, each in _fields(value).items()
            if key == value.kind or not _default(value, key, each)
        }
    if isinstance(value, QuietHours):
        return [plain(value.start), plain(value.end)]
    if isinstance(value, Model):
        return {key: plain(each) for key, each in _fields(value).items() if not _default(value, key, each)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple) and value and all(isinstance(each, time) for each in value):
        return "-".join(map(plain, value))  # a window
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return value.isoformat() if isinstance(value, date) else value


def _default(model: Model, key: str, value: Any) -> bool:
    if _absent(value):
        return True
    for name, info in type(model).model_fields.items():
        if (info.alias or name) == key:
            default = info.get_default(call_default_factory=True)
            return not info.is_required() and bool(_of_kind(info, default) == value)
    return False


def _duration(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    unit, size = next(
        (unit, size) for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)) if seconds % size == 0
    )
    return f"{seconds // size}{unit}"
