"""Real servers for every test that needs one: those named by SOP_TEST_DATABASE_URL and SOP_TEST_REDIS_URL, else embedded ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import redis
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from engine.embedded import EmbeddedServers
from engine.settings import temporary_state_dir
from engine.store import schema
from engine.store.database import connect
from tests.support.databases import Databases


@dataclass(frozen=True)
class Servers:
    """Where the servers of this test session answer."""

    database_url: str
    redis_url: str


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Servers that live as long as the test session."""
    database, queue = os.environ.get("SOP_TEST_DATABASE_URL"), os.environ.get("SOP_TEST_REDIS_URL")
    if database and queue:
        yield Servers(database, queue)
        return
    folder = temporary_state_dir("sop-test-")
    with EmbeddedServers.start(folder, throwaway=True) as embedded:
        yield Servers(database or embedded.database_url, queue or embedded.redis_url)
    shutil.rmtree(folder, ignore_errors=True)


def _execute(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _renamed(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def template(servers: Servers) -> str:
    """A migrated database to copy from."""
    name = f"sop_template_{os.getpid()}"
    _execute(servers.database_url, f"create database {name}")
    engine = connect(_renamed(servers.database_url, name))
    schema.upgrade(engine)
    engine.dispose()
    return name


@pytest.fixture(scope="session")
def databases(servers: Servers, template: str) -> Iterator[Databases]:
    """The databases of this test session."""
    databases = Databases(servers.database_url, template)
    yield databases
    databases.close()


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A migrated, empty database for this test."""
    with databases.one() as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Connections to this test's database."""
    engine = connect(database_url, pool_size=10)
    yield engine
    engine.dispose()


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """A Redis without any data."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    return servers.redis_url
