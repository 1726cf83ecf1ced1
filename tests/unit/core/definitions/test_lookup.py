"""Names that lead nowhere are answered with the nearest, and with what there is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.core.definitions import lookup
from engine.core.errors import NotFound, SopError
from tests.support.builders import a_sop, definitions
from tests.support.said import untranslated

KNOWN = definitions(a_sop(sop="renovation-lead"), a_sop(sop="wake-up"))


def refused(kind: type[SopError], *arguments: object) -> str:
    function, *rest = arguments
    with pytest.raises(kind) as error:
        function(*rest)  # type: ignore[operator]  # the first is a function
    assert untranslated(error.value.message) == []
    return str(error.value)


def test_a_defined_sop_is_found_and_an_unknown_one_is_not() -> None:
    assert lookup.defined_sop(KNOWN, "wake-up").sop.sop == "wake-up"
    assert refused(NotFound, lookup.defined_sop, KNOWN, "wakeup") == (
        "no SOP `wakeup` is in force. Did you mean `wake-up`? The SOPs are: renovation-lead, wake-up"
    )


def test_an_sop_that_cannot_be_read_says_so() -> None:
    broken = replace(KNOWN, broken=frozenset({"old"}))
    assert "cannot be read" in refused(SopError, lookup.defined_sop, broken, "old")
    lookup.check_pausable("sop", "old", broken)


def test_with_nothing_defined_there_is_nothing_to_name() -> None:
    assert refused(NotFound, lookup.defined_sop, definitions(), "x") == "no SOP `x` is in force. There are no SOPs"


def test_steps_and_channels_are_named() -> None:
    sop = a_sop(sop="lead")
    assert lookup.step_of(sop, "d1").id == "d1"
    assert "has no step `d2`. Did you mean `d1`?" in refused(NotFound, lookup.step_of, sop, "d2")
    assert "Did you mean `sms`?" in refused(NotFound, lookup.check_channel, KNOWN, "sns")


def test_only_so_many_names_are_listed() -> None:
    many = definitions(*(a_sop(sop=f"s-{number:02}") for number in range(30)))
    said = refused(NotFound, lookup.defined_sop, many, "zzz")
    assert said.endswith("s-19 …")
