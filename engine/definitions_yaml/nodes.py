"""YAML text as a tree of plain values that know their places. Everything dangerous is refused while reading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from engine.core.problems import Loc


@dataclass(slots=True)
class Node:
    """A value with its place; line and column count from 1."""

    kind: str
    """map, list or word."""
    line: int
    column: int
    value: Any = None
    """Of a word: its plain value."""
    style: str = ""
    """Of a word: empty if unquoted, else ' " | or >."""
    raw: str = ""
    """Of a word: as written, without quotes."""
    items: list[Node] = field(default_factory=list)
    members: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Where each key of a map stands."""

    @property
    def plain(self) -> Any:
        """The value without places."""
        if self.kind == "map":
            return {key: member.plain for key, member in self.members.items()}
        return [item.plain for item in self.items] if self.kind == "list" else self.value

    def child(self, part: str | int) -> Node | None:
        """Return the member or item of this name or index, or None."""
        if isinstance(part, int):
            return self.items[part] if self.kind == "list" and 0 <= part < len(self.items) else None
        return self.members.get(part)

    def walk(self, loc: Loc = ()) -> Iterator[tuple[Loc, Node]]:
        """Yield this node and all below it with the way to them."""
        yield loc, self
        for key, member in self.members.items():
            yield from member.walk((*loc, key))
        for index, item in enumerate(self.items):
            yield from item.walk((*loc, index))

    def at(self, loc: Loc) -> tuple[Node, Loc]:
        """Return the deepest node on the way and the way to it; parts that name no node here are left out."""
        node, way = self, []
        for part in loc:
            child = node.child(part)
            if child is not None:
                node = child
                way.append(part)
        return node, tuple(way)

    def place(self, loc: Loc, *, key: bool = False) -> tuple[int, int]:
        """Return line and column of the value at the end of the way, or of its key."""
        node, way = self.at(loc)
        if key and way and isinstance(way[-1], str):
            owner, _ = self.at(way[:-1])
            return owner.keys[way[-1]]
        if key and node.kind == "map" and loc and isinstance(loc[-1], str) and loc[-1] in node.keys:
            return node.keys[loc[-1]]
        return node.line, node.column
