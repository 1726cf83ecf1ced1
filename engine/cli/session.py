"""What a command works with: settings, parts, the engine's zone."""

from __future__ import annotations

import getpass
import signal
from collections.abc import Callable, Iterable
from datetime import datetime
from time import sleep
from typing import Annotated, TypeVar

import typer

from engine.core.definitions.base import parse_duration
from engine.core.errors import SopError
from engine.core.sentence import Sentence
from engine.core.time.arithmetic import zone
from engine.settings import Settings
from engine.store.database import DatabaseUnavailable, transaction
from engine.wiring import Wiring

_LOOK_EVERY = 1.0
T = TypeVar("T")


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


_opened: list[Wiring] = []


def wiring() -> Wiring:
    """Return the parts, made of the environment's settings; `close` ends their connections."""
    _opened.append(Wiring(Settings(), "cli"))
    return _opened[-1]


def close() -> None:
    """End the connections of every `wiring` handed out."""
    while _opened:
        made = vars(_opened.pop())  # only what was asked for was ever made
        if "engine" in made:
            made["engine"].dispose()
        if "redis" in made:
            made["redis"].close()


def who() -> str:
    """Return who gives this command, as the audit names them: `cli:<user>`."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:unknown"


def zone_of(parts: Wiring) -> str:
    """Return the engine's zone, in which times are shown."""
    with transaction(parts.engine) as connection:
        return parts.current.read(connection).engine.timezone


def moment(text: str, now: datetime, zone_name: str) -> datetime:
    """Return the moment that `text` names: a duration before now (7d, 2h), or a date or time (in the zone, without an offset).

    Raises SopError with what is allowed.
    """
    try:
        return now - parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SopError(
            Sentence("`{text}` is no time; write 7d, 2h, 30m, or 2026-03-01, or 2026-03-01T10:00:00+08:00", text=text)
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=zone(zone_name))


def end_at_interrupt() -> None:
    """Have SIGINT end this command although it may be ignored, as a shell has it for what it starts in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def follow(look: Callable[[], Iterable[T]], show: Callable[[T], None]) -> None:
    """Show what is new, once a second, until Ctrl-C. A database that is away for a while is waited for."""
    while True:
        try:
            for each in look():
                show(each)
        except DatabaseUnavailable:
            pass
        sleep(_LOOK_EVERY)
