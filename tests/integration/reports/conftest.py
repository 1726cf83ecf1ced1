"""Whatever is refused in these tests can be said in Chinese."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.core.sentence import Sentence
from tests.support import said


@pytest.fixture(autouse=True)
def refusals(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Sentence]]:
    """What every error says."""
    yield from said.refusals(monkeypatch)
