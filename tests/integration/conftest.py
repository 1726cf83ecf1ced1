"""What integration tests share: the whole engine on this test's servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.support.interleaving import separate
from tests.support.pipeline import Pipeline


@pytest.fixture
def pipeline(database_url: str, redis_url: str) -> Iterator[Pipeline]:
    """The engine with an empty database, an empty queue and a clock of its own."""
    with Pipeline(database_url, redis_url) as pipeline:
        yield pipeline


@pytest.fixture
def witness(database_url: str) -> Iterator[Engine]:
    """Somebody else's connections."""
    engine = separate(database_url)
    yield engine
    engine.dispose()
