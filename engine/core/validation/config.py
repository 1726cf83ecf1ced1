"""Checks of engine.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import available_timezones

from engine.core.definitions import EngineConfig
from engine.core.errors import did_you_mean
from engine.core.problems import Problem
from engine.core.time.arithmetic import zone
from engine.core.validation.files import problem
from engine.core.validation.fitting import fits, wanted

ENGINE_FILE = "engine.yaml"


def timezone_exists(engine: EngineConfig) -> Iterator[Problem]:
    """The zone is an IANA zone."""
    try:
        zone(engine.timezone)
    except ValueError as error:
        yield problem(ENGINE_FILE, ("timezone",), f"{error}.{did_you_mean(engine.timezone, available_timezones())}")


def defaults_fit(engine: EngineConfig) -> Iterator[Problem]:
    """An attribute's default is of its type."""
    for name, attribute in engine.attributes.items():
        if attribute.default is not None and not fits(attribute.default, attribute.type):
            message = f"the default of `{name}` is `{attribute.default}`, which is not {wanted(attribute.type)}"
            yield problem(ENGINE_FILE, ("attributes", name, "default"), message)


def roles_once(engine: EngineConfig) -> Iterator[Problem]:
    """A role is listed once."""
    for index, role in enumerate(engine.staff):
        if role in engine.staff[:index]:
            yield problem(ENGINE_FILE, ("staff", index), f"the role `{role}` is listed twice; remove one")
