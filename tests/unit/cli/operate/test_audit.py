"""What `sop audit` tells of one entry."""

from __future__ import annotations

import pytest

from engine.cli import language
from engine.cli.operate.repair import _detail
from engine.cli.views import output
from engine.cli.views.output import clean

APPLIED = {"generation": 3, "new": ["wake-up", "booking"], "removed": [], "reason": None, "else": 1}
ENGLISH = "generation: 3, new: wake-up, booking, else: 1"


def test_names_are_told_as_they_are_stored_in_a_pipe() -> None:
    language.choose([], {"SOP_LANG": "en"})
    assert clean(_detail(APPLIED)) == ENGLISH
    assert clean(_detail({})) == ""


@pytest.mark.parametrize(("tongue", "said"), [("en", ENGLISH), ("zh", "代：3；新增：wake-up、booking；else：1")])
def test_and_in_words_on_a_terminal(tongue: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    language.choose([], {"SOP_LANG": tongue})
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    assert clean(_detail(APPLIED)) == said
