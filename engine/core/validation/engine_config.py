"""Checks of clocks: what they count, and the one lifecycle they may have. That clocks exist where named is checked in `names`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from zoneinfo import available_timezones

from engine.core.definitions import LIFECYCLE, EngineConfig
from engine.core.errors import did_you_mean
from engine.core.problems import Problem
from engine.core.sentence import Sentence, codes, sentence_of
from engine.core.time.arithmetic import zone
from engine.core.validation.conditions import fits, wanted
from engine.core.validation.files import problem

ENGINE_FILE = "engine.yaml"
_TYPE = re.compile(r"[a-z][a-z0-9_.\-]{0,99}")
_USUAL = ("message.received", "purchase", "visit", "checkin")


def kinds_are_types(engine: EngineConfig) -> Iterator[Problem]:
    """A clock lists event types; what the engine makes itself is no activity."""
    for name, clock in engine.clocks.items():
        for index, kind in enumerate(clock.kinds):
            loc = ("clocks", name, "kinds", index)
            if not _TYPE.fullmatch(kind):
                hint = did_you_mean(kind, _USUAL) or Sentence(" Usual ones: {names}.", names=codes(_USUAL))
                message = Sentence(
                    "`{kind}` is no event type (small letters, digits, `.`, `_`, `-`).{hint}", kind=kind, hint=hint
                )
                yield problem(ENGINE_FILE, loc, message)
            elif kind.startswith("engine."):
                message = Sentence(
                    "`{kind}` is made by the engine and is no activity of a customer; remove it", kind=kind
                )
                yield problem(ENGINE_FILE, loc, message)


def one_lifecycle(engine: EngineConfig) -> Iterator[Problem]:
    """One clock at most has a lifecycle: a customer is in exactly one of its values."""
    with_one = [name for name, clock in engine.clocks.items() if clock.lifecycle is not None]
    for name in with_one[1:]:
        message = Sentence(
            "the clock `{clock}` has the lifecycle already; a customer is in one only, so remove it here or there",
            clock=with_one[0],
        )
        yield problem(ENGINE_FILE, ("clocks", name, "lifecycle"), message, key=True)


def lifecycle_computed(engine: EngineConfig) -> Iterator[Problem]:
    """The dimension of a clock's lifecycle is not declared a second time."""
    if LIFECYCLE in engine.dimensions and engine.lifecycle is not None:
        message = Sentence(
            "`{name}` is computed from the clock `{clock}`; remove it here, its values are the clock's",
            name=LIFECYCLE, clock=engine.lifecycle[0],
        )  # fmt: skip
        yield problem(ENGINE_FILE, ("dimensions", LIFECYCLE), message, key=True)


ENGINE_FILE = "engine.yaml"


def timezone_exists(engine: EngineConfig) -> Iterator[Problem]:
    """The zone is an IANA zone."""
    try:
        zone(engine.timezone)
    except ValueError as error:
        hint = did_you_mean(engine.timezone, available_timezones())
        message = Sentence("{said}.{hint}", said=sentence_of(error), hint=hint)
        yield problem(ENGINE_FILE, ("timezone",), message)


def defaults_fit(engine: EngineConfig) -> Iterator[Problem]:
    """An attribute's default is of its type."""
    for name, attribute in engine.attributes.items():
        if attribute.default is not None and not fits(attribute.default, attribute.type):
            message = Sentence(
                "the default of `{name}` is `{value}`, which is not {wanted}",
                name=name, value=str(attribute.default), wanted=wanted(attribute.type),
            )  # fmt: skip
            yield problem(ENGINE_FILE, ("attributes", name, "default"), message)


def roles_once(engine: EngineConfig) -> Iterator[Problem]:
    """A role is listed once."""
    for index, role in enumerate(engine.staff):
        if role in engine.staff[:index]:
            message = Sentence("the role `{role}` is listed twice; remove one", role=role)
            yield problem(ENGINE_FILE, ("staff", index), message)
