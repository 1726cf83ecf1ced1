"""The databases that tests get: what one test leaves behind, another never meets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.conftest import Servers, _renamed
from tests.support.databases import Databases


@pytest.fixture
def own(servers: Servers, template: str) -> Iterator[Databases]:
    own = Databases(servers.database_url, template)
    yield own
    own.close()


@pytest.fixture
def connected(servers: Servers) -> Callable[[str], Any]:
    @contextmanager
    def connected(name: str) -> Iterator[psycopg.Connection]:
        url = make_url(_renamed(servers.database_url, name)).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
            yield connection

    return connected


def oid(connection: psycopg.Connection) -> Any:
    return connection.execute("select oid from pg_database where datname = current_database()").fetchone()


def used_twice(own: Databases, connected: Callable[[str], Any], change: str) -> tuple[bool, str, str]:
    """Change a database and give it back; whether the next one is the same, and the names of both."""
    first = own.take()
    with connected(first) as connection:
        before = oid(connection)
        connection.execute(change)
    own.give_back(first)
    second = own.take()
    with connected(second) as connection:
        same = oid(connection) == before
        assert connection.execute("insert into customers (ref) values ('c') returning id").fetchone() == (1,)
    own.give_back(second)
    return same, first, second


def test_rows_are_removed_ids_begin_anew_and_the_name_is_another(
    own: Databases, connected: Callable[[str], Any]
) -> None:
    same, first, second = used_twice(own, connected, "insert into customers (ref) values ('a'), ('b')")
    assert same and first != second
    with pytest.raises(psycopg.OperationalError, match="does not exist"), connected(first):
        pass


def test_an_id_that_was_given_out_and_rolled_back_is_given_out_again(
    own: Databases, connected: Callable[[str], Any]
) -> None:
    same, _, _ = used_twice(own, connected, "begin; insert into customers (ref) values ('a'); rollback")
    assert same


@pytest.mark.parametrize(
    "change",
    [
        "create table more ()",
        "create view more as select",
        "alter table customers add column more text",
        "alter table customers alter column ref drop not null",
        "alter table customers set (fillfactor = 50)",
        "alter table definitions disable trigger all",
        "create index more on events (source)",
        "create function more() returns int language sql as 'select 1'",
        "alter table customers rename to clients; create table customers (id int generated always as identity, ref text)",
        "create schema more",
        "insert into customers (ref) values ('a'); analyze customers",
        "do $$ begin execute format('alter database %I set timezone = ''Asia/Shanghai''', current_database()); end $$",
        "update alembic_version set version_num = 'another'",
    ],
)
def test_what_is_changed_otherwise_than_by_rows_of_tests_is_not_used_again(
    own: Databases, connected: Callable[[str], Any], change: str
) -> None:
    same, _, _ = used_twice(own, connected, change)
    assert not same


def test_who_is_still_connected_is_cut_off(own: Databases, connected: Callable[[str], Any]) -> None:
    name = own.take()
    with connected(name) as left_behind:
        left_behind.execute("begin; lock table customers")
        own.give_back(name)
        with pytest.raises(psycopg.OperationalError):
            left_behind.execute("select 1")
    own.give_back(own.take())
