"""Each test of the command line begins in English."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.cli import language


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No language of this machine's, and none that a command before has left."""
    for name in ("SOP_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    language.choose([], {})
    yield
    language.choose([], {})
