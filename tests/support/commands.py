"""Every command of the command line, found by walking the app."""

from __future__ import annotations

from collections.abc import Iterator

from engine.cli.commands import Group


def commands(group: Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the way to every command, groups too."""
    yield path
    for name, command in group.commands.items():
        if isinstance(command, Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)
